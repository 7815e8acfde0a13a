"""The function can be killed at any call: the next attempt ends where an undisturbed run would have ended."""

from contextlib import suppress
from typing import Literal

import pytest

from rotation.errors import PendingKeyRefusedError, RotationError
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
def test_a_run_killed_at_any_call_to_secrets_manager_is_healed_by_the_next(
    used: tuple[str, ...], kill: Literal["before", "after"]
) -> None:
    calm = before_the_kill(used)
    first = len(calm.client.made)
    calm.rotate()

    for kill_at in range(first, len(calm.client.made)):
        world = before_the_kill(used)
        world.client.kill, world.client.kill_at = kill, kill_at
        assert world.rotate() == "RotationSucceeded", kill_at
        assert world.lives() == calm.lives(), kill_at
        assert world.current_value() == calm.current_value(), kill_at


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
    first = len(calm.client.made)
    with pytest.raises(PendingKeyRefusedError):
        calm.step("testSecret", token)

    for kill_at in range(first, len(calm.client.made)):
        world, token = with_a_dead_pending_key()
        world.client.kill, world.client.kill_at = kill, kill_at
        with pytest.raises(KilledError):
            world.step("testSecret", token)
        with suppress(RotationError):
            world.step("testSecret", token)
        assert world.lives() == {"live": "AWSCURRENT KEY", "dies": "KEY REJECTED(refused)"}, kill_at
