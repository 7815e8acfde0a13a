"""What operators and the auditor ask of a rotator: the answer to each, and which life each key is in afterwards."""

import json
from typing import Any

import pytest

from klaviyo_access.keys.labels import LABEL_LIMIT, AwsLabel
from klaviyo_access.keys.secret import fingerprint
from rotation.errors import EventRefusedError, KlaviyoSilentError, LabelsFullError, StoreError
from rotation.keys.verdicts import condemn
from tests.rotation.action_cases import CASES, LIVE, OLD, Case, before
from tests.rotation.acts import (
    Act,
    asked,
    dies,
    klaviyo_answers,
    leave_free,
    moved_back,
    put_again,
    refused_spare,
    stage,
    stage_value,
    used,
)
from tests.rotation.rotation_world import FirstValue, World, key_value


def told(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name not in {"action", "fingerprint", "ends_with"}}


def current_key(world: World) -> str | None:
    return next((name for name, life in world.lives().items() if life.startswith("AWSCURRENT")), None)


@pytest.mark.parametrize("first_value", ["also-current", "as-asked"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_action_answers_and_ends_as_told(case: Case, first_value: FirstValue) -> None:
    world = before(case, first_value=first_value)

    answer = world.ask(case.action, case.key)

    assert told(answer) == case.answer
    assert world.lives() == case.lives
    assert answer["action"] == case.action
    if case.key:
        assert answer["fingerprint"] == fingerprint(key_value(case.key))
    drifted = answer["outcome"] == "nothing to fall back on" and "missing:" in str(answer["reason"])
    shown = drifted or answer["outcome"] in {"disabling", "fine", "marked"}
    named = world.names[str(answer["fingerprint"])] if shown else None
    assert answer.get("ends_with") == (named and key_value(named)[-4:])


REFUSED: dict[str, tuple[tuple[Act, ...], str, str]] = {
    "rollback from a key that is not current": ((used("a", "b", "c"),), "rollback", "a"),
    "rollback from the previous key": ((used("a", "b"),), "rollback", "a"),
    "rollback from a spare": ((used("a"), stage("b")), "rollback", "b"),
    "retire a spare": ((used("a"), stage("b")), "retire", "b"),
    "prove a key dead that was let go": (
        (used("a", "b"), dies("a"), asked("prove-dead", "a")),
        "prove-dead",
        "a",
    ),
    "disable a key that was let go": (
        (used("a", "b"), dies("a"), asked("prove-dead", "a")),
        "begin-disable",
        "a",
    ),
    "discard a rejected spare that is a key": ((refused_spare("x"),), "discard", "x"),
    "discard two keys that were pasted as one": (
        (stage_value("x", f"{key_value('x')} {key_value('y')}"), World.rotate),
        "discard",
        "x",
    ),
    "discard what is called leaked, which would forget the leak": (
        (stage_value("x", "{}"), asked("leaked", "x")),
        "discard",
        "x",
    ),
    "discard a current key": ((used("a"),), "discard", "a"),
}


@pytest.mark.parametrize(("acts", "action", "key"), REFUSED.values(), ids=REFUSED.keys())
def test_an_action_on_a_version_that_it_is_not_for_is_refused_and_changes_nothing(
    acts: tuple[Act, ...], action: str, key: str
) -> None:
    world = World()
    for act in acts:
        act(world)
    lives = world.lives()

    with pytest.raises(EventRefusedError):
        world.ask(action, key)

    assert world.lives() == lives


def test_the_tombstone_of_a_reserve_is_no_key() -> None:
    world = World()
    world.stage("a")
    tombstone = world.labels(world.reserve_arn).current
    assert tombstone is not None

    for action in ("begin-disable", "prove-dead"):
        with pytest.raises(EventRefusedError):
            world.invoke({"action": action, "secret": "reserve", "version": tombstone.id})


NO_ROOM: dict[str, tuple[tuple[Act, ...], str]] = {
    "leaked": ((used("a"), leave_free("key", 0)), "a"),
    "retire": ((used("a", "b"), leave_free("key", 0), asked("leaked", "b")), "a"),
}


@pytest.mark.parametrize(("action", "acts", "key"), [(action, *rest) for action, rest in NO_ROOM.items()])
def test_an_action_that_finds_no_room_for_its_label_says_so(action: str, acts: tuple[Act, ...], key: str) -> None:
    world = World()
    for act in acts:
        act(world)

    with pytest.raises(LabelsFullError, match="key secret"):
        world.ask(action, key)


@pytest.mark.parametrize("action", ["begin-disable", "prove-dead"])
def test_a_key_that_was_put_again_by_hand_is_not_ended_by_the_version_that_it_left(action: str) -> None:
    world = World()
    used("a", "b")(world)
    put_again("a")(world)
    world.now += 2 * world.settings.grace.total_seconds()

    with pytest.raises(EventRefusedError):
        world.ask(action, "a")

    assert world.lives() == {"a": LIVE, "b": "AWSPREVIOUS KEY RETIRED"}


def test_a_key_that_was_put_again_by_hand_has_its_grace_anew_once_another_one_is_put() -> None:
    world = World()
    used("a", "b")(world)
    world.now += 2 * world.settings.grace.total_seconds()
    put_again("a")(world)
    put_again("b")(world)
    world.ask("canary")

    assert world.ask("begin-disable", "a")["outcome"] == "too early"


def test_a_key_that_was_moved_back_and_left_by_hand_has_its_grace_anew() -> None:
    world = World()
    used("a", "b")(world)
    world.now += 2 * world.settings.grace.total_seconds()
    moved_back(world)
    put_again("b")(world)

    assert world.ask("begin-disable", "a")["outcome"] == "too early"


@pytest.mark.parametrize("action", ["begin-disable", "prove-dead", "leaked"])
def test_a_key_that_was_put_by_hand_is_live_though_no_label_is_free_to_name_it(action: str) -> None:
    world = World()
    used("a", "b")(world)
    world.stage("liar", value=json.dumps({"apiKey": key_value("x")}))
    world.ask("leaked", "liar")
    leave_free("key", 0)(world)
    world.adopt("x", json.dumps({"apiKey": key_value("x")}))

    told_of = "liar" if action != "leaked" else "x"
    answer = world.ask(action, told_of)

    assert (answer["outcome"], answer.get("life")) == (
        ("marked", "current") if action == "leaked" else ("in use", None)
    )


def test_what_is_current_is_in_use_whatever_its_value_says() -> None:
    world = World()
    world.adopt("a", '{"password": "another secret"}')
    current = world.labels(world.key_arn).current
    assert current is not None
    world.label(world.key_arn, f"KEY:{fingerprint(key_value('a'))}", current.id)

    for action in ("begin-disable", "prove-dead"):
        assert world.ask(action, "a")["outcome"] == "in use"


@pytest.mark.parametrize("action", ["canary", "rollback"])
def test_a_roll_back_that_was_killed_after_its_verdict_is_completed_by_the_next_canary(action: str) -> None:
    world = World()
    used("a", "b")(world)
    current = world.labels(world.key_arn).current
    assert current is not None
    reason = {"canary": "refused", "rollback": "rolled-back"}[action]
    world.label(world.key_arn, f"REJECTED:20261122T140000Z:{current.fingerprint}:{reason}", current.id)

    assert world.ask("canary")["outcome"] == "rolled back"

    assert world.lives() == {"a": LIVE, "b": f"AWSPREVIOUS KEY REJECTED({reason})"}


def test_a_rollback_from_a_leaked_key_that_is_asked_for_again_is_told_that_it_is_done() -> None:
    world = World()
    used("a", "b")(world)
    world.ask("leaked", "b")
    assert world.ask("rollback", "b")["outcome"] == "rolled back"

    with pytest.raises(EventRefusedError, match="have left that version already, and it leaked"):
        world.ask("rollback", "b")

    assert world.lives() == {"a": LIVE, "b": "AWSPREVIOUS KEY LEAKED"}


def test_a_rollback_takes_awspending_off_the_bad_key() -> None:
    world = World()
    used("a", "b")(world)
    bad = world.labels(world.key_arn).current
    assert bad is not None
    world.label(world.key_arn, AwsLabel.PENDING.value, bad.id)

    world.ask("rollback", "b")

    assert world.lives() == {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(rolled-back)"}


def test_a_rollback_moves_nothing_from_a_key_that_became_current_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    used("a", "b")(world)

    def overtaken(*arguments: Any) -> None:
        condemn(*arguments)
        world.adopt("c", json.dumps({"apiKey": key_value("c")}))

    monkeypatch.setattr("rotation.actions.fall_back.condemn", overtaken)
    with pytest.raises(StoreError):
        world.ask("rollback", "b")

    assert world.current_value() == {"apiKey": key_value("c")}


def test_a_rejected_spare_whose_label_hides_the_live_key_is_neither_disabled_nor_let_go() -> None:
    world = World()
    used("a")(world)
    world.stage("liar", value=json.dumps({"apiKey": key_value("a")}))
    world.ask("leaked", "liar")

    for action in ("begin-disable", "prove-dead"):
        answer = world.ask(action, "liar")
        assert (answer["outcome"], "ends_with" in answer) == ("in use", False)

    assert world.lives() == {"a": LIVE, "liar": "reserve REJECTED(leaked)"}


def test_a_spare_that_was_put_before_any_tombstone_is_let_go_as_any_other() -> None:
    world = World()
    world.stage("x", known=False, tombstone=False)
    world.rotate()
    assert world.lives() == {"x": "reserve AWSCURRENT REJECTED(refused)"}

    world.stage("a")
    assert world.ask("prove-dead", "x")["outcome"] == "dead"

    assert world.lives() == {"a": "reserve SPARE"}


MALFORMED: dict[str, tuple[str, str]] = {
    "a newline after the key": (json.dumps({"apiKey": key_value("x") + "\n"}), "disabling"),
    "the bare key": (key_value("x"), "disabling"),
    "a key without its end": (json.dumps({"apiKey": key_value("x")[:-1]}), "malformed"),
    "more than a key": (json.dumps({"apiKey": key_value("x") + "0"}), "malformed"),
    "two keys, of which one is dead": (f"{key_value('x')} {key_value('y')}", "two"),
    "two keys, of which the first is dead": (f"{'pk_' + '0' * 34} {key_value('x')}", "two"),
    "a key that JSON escapes": (json.dumps({"key": key_value("x")}).replace("pk_", "\\u0070k\\u005F"), "disabling"),
    "no key": ("{}", "malformed"),
}


@pytest.mark.parametrize(("value", "found"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_spare_is_disabled_and_proved_dead_by_the_key_that_is_in_it(value: str, found: str) -> None:
    world = World()
    world.stage("x", value=value)
    world.rotate()
    world.stage("a")

    disabled = world.ask("begin-disable", "x")
    alive = world.ask("prove-dead", "x")
    dies("x")(world)
    dead = world.ask("prove-dead", "x")

    if found == "malformed":
        assert "ends_with" not in disabled
        assert [answer["reason"] for answer in (disabled, alive, dead)] == ["malformed"] * 3
        assert [alive["outcome"], dead["outcome"]] == ["no answer", "no answer"]
        assert world.lives() == {"a": "reserve SPARE", "x": "reserve REJECTED(malformed)"}
    else:
        assert disabled.get("ends_with") == (key_value("x")[-4:] if found == "disabling" else None)
        assert [alive["outcome"], dead["outcome"]] == ["alive", "dead"]
        assert world.lives() == {"a": "reserve SPARE"}


def test_what_is_no_key_takes_no_label_of_the_reserve_for_good() -> None:
    world = World()
    names = [f"junk-{number}" for number in range(LABEL_LIMIT // 2)]
    for name in names:
        world.stage(name, value="{}")
    world.rotate()
    assert set(world.lives().values()) == {"reserve REJECTED(malformed)"}

    for name in names:
        assert world.ask("discard", name)["outcome"] == "discarded"

    assert world.labels(world.reserve_arn).free == LABEL_LIMIT - 1  # the tombstone's


def test_the_canary_of_a_new_key_fails_without_an_answer_so_that_lambda_asks_again() -> None:
    world = World()
    used("a", "b")(world)
    klaviyo_answers(503)(world)
    with pytest.raises(KlaviyoSilentError, match="no definite answer about the new key"):
        world.ask("first-canary")
    assert world.lives() == {"a": OLD, "b": LIVE}
