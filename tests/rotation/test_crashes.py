"""The function can be killed at any call: the next attempt ends where an undisturbed run would have ended."""

from typing import Literal

import pytest
from rotation_world import World

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
