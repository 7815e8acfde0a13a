"""A key that somebody else put: managed as it is, proved at Klaviyo, and a key like any other from then on."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import pytest

from klaviyo_access.keys.secret import fingerprint
from rotation.auditor.findings import URGENT, Kind
from rotation.canary_findings import of_canary
from rotation.errors import LabelsFullError
from tests.rotation.acts import dies, klaviyo_answers, leave_free, loses
from tests.rotation.rotation_world import KilledError, World, key_value

LIVE = {"a": "AWSCURRENT KEY"}


@pytest.fixture
def world() -> World:
    """Somebody put a bare key."""
    made = World()
    made.adopt("a", key_value("a"))
    return made


def test_a_bare_key_is_managed_and_its_value_stays_as_it_is(world: World) -> None:
    answer = world.ask("adopt")

    assert answer == {
        "action": "adopt",
        "outcome": "adopted",
        "fingerprint": fingerprint(key_value("a")),
        "unproved": ["profiles:write"],
    }
    assert world.lives() == LIVE
    assert world.client.get_secret_value(SecretId=world.key_arn)["SecretString"] == key_value("a")


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        (dies("a"), {"outcome": "adopted", "reason": "refused"}),
        (loses("a", "lists:read"), {"outcome": "adopted", "reason": "missing:lists:read"}),
        (klaviyo_answers(503), {"outcome": "no answer"}),
    ],
    ids=["it is dead", "it lacks a scope", "Klaviyo is down"],
)
def test_what_klaviyo_has_against_it_is_told_and_it_is_managed_nevertheless(
    world: World, act: Callable[[World], object], answer: dict[str, str]
) -> None:
    act(world)

    assert world.ask("adopt") == {"action": "adopt", "fingerprint": fingerprint(key_value("a")), **answer}
    assert world.lives() == LIVE


def test_where_there_is_no_key_nothing_is_adopted() -> None:
    world = World()
    assert world.ask("adopt") == {"action": "adopt", "outcome": "nothing to adopt", "reason": "no key"}

    world.adopt("a", json.dumps({"password": "another secret"}))
    assert world.ask("adopt") == {"action": "adopt", "outcome": "nothing to adopt", "reason": "malformed"}
    assert world.lives() == {}


def test_a_key_without_room_for_its_label_is_not_called_adopted(world: World) -> None:
    leave_free("key", 0)(world)

    with pytest.raises(LabelsFullError):
        world.ask("adopt")


def test_an_adopted_key_is_looked_after_and_come_back_to_as_any_other(world: World) -> None:
    assert world.ask("canary")["outcome"] == "fine"
    world.stage("b")
    world.rotate()

    assert world.ask("rollback", "b")["outcome"] == "rolled back"
    assert world.lives()["a"] == LIVE["a"]
    assert world.ask("canary")["outcome"] == "fine"


@pytest.mark.parametrize("kill", ["before", "after"])
def test_an_adoption_killed_at_any_call_and_asked_for_again_ends_where_it_would_have(
    kill: Literal["before", "after"],
) -> None:
    calm = World()
    calm.adopt("a", key_value("a"))
    first = calm.process.calls
    calm.ask("adopt")

    for dies_at in range(first, calm.process.calls):
        world = World()
        world.adopt("a", key_value("a"))
        world.process.dies, world.process.dies_at = kill, dies_at
        with suppress(KilledError):
            world.ask("adopt")
        assert world.ask("adopt")["outcome"] == "adopted", dies_at
        assert world.lives() == LIVE, dies_at


@pytest.mark.parametrize("value", ["{}", f"{key_value('a')} {key_value('b')}"], ids=["no key", "two keys"])
def test_a_value_of_which_nobody_knows_the_key_is_not_called_refused(value: str) -> None:
    world = World()
    world.adopt("a", value)
    said = of_canary("viewer", world.ask("canary"))
    assert said
    assert (said.kind, said.kind in URGENT, said.needs_rotation) == (Kind.UNMANAGED, True, False)
    assert "keys adopt viewer" in said.message
    assert "keys stage viewer" in said.message


def test_a_role_that_has_no_key_yet_is_nobodys_alarm() -> None:
    assert of_canary("viewer", World().ask("canary")) is None
