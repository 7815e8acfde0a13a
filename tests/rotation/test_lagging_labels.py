"""Reads of labels may lag behind: what a run does by labels of then harms nothing that came since."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest

from klaviyo_access.keys.labels import Rejected
from rotation.errors import EventRefusedError, KlaviyoSilentError
from tests.rotation.acts import used
from tests.rotation.rotation_world import World, key_value


def labels_of_now(world: World) -> Mapping[str, Any]:
    """What DescribeSecret says of the key secret."""
    described: Mapping[str, Any] = world.client._answer("DescribeSecret", {"SecretId": world.key_arn})
    return described


def lag(
    world: World, monkeypatch: pytest.MonkeyPatch, then: Mapping[str, Any], *, readings: int, after: int = 0
) -> None:
    """Let ``readings`` of the key secret's labels say what was true ``then``, ``after`` so many that say the truth."""
    right, number = world.client._answer, count()

    def lagging(operation: str, parameters: dict[str, Any]) -> Any:
        is_one = operation == "DescribeSecret" and parameters["SecretId"] == world.key_arn
        if is_one and after <= next(number) < after + readings:
            return then
        return right(operation, parameters)

    monkeypatch.setattr(world.client, "_answer", lagging)


@pytest.mark.parametrize("readings", [1, 2])
def test_a_late_finish_does_not_bring_the_key_before_back(readings: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    used("a")(world)
    world.stage("b")
    token = world.announce()
    world.step("createSecret", token)
    then = labels_of_now(world)
    world.step("finishSecret", token)
    used("c")(world)
    before = world.lives()

    lag(world, monkeypatch, then, readings=readings)
    with pytest.raises(EventRefusedError):
        world.step("finishSecret", token)
    assert world.lives() == before


def test_a_key_put_by_hand_that_has_no_name_yet_is_not_rolled_back_without_a_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    used("a", "b")(world)
    then = labels_of_now(world)
    world.adopt("x", key_value("x"))
    put = world.labels(world.key_arn).current
    assert put is not None

    lag(world, monkeypatch, then, readings=1)
    with pytest.raises(EventRefusedError, match="holds a key that its labels do not name yet"):
        world.invoke({"action": "rollback", "version": put.id})
    current = world.labels(world.key_arn).current
    assert current is not None
    assert current.id == put.id

    assert world.invoke({"action": "rollback", "version": put.id})["outcome"] == "rolled back"
    assert world.lives()["x"] == "AWSPREVIOUS KEY REJECTED(rolled-back)"


@pytest.mark.parametrize("reading", range(7))
@pytest.mark.parametrize("asked", ["rollback", "canary"])
def test_a_leaked_key_does_not_come_back_by_the_one_reading_that_lags_behind_its_mark(
    asked: str, reading: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    used("a", "b")(world)
    then = labels_of_now(world)
    world.ask("leaked", "a")
    current = world.labels(world.key_arn).current
    assert current is not None
    if asked == "canary":
        del world.klaviyo.scopes[key_value("b")]

    lag(world, monkeypatch, then, readings=1, after=reading)
    world.invoke({"action": asked} | ({"version": current.id} if asked == "rollback" else {}))
    assert world.lives()["b"].startswith("AWSCURRENT KEY")


def test_a_value_without_a_key_is_rolled_back_without_a_verdict() -> None:
    world = World()
    used("a", "b")(world)
    world.adopt("x", "no key at all")
    put = world.labels(world.key_arn).current
    assert put is not None
    assert world.invoke({"action": "rollback", "version": put.id})["outcome"] == "rolled back"
    assert world.lives()["b"] == "AWSCURRENT KEY"


@pytest.mark.parametrize("readings", [0, 1])
def test_the_first_key_that_services_read_already_is_not_condemned_by_its_own_401(
    readings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(first_value="also-current")
    world.stage("a")
    token = world.announce()
    world.step("createSecret", token)
    made = labels_of_now(world)
    then = {**made, "VersionIdsToStages": {token: ["AWSPENDING", *_ours(made, token)]}}
    world.klaviyo.scopes.clear()

    lag(world, monkeypatch, then, readings=readings)
    with pytest.raises(KlaviyoSilentError, match="answers 401 to every key"):
        world.step("testSecret", token)
    found = world.labels(world.key_arn).version(token)
    assert found is not None
    assert not any(isinstance(label, Rejected) for label in found.ours)


def _ours(described: Mapping[str, Any], version: str) -> list[str]:
    return [label for label in described["VersionIdsToStages"][version] if not label.startswith("AWS")]
