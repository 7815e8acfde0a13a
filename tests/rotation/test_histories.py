"""Rotation histories: what happens to a role's keys, and which life each key is in at the end."""

import json
from dataclasses import dataclass

import pytest

from klaviyo_access.keys.labels import Version
from klaviyo_access.keys.secret import Key, fingerprint
from rotation import rotator
from rotation.actions.healing import heal
from rotation.errors import EventRefusedError, PendingKeyRefusedError, StoreError
from rotation.keys.role_keys import RoleKeys
from rotation.keys.values import promoted_value
from tests.rotation.acts import (
    Act,
    crowd,
    drop_pending,
    klaviyo_answers,
    klaviyo_learns,
    leave_free,
    stage,
    stage_labelled,
    stage_of_account,
    stage_unknown,
    stage_value,
    stage_with,
    tells_nothing,
)
from tests.rotation.rotation_world import SCOPES, World, key_value


@dataclass(frozen=True)
class History:
    """What is done, the errors that the rotator raised meanwhile, and the keys' lives at the end."""

    acts: tuple[Act, ...]
    lives: dict[str, str]
    errors: tuple[str, ...] = ()


rotate: Act = World.rotate
enable: Act = World.enable_rotation

LIVE, OLD = "AWSCURRENT KEY", "AWSPREVIOUS KEY RETIRED"

HISTORIES: dict[str, History] = {
    "the first key": History((stage("a"), enable, rotate), {"a": LIVE}),
    "rotation is switched on before there is a key": History((enable,), {}),
    "the first key, while a second waits": History((stage("a", "b"), rotate), {"a": LIVE, "b": "reserve SPARE"}),
    "the second key retires the first": History((stage("a", "b"), rotate, rotate), {"a": OLD, "b": LIVE}),
    "three keys": History((stage("a", "b", "c"), rotate, rotate, rotate), {"a": "KEY RETIRED", "b": OLD, "c": LIVE}),
    "no spare": History((rotate,), {}, ("NoSpareError",)),
    "no second spare: the first stays, and the next rotation can start": History(
        (stage("a"), rotate, rotate, stage("b"), rotate), {"a": OLD, "b": LIVE}, ("NoSpareError",)
    ),
    "a spare that Klaviyo refuses is passed over": History(
        (stage_unknown("bad"), stage("a"), rotate), {"bad": "reserve REJECTED(refused)", "a": LIVE}
    ),
    "a spare of which Klaviyo says nothing keeps its place, and holds up no good one": History(
        (stage("a"), rotate, stage("x", "c"), tells_nothing("x", "accounts:read"), rotate),
        {"a": OLD, "x": "reserve SPARE", "c": LIVE},
    ),
    "a spare of which Klaviyo says nothing, and no other one": History(
        (stage("a"), rotate, stage("x"), tells_nothing("x", "accounts:read"), rotate, drop_pending),
        {"a": LIVE, "x": "reserve SPARE"},
        ("KlaviyoSilentError",),
    ),
    "a spare without a scope is passed over, and told which": History(
        (stage_with("narrow", "accounts:read", "profiles:read"), stage("a"), rotate),
        {"narrow": "reserve REJECTED(missing:lists:read)", "a": LIVE},
    ),
    "a spare of another account is passed over": History(
        (stage_of_account("other", "Other1"), stage("a"), rotate),
        {"other": "reserve REJECTED(other-account)", "a": LIVE},
    ),
    "a malformed spare is passed over": History(
        (stage_value("bad", '{"apiKey": "pk_short"}'), stage("a"), rotate),
        {"bad": "reserve REJECTED(malformed)", "a": LIVE},
    ),
    "a spare that is no JSON is passed over": History(
        (stage_value("bad", "pk_bare"), stage("a"), rotate), {"bad": "reserve REJECTED(malformed)", "a": LIVE}
    ),
    "a spare of brackets without end is passed over": History(
        (stage_value("bad", "[" * 60_000), stage("a"), rotate), {"bad": "reserve REJECTED(malformed)", "a": LIVE}
    ),
    "a live key staged under another's name loses its verdict, which only stood on the reserve": History(
        (stage("a"), rotate, stage_value("liar", json.dumps({"apiKey": key_value("a")})), rotate, rotate),
        {"a": LIVE},
        ("NoSpareError", "NoSpareError"),
    ),
    "a spare whose label lies is passed over": History(
        (stage("a"), rotate, stage_labelled("liar", "never staged"), stage("b"), rotate),
        {"a": OLD, "liar": "reserve REJECTED(mislabelled)", "b": LIVE},
    ),
    "a spare that is live already leaves the reserve and is not promoted again": History(
        (stage("a"), rotate, stage("a"), rotate), {"a": LIVE}, ("NoSpareError",)
    ),
    "a bad spare staged twice is rejected once": History(
        (stage_unknown("x"), stage_unknown("x"), stage("a"), rotate), {"x": "reserve REJECTED(refused)", "a": LIVE}
    ),
    "a good spare staged twice is promoted once": History(
        (stage("a", "a", "b"), rotate, rotate), {"a": OLD, "b": LIVE}
    ),
    "all spares are bad, beside a key that works": History(
        (stage("a"), rotate, stage_unknown("x"), stage_unknown("y"), rotate),
        {"a": "AWSCURRENT KEY", "x": "reserve REJECTED(refused)", "y": "reserve REJECTED(refused)"},
        ("NoSpareError",),
    ),
    "all first spares are bad, or Klaviyo's login is: nothing is held against them until a key works": History(
        (stage_unknown("x"), stage_unknown("y"), rotate, stage("a"), rotate),
        {"a": "AWSCURRENT KEY", "x": "reserve REJECTED(refused)", "y": "reserve REJECTED(refused)"},
        ("EverybodyRefusedError",),
    ),
    "a rejected spare is never tried again, whatever Klaviyo says later": History(
        (stage_unknown("x"), rotate, klaviyo_learns("x"), rotate),
        {"x": "reserve REJECTED(refused)"},
        ("NoSpareError", "NoSpareError"),
    ),
    "Klaviyo is down: nothing changes, and the same spare is promoted later": History(
        (stage("a", "b"), rotate, klaviyo_answers(503), rotate, drop_pending, klaviyo_answers(None), rotate),
        {"a": OLD, "b": LIVE},
        ("KlaviyoSilentError",),
    ),
    "too few labels are free: AWSPENDING is off, and the spare stays": History(
        (stage("a", "b"), rotate, crowd("key", 15), rotate),
        {"a": LIVE, "b": "reserve SPARE"},
        ("LabelsFullError",),
    ),
    "just enough labels are free": History((stage("a", "b"), rotate, crowd("key", 14), rotate), {"a": OLD, "b": LIVE}),
    "no room for a verdict on the reserve": History(
        (stage_unknown("bad"), crowd("reserve", 18), rotate), {"bad": "reserve SPARE"}, ("LabelsFullError",)
    ),
}


@pytest.fixture(params=["also-current", "as-asked"])
def world(request: pytest.FixtureRequest) -> World:
    return World(first_value=request.param)


def play(world: World, history: History) -> None:
    for act in history.acts:
        act(world)


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_each_history_ends_as_told(world: World, history: History) -> None:
    play(world, history)

    assert world.lives() == history.lives
    assert tuple(type(error).__name__ for error in world.errors) == history.errors


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_each_step_done_twice_changes_nothing_more(world: World, history: History) -> None:
    world.repeats = 2

    play(world, history)

    assert world.lives() == history.lives
    assert tuple(type(error).__name__ for error in world.errors) == history.errors


def pending_of(world: World) -> Version:
    pending = world.labels(world.key_arn).pending
    assert pending is not None
    return pending


def test_a_refused_key_is_given_up_even_where_no_label_is_free_for_its_verdict(world: World) -> None:
    stage("a", "b")(world)
    world.rotate()
    token = world.announce()
    world.step("createSecret", token)
    crowd("key", world.labels(world.key_arn).free)(world)
    del world.klaviyo.scopes[key_value("b")]

    with pytest.raises(PendingKeyRefusedError):
        world.step("testSecret", token)

    assert world.lives() == {"a": LIVE, "b": "KEY"}


def test_labels_that_are_all_taken_stop_a_rotation_and_not_its_healing(world: World) -> None:
    stage("a", "b", "c")(world)
    world.rotate()
    world.step("createSecret", world.announce())
    drop_pending(world)
    crowd("key", world.labels(world.key_arn).free - 1)(world)

    assert world.rotate() == "RotationFailed"

    assert [type(error).__name__ for error in world.errors] == ["LabelsFullError"]
    assert world.lives() == {"a": LIVE, "b": "KEY", "c": "reserve SPARE"}


def test_a_key_that_a_dead_run_left_pending_goes_the_way_of_a_retired_one(world: World) -> None:
    stage("a", "b", "c")(world)
    world.rotate()
    world.step("createSecret", world.announce())
    drop_pending(world)

    world.rotate()

    assert world.lives() == {"a": OLD, "b": "KEY RETIRED", "c": LIVE}


def test_what_is_live_or_pending_is_neither_retired_nor_being_disabled(world: World) -> None:
    stage("a", "b")(world)
    world.rotate()
    token = world.announce()
    world.step("createSecret", token)
    for version in world.labels(world.key_arn):
        for label in (f"DISABLING:{version.fingerprint}", f"RETIRED:20261122T120000Z:{version.fingerprint}"):
            world.label(world.key_arn, label, version.id)

    world.step("setSecret", token)

    assert world.lives() == {"a": LIVE, "b": "AWSPENDING KEY"}


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
@pytest.mark.parametrize("verdict", ["LEAKED", "REJECTED"])
def test_a_pending_key_with_a_verdict_is_never_promoted_and_keeps_its_verdict(
    world: World, step: str, verdict: str
) -> None:
    stage("a", "b")(world)
    world.rotate()
    token = world.announce()
    world.step("createSecret", token)
    held = pending_of(world).fingerprint
    label = {"LEAKED": f"LEAKED:{held}", "REJECTED": f"REJECTED:20261122T120000Z:{held}:refused"}[verdict]
    world.label(world.key_arn, label, token)

    with pytest.raises(PendingKeyRefusedError):
        world.step(step, token)

    told = {"LEAKED": "KEY LEAKED", "REJECTED": "KEY REJECTED(refused)"}[verdict]
    assert world.lives() == {"a": LIVE, "b": told}


def test_a_live_key_staged_again_while_the_rotator_runs_is_not_promoted_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage("a")(world)
    world.rotate()

    def heal_too_early(keys: RoleKeys) -> None:
        heal(keys)
        world.stage("a")

    monkeypatch.setattr(rotator, "heal", heal_too_early)
    assert world.rotate() == "RotationFailed"
    monkeypatch.undo()

    current = world.labels(world.key_arn).current
    assert current is not None
    assert current.fingerprint == fingerprint(key_value("a"))
    assert world.lives() == {"a": "reserve SPARE"}
    world.rotate()
    assert world.lives() == {"a": LIVE}


ADOPTED = {
    "the bare key": key_value("a"),
    "as this project stages it": json.dumps({"apiKey": key_value("a")}),
    "under another name": json.dumps({"KLAVIYO_API_KEY": key_value("a")}),
}


@pytest.mark.parametrize("value", ADOPTED.values(), ids=ADOPTED.keys())
def test_a_key_that_somebody_else_put_is_adopted_and_retired_as_any_other(world: World, value: str) -> None:
    world.adopt("a", value)
    world.invoke({"action": "unstick"})
    assert world.lives() == {"a": LIVE}

    world.stage("b")
    world.rotate()

    assert world.lives() == {"a": OLD, "b": LIVE}


def test_what_is_no_key_is_not_adopted(world: World) -> None:
    world.adopt("a", '{"password": "another secret"}')

    world.invoke({"action": "unstick"})

    assert world.lives() == {}


def test_the_previous_key_is_adopted_too_and_starts_its_grace(world: World) -> None:
    world.adopt("a", key_value("a"))
    world.adopt("b", key_value("b"))

    world.invoke({"action": "unstick"})

    assert world.lives() == {"a": OLD, "b": LIVE}


def test_a_key_is_adopted_once_there_is_room_for_its_label(world: World) -> None:
    world.adopt("a", key_value("a"))
    leave_free("key", 0)(world)

    world.invoke({"action": "unstick"})

    assert world.lives() == {}


def test_the_previous_value_is_adopted_once_where_it_holds_the_same_key(world: World) -> None:
    world.adopt("a", key_value("a"))
    world.adopt("a", json.dumps({"apiKey": key_value("a")}))

    world.invoke({"action": "unstick"})

    assert world.lives() == {"a": LIVE}


def test_aws_records_each_rotation_as_what_it_was(world: World) -> None:
    world.stage("a")

    assert [world.rotate(), world.rotate()] == ["RotationSucceeded", "RotationFailed"]


def test_services_read_the_documented_value(world: World) -> None:
    world.stage("a", value=json.dumps({"apiKey": key_value("a"), "endpoint": "https://evil.test", "scopes": ["all"]}))

    world.rotate()

    assert world.current_value() == {
        "apiKey": key_value("a"),
        "endpoint": "https://klaviyo.test",
        "fingerprint": fingerprint(key_value("a")),
        "provider": "klaviyo",
        "role": "viewer",
        "scopes": list(SCOPES),
    }


def test_a_promoted_value_is_the_same_bytes_whenever_it_is_put() -> None:
    world = World()
    key = Key(key_value("a"))

    assert promoted_value(key, world.settings) == (
        f'{{"apiKey":"{key_value("a")}","endpoint":"https://klaviyo.test","fingerprint":"{key.fingerprint}",'
        '"provider":"klaviyo","role":"viewer","scopes":["accounts:read","lists:read","profiles:read","profiles:write"]}'
    )


def test_a_proof_of_every_scope_is_asked_for_where_the_settings_say_so() -> None:
    world = World(require_proof="all")
    world.stage("a")

    assert world.rotate() == "RotationFailed"

    assert [type(error).__name__ for error in world.errors] == ["ScopesUnprovedError"]
    assert "profiles:write" in str(world.errors[0])
    assert world.lives() == {"a": "reserve SPARE"}


def test_a_key_that_dies_before_the_test_is_not_promoted_and_the_next_one_is(world: World) -> None:
    stage("a", "b", "c")(world)
    world.rotate()
    token = world.announce()
    world.step("createSecret", token)
    del world.klaviyo.scopes[key_value("b")]

    with pytest.raises(PendingKeyRefusedError):
        world.step("testSecret", token)
    with pytest.raises(EventRefusedError):
        world.step("finishSecret", token)

    assert world.lives() == {"a": "AWSCURRENT KEY", "b": "KEY REJECTED(refused)", "c": "reserve SPARE"}
    assert world.rotate() == "RotationSucceeded"
    assert world.lives() == {"a": OLD, "b": "KEY REJECTED(refused)", "c": LIVE}


def test_a_value_that_lags_behind_its_label_condemns_no_spare() -> None:
    world = World()
    world.stage("a")
    world.client.unread.add(world.reserve_arn)
    assert world.rotate() == "RotationFailed"
    assert world.lives()["a"] == "reserve SPARE"
    assert [type(error) for error in world.errors] == [StoreError]


def spare_of(world: World, name: str) -> str:
    return next(
        version.id
        for version, spare in world.labels(world.reserve_arn).spares
        if world.names[spare.fingerprint] == name
    )


def test_a_spare_that_nobody_can_decrypt_keeps_its_place_and_stops_no_rotation() -> None:
    world = World()
    for name in ("a", "b"):
        world.stage(name)
    world.client.undecrypted.add(spare_of(world, "a"))
    assert world.rotate() == "RotationSucceeded"
    assert world.lives() == {"a": "reserve SPARE", "b": "AWSCURRENT KEY"}


def test_where_no_other_spare_is_good_the_reason_is_what_could_not_be_decrypted() -> None:
    world = World()
    world.stage("a")
    world.client.undecrypted.add(spare_of(world, "a"))
    assert world.rotate() == "RotationFailed"
    assert world.lives()["a"] == "reserve SPARE"
    assert [(type(error), "AccessDenied" in str(error)) for error in world.errors] == [(StoreError, True)]
