"""What nobody can decrypt any more is let go on an operator's word, unless the rotator may read nothing at all."""

from datetime import UTC, datetime

import pytest

from klaviyo_access.keys.labels import Rejected
from klaviyo_access.keys.secret import fingerprint
from rotation.errors import EventRefusedError, StoreError
from tests.rotation.acts import used
from tests.rotation.rotation_world import World, key_value


def with_lost(name: str, *, rejected: bool = False) -> World:
    world = World()
    world.stage(name, known=not rejected)
    if rejected:
        world.rotate()
    _, version = world.found(name)
    world.client.undecrypted.add(version)
    return world


@pytest.mark.parametrize("rejected", [False, True], ids=["a waiting spare", "a rejected one"])
def test_what_nobody_can_decrypt_is_let_go_once_a_person_asks(rejected: bool) -> None:
    world = with_lost("a", rejected=rejected)
    lives = world.lives()
    assert world.ask("begin-disable", "a")["reason"] == "undecryptable"
    said = world.ask("prove-dead", "a")
    assert (said["outcome"], said["reason"], world.lives()) == ("no answer", "undecryptable", lives)
    said = world.ask("discard", "a")
    assert (said["outcome"], said["reason"], world.lives()) == ("discarded", "undecryptable", {})


def test_a_leaked_key_that_nobody_can_decrypt_keeps_the_word_that_it_leaked() -> None:
    world = World()
    world.stage("a")
    world.ask("leaked", "a")
    _, version = world.found("a")
    world.client.undecrypted.add(version)
    with pytest.raises(EventRefusedError):
        world.ask("discard", "a")
    assert world.lives() == {"a": "reserve REJECTED(leaked)"}


def test_a_rotator_that_may_read_nothing_lets_nothing_go() -> None:
    world = with_lost("a")
    tombstone = world.labels(world.reserve_arn).current
    assert tombstone is not None
    world.client.undecrypted.add(tombstone.id)
    for action in ("begin-disable", "prove-dead", "discard"):
        with pytest.raises(StoreError):
            world.ask(action, "a")
    assert world.lives() == {"a": "reserve SPARE"}


def test_a_roll_back_that_was_not_completed_goes_on_though_nobody_can_decrypt_what_it_leaves() -> None:
    world = World()
    used("a", "b")(world)
    _, left = world.found("b")
    world.label(world.key_arn, str(Rejected(datetime.now(UTC), fingerprint(key_value("b")), "rolled-back")), left)
    world.client.undecrypted.add(left)
    assert world.ask("canary")["outcome"] == "rolled back"
    assert world.lives() == {"a": "AWSCURRENT KEY", "b": "AWSPREVIOUS KEY REJECTED(rolled-back)"}
