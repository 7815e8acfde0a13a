"""The function can be killed before and after any call to AWS or Klaviyo: run again, it ends where an undisturbed run
would have ended."""

from contextlib import suppress
from typing import Literal

import pytest

from rotation.errors import EventRefusedError, PendingKeyRefusedError, RotationError
from tests.rotation.action_cases import CASES, Case, before
from tests.rotation.rotation_world import KilledError, World, key_value

USED = {"first key": (), "second key": ("old",), "third key": ("older", "old")}


def before_the_kill(used: tuple[str, ...]) -> World:
    """A world with its used keys, then a bad and a good spare."""
    world = World(attempts=3)
    for name in used:
        world.stage(name)
        world.rotate()
    world.stage("bad", known=False)
    world.stage("new")
    return world


@pytest.mark.parametrize("kill", ["before", "after"])
@pytest.mark.parametrize("used", USED.values(), ids=USED.keys())
def test_a_rotation_killed_at_any_call_is_healed_by_the_next_attempt(
    used: tuple[str, ...], kill: Literal["before", "after"]
) -> None:
    calm = before_the_kill(used)
    first = calm.process.calls
    calm.rotate()

    for dies_at in range(first, calm.process.calls):
        world = before_the_kill(used)
        world.process.dies, world.process.dies_at = kill, dies_at
        assert world.rotate() == "RotationSucceeded", dies_at
        assert world.lives() == calm.lives(), dies_at
        assert world.current_value() == calm.current_value(), dies_at


def with_a_dead_pending_key() -> tuple[World, str]:
    world = World()
    for name in ("live", "dies"):
        world.stage(name)
    world.rotate()
    token = world.announce()
    world.step("createSecret", token)
    del world.klaviyo.scopes[key_value("dies")]
    return world, token


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_refusal_killed_at_any_call_ends_with_the_verdict_once_and_nothing_pending(
    kill: Literal["before", "after"],
) -> None:
    calm, token = with_a_dead_pending_key()
    first = calm.process.calls
    with pytest.raises(PendingKeyRefusedError):
        calm.step("testSecret", token)

    for dies_at in range(first, calm.process.calls):
        world, token = with_a_dead_pending_key()
        world.process.dies, world.process.dies_at = kill, dies_at
        with pytest.raises(KilledError):
            world.step("testSecret", token)
        with suppress(RotationError):
            world.step("testSecret", token)
        assert world.lives() == {"live": "AWSCURRENT KEY", "dies": "KEY REJECTED(refused)"}, dies_at


def ask_until_done(world: World, case: Case) -> None:
    """Ask again, as whoever got no answer does: also once a grace that starts anew is over, and for what is done."""
    with suppress(EventRefusedError):
        if world.ask(case.action, case.key)["outcome"] == "too early":
            world.now += world.settings.grace.total_seconds()
            world.ask(case.action, case.key)


@pytest.mark.parametrize("kill", ["before", "after"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_action_killed_at_any_call_and_asked_for_again_ends_where_it_would_have(
    case: Case, kill: Literal["before", "after"]
) -> None:
    calm = before(case)
    first = calm.process.calls
    calm.ask(case.action, case.key)

    for dies_at in range(first, calm.process.calls):
        world = before(case)
        world.process.dies, world.process.dies_at = kill, dies_at
        with pytest.raises(KilledError):
            world.ask(case.action, case.key)
        assert world.lives().keys() >= calm.lives().keys(), dies_at
        if case.answer["outcome"] == "too early":
            world.ask(case.action, case.key)
        else:
            ask_until_done(world, case)
        assert world.lives() == calm.lives(), dies_at


@pytest.mark.parametrize("kill", ["before", "after"])
@pytest.mark.parametrize("case", ["within the grace, disabled by hand", "a leaked one"])
def test_a_proof_of_death_that_was_killed_leaves_a_key_that_is_whole_or_one_that_is_found_and_never_used(
    case: str, kill: Literal["before", "after"]
) -> None:
    calm = before(CASES[f"prove-dead: {case}"])
    first = calm.process.calls
    calm.ask("prove-dead", "a")

    for dies_at in range(first, calm.process.calls):
        world = before(CASES[f"prove-dead: {case}"])
        whole = world.lives()["a"]
        world.process.dies, world.process.dies_at = kill, dies_at
        with pytest.raises(KilledError):
            world.ask("prove-dead", "a")
        left = world.lives().get("a", "")
        assert left in {whole, ""} or ("KEY" in left and "AWSPREVIOUS" not in left), dies_at
