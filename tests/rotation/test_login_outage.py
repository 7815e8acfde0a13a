"""A 401 for everybody, as in an incident at Klaviyo's login, condemns no key and proves none dead."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rotation.errors import EventRefusedError, EverybodyRefusedError, KlaviyoSilentError, RotationError
from tests.rotation.acts import asked, dies, put_several, refused_spare, stage, used
from tests.rotation.rotation_world import SCOPES, World, key_value
from tests.rotation.state_machine.faults import UNKNOWN_KEY

LIVE, OLD = "AWSCURRENT KEY", "AWSPREVIOUS KEY RETIRED"


def with_two_spares() -> World:
    world = World()
    used("a", "b")(world)
    world.stage("c")
    world.stage("d")
    return world


def test_a_rotation_meanwhile_changes_nothing_and_the_next_one_succeeds() -> None:
    world = with_two_spares()
    before = world.lives()
    known = dict(world.klaviyo.scopes)
    world.klaviyo.scopes.clear()

    world.rotate()

    assert world.lives() == before
    assert [type(error) for error in world.errors] == [EverybodyRefusedError]
    assert world.ask("canary")["outcome"] == "nothing to fall back on"
    world.klaviyo.scopes.update(known)
    world.rotate()
    assert world.lives() == {"a": "KEY RETIRED", "b": OLD, "c": LIVE, "d": "reserve SPARE"}


def test_the_first_keys_of_a_role_are_not_rejected_meanwhile() -> None:
    world = World()
    world.stage("a")
    world.stage("b")
    known = dict(world.klaviyo.scopes)
    world.klaviyo.scopes.clear()
    world.rotate()
    assert world.lives() == {"a": "reserve SPARE", "b": "reserve SPARE"}
    world.klaviyo.scopes.update(known)
    assert world.rotate() == "RotationSucceeded"
    assert world.lives() == {"a": "AWSCURRENT KEY", "b": "reserve SPARE"}


HIDDEN: dict[str, tuple[str, tuple[str, ...], str]] = {
    "not now": ("ThrottlingException", ("a",), "reserve SPARE"),
    "not now, with another one": ("ThrottlingException", ("a", "b"), "reserve SPARE"),
    "lost": ("DecryptionFailure", ("a",), "reserve SPARE"),
    "lost, with another one": ("DecryptionFailure", ("a", "b"), "reserve REJECTED(refused)"),
}


@pytest.mark.parametrize(("code", "in_use", "life"), HIDDEN.values(), ids=HIDDEN)
def test_a_refused_spare_is_rejected_only_beside_a_control_that_aws_shows(
    code: str, in_use: tuple[str, ...], life: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    used(*in_use)(world)
    world.stage("x")
    dies("x")(world)
    right = world.client._answer

    def answer(operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "GetSecretValue" and "AWSCURRENT" in parameters.values():
            raise ClientError({"Error": {"Code": code, "Message": ""}}, operation)
        return right(operation, parameters)

    monkeypatch.setattr(world.client, "_answer", answer)
    world.rotate()
    assert world.lives()["x"] == life


def test_a_pending_key_gets_no_verdict_meanwhile() -> None:
    world = with_two_spares()
    token = world.announce()
    world.step("createSecret", token)
    before = world.lives()
    world.klaviyo.scopes.clear()

    with pytest.raises(KlaviyoSilentError, match="answers 401 to every key"):
        world.step("testSecret", token)

    assert world.lives() == before | {"c": "AWSPENDING KEY"}


@pytest.mark.parametrize("key", ["a", "x"])
def test_no_key_is_proved_dead_meanwhile(key: str) -> None:
    world = World()
    used("a", "b")(world)
    refused_spare("x")(world)
    before = world.lives()
    world.klaviyo.scopes.clear()

    assert world.ask("prove-dead", key)["outcome"] == "no answer"

    assert world.lives() == before


def test_keys_that_are_really_all_dead_give_way_to_the_first_good_spare() -> None:
    world = with_two_spares()
    dies("a", "b", "c", "d")(world)
    with suppress(RotationError):
        world.rotate()
    world.stage("good")

    assert world.rotate() == "RotationSucceeded"

    assert world.lives()["good"] == LIVE
    assert {world.lives()[name] for name in ("c", "d")} == {"reserve REJECTED(refused)"}
    for name in ("a", "c", "d"):
        assert world.ask("prove-dead", name)["outcome"] == "dead"


def test_a_pending_key_that_died_with_all_others_gets_its_verdict_by_a_spare_that_works() -> None:
    world = with_two_spares()
    token = world.announce()
    world.step("createSecret", token)
    dies("a", "b", "c")(world)

    with pytest.raises(RotationError):
        world.step("testSecret", token)

    assert world.lives()["c"] == "KEY REJECTED(refused)"


def test_a_key_in_use_that_lacks_a_scope_is_a_control_all_the_same() -> None:
    world = World()
    used("a")(world)
    world.klaviyo.scopes[key_value("a")] = SCOPES[1:]
    refused_spare("x")(world)
    assert world.lives()["x"] == "reserve REJECTED(refused)"


BELIEVERS: dict[str, tuple[Callable[[World], object], Callable[[World], object]]] = {
    "a proof of death": (asked("leaked", "a"), lambda world: world.ask("prove-dead", "a")),
    "a canary": (stage(), lambda world: world.ask("canary")),
    "a rotation": (stage("c"), World.rotate),
    "a rotation with two spares": (stage("c", "d"), World.rotate),
}


@pytest.mark.parametrize("answers", [1, 2, 3, 4])
@pytest.mark.parametrize(("before", "act"), BELIEVERS.values(), ids=BELIEVERS)
def test_no_key_that_lives_is_condemned_or_let_go_whenever_the_login_fails_for_some_answers(
    before: Callable[[World], object], act: Callable[[World], object], answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in range(8):
        world = World()
        used("a", "b")(world)
        before(world)
        known = world.lives().keys()
        right, number = world.klaviyo._answer, count()

        def failing(*request: Any, first: int = first, right: Any = right, number: Any = number) -> Any:
            return UNKNOWN_KEY if first <= next(number) < first + answers else right(*request)

        with monkeypatch.context() as patched, suppress(RotationError):
            patched.setattr(world.klaviyo, "_answer", failing)
            act(world)
        assert world.lives().keys() >= known, first
        assert not [name for name, life in world.lives().items() if "REJECTED" in life], first


def test_a_control_that_is_not_answered_is_no_401_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    used("a")(world)
    world.stage("x")
    dies("x")(world)
    right = world.klaviyo._answer

    def answer(method: str, url: str, headers: Any, *rest: Any) -> Any:
        is_control = key_value("a") in headers["Authorization"]
        return (503, {}, b"") if is_control else right(method, url, headers, *rest)

    monkeypatch.setattr(world.klaviyo, "_answer", answer)
    world.rotate()
    assert {type(error) for error in world.errors} == {KlaviyoSilentError}
    assert "says nothing definite of those with which it was to be compared" in str(world.errors[0])
    assert world.lives() == {"": "AWSPENDING", "a": "AWSCURRENT KEY", "x": "reserve SPARE"}


def test_a_value_of_several_keys_is_a_control_too() -> None:
    world = World()
    put_several("m", "n")(world)
    world.stage("c")
    world.klaviyo.scopes.clear()
    world.rotate()
    assert [type(error) for error in world.errors] == [EverybodyRefusedError]
    assert world.lives()["c"] == "reserve SPARE"


def test_what_holds_several_keys_is_not_rolled_back_without_a_verdict() -> None:
    world = World()
    used("a", "b")(world)
    put_several("x", "y")(world)
    current = world.labels(world.key_arn).current
    assert current is not None
    with pytest.raises(EventRefusedError, match="no verdict can be passed"):
        world.invoke({"action": "rollback", "version": current.id})
    assert world.labels(world.key_arn).current == current
