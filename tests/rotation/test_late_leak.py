"""A key that is marked as leaked by labels that lag, while it is promoted, never becomes current."""

from typing import Any

import pytest

from klaviyo_access.keys.labels import Leaked
from klaviyo_access.keys.secret import fingerprint
from rotation.errors import LabelsFullError, PendingKeyRefusedError
from tests.rotation.acts import leave_free, put, used
from tests.rotation.rotation_world import World, key_value


def announced(world: World, monkeypatch: pytest.MonkeyPatch, *, readings: int) -> str:
    """A rotation to ``b`` between createSecret and setSecret, and ``b`` is marked by labels of before."""
    right, left = world.client._answer, [0]
    world.stage("b")
    old = right("DescribeSecret", {"SecretId": world.key_arn})
    token = world.announce()
    world.step("createSecret", token)

    def lagging(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if operation == "DescribeSecret" and parameters["SecretId"] == world.key_arn and left[0]:
            left[0] -= 1
            return old
        return right(operation, parameters)

    with monkeypatch.context() as patched:
        patched.setattr(world.client, "_answer", lagging)
        left[0] = readings
        world.ask("leaked", "b")
    return token


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_the_reserves_word_stops_the_promotion(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    used("a")(world)
    token = announced(world, monkeypatch, readings=99)
    assert world.lives()["a"] == "AWSCURRENT KEY"

    with pytest.raises(PendingKeyRefusedError, match="the reserve calls it leaked"):
        world.step(step, token)

    world.ask("canary")
    assert world.lives()["a"] == "AWSCURRENT KEY"
    assert world.labels(world.key_arn).pending is None
    assert fingerprint(key_value("b")) in world.labels(world.reserve_arn).leaked_fingerprints


def test_the_key_is_marked_where_it_went_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    used("a")(world)
    announced(world, monkeypatch, readings=2)
    marked = [label for version in world.labels(world.key_arn) for label in version.ours if isinstance(label, Leaked)]
    assert marked == [Leaked(fingerprint(key_value("b")))]
    assert world.labels(world.key_arn).pending is None


def test_a_key_that_services_read_until_now_is_known_though_no_label_names_it() -> None:
    world = World()
    used("a")(world)
    leave_free("key", 1)(world)
    put("x")(world)
    put("y")(world)
    with pytest.raises(LabelsFullError):
        world.ask("leaked", "x")
