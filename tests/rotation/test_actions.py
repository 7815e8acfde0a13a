"""What operators and the auditor ask of a rotator: the answer to each, and which life each key is in afterwards."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from klaviyo_access.keys.labels import AwsLabel
from klaviyo_access.keys.secret import fingerprint
from rotation.errors import EventRefusedError, LabelsFullError
from tests.rotation.rotation_world import SCOPES, World, key_value

Act = Callable[[World], object]
DAY = 86_400


def used(*names: str) -> Act:
    """Each of these keys was current for a while, the last one still is."""

    def act(world: World) -> None:
        for name in names:
            world.stage(name)
            world.rotate()

    return act


def staged(*names: str) -> Act:
    def act(world: World) -> None:
        for name in names:
            world.stage(name)

    return act


def refused_spare(name: str) -> Act:
    def act(world: World) -> None:
        world.stage(name, known=False)
        world.rotate()

    return act


def pending(name: str) -> Act:
    """A rotation that stands between createSecret and setSecret."""

    def act(world: World) -> None:
        world.stage(name)
        world.step("createSecret", world.announce())

    return act


def passes(seconds: float) -> Act:
    def act(world: World) -> None:
        world.now += seconds

    return act


def dies(*names: str) -> Act:
    """Klaviyo does not know these keys any more."""

    def act(world: World) -> None:
        for name in names:
            del world.klaviyo.scopes[key_value(name)]

    return act


def loses(name: str, *scopes: str) -> Act:
    def act(world: World) -> None:
        world.klaviyo.scopes[key_value(name)] = tuple(kept for kept in SCOPES if kept not in scopes)

    return act


def tells_nothing(name: str, scope: str) -> Act:
    """Klaviyo forbids what the scope allows, for a reason that is not the key."""
    return lambda world: world.klaviyo.closed.update({key_value(name): scope})


def of_account(name: str, account: str) -> Act:
    return lambda world: world.klaviyo.accounts.update({key_value(name): account})


def klaviyo_answers(status: int) -> Act:
    return lambda world: setattr(world.klaviyo, "status", status)


def asked(action: str, key: str | None = None) -> Act:
    return lambda world: world.ask(action, key)


def crowd(secret: str, free: int) -> Act:
    """Foreign labels, so that only ``free`` are left."""

    def act(world: World) -> None:
        arn = {"key": world.key_arn, "reserve": world.reserve_arn}[secret]
        current = world.labels(arn).current
        assert current is not None
        for number in range(world.labels(arn).free - free):
            world.label(arn, f"crowd-{number}", current.id)

    return act


@dataclass(frozen=True)
class Case:
    """What was before, what is asked, what is answered beside the key's fingerprint, and the lives at the end."""

    before: tuple[Act, ...]
    action: str
    key: str | None
    answer: Mapping[str, object]
    lives: dict[str, str]


LIVE, OLD = "AWSCURRENT KEY", "AWSPREVIOUS KEY RETIRED"
ROLLED = {"outcome": "rolled back"}
NOTHING = "nothing to fall back on"

CASES: dict[str, Case] = {
    "canary: the current key works": Case(
        (used("a", "b"),), "canary", None, {"outcome": "fine"}, {"a": OLD, "b": LIVE}
    ),
    "canary: no key yet": Case((), "canary", None, {"outcome": NOTHING, "reason": "no key"}, {}),
    "canary: the current key is dead": Case(
        (used("a", "b"), dies("b")),
        "canary",
        None,
        ROLLED | {"reason": "refused"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(refused)"},
    ),
    "canary: the current key lacks a scope that the previous one has": Case(
        (used("a", "b"), loses("b", "lists:read")),
        "canary",
        None,
        ROLLED | {"reason": "missing:lists:read"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(missing:lists:read)"},
    ),
    "canary: both lack the scope, since the role's scopes were changed": Case(
        (used("a", "b"), loses("a", "lists:read"), loses("b", "lists:read")),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "missing:lists:read; the previous key is no better"},
        {"a": OLD, "b": LIVE},
    ),
    "canary: whether the previous key has the scope is unproved": Case(
        (used("a", "b"), loses("b", "lists:read"), tells_nothing("a", "lists:read")),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "missing:lists:read; the previous key is no better"},
        {"a": OLD, "b": LIVE},
    ),
    "canary: of two scopes the previous key has one": Case(
        (used("a", "b"), loses("a", "lists:read"), loses("b", "lists:read", "profiles:read")),
        "canary",
        None,
        ROLLED | {"reason": "missing:lists:read,profiles:read"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(missing:lists:read,profiles:read)"},
    ),
    "canary: the current key is of another account, which is no reason to go back": Case(
        (used("a", "b"), of_account("b", "Other1")),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "other-account; the previous key is no better"},
        {"a": OLD, "b": LIVE},
    ),
    "canary: the current key is dead, and the previous one narrower": Case(
        (used("a", "b"), loses("a", "lists:read"), dies("b")),
        "canary",
        None,
        ROLLED | {"reason": "refused"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(refused)"},
    ),
    "canary: both are dead": Case(
        (used("a", "b"), dies("a", "b")),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "refused; the previous key is no better"},
        {"a": OLD, "b": LIVE},
    ),
    "canary: there is no previous key": Case(
        (used("a"), dies("a")),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "refused; there is no previous key"},
        {"a": LIVE},
    ),
    "canary: the previous key leaked": Case(
        (used("a", "b"), asked("leaked", "a"), dies("b")),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "refused; a verdict was passed on the previous key"},
        {"a": "AWSPREVIOUS KEY LEAKED RETIRED", "b": LIVE},
    ),
    "canary: the previous key is being disabled": Case(
        (used("a", "b"), asked("retire", "a"), dies("b")),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "refused; the previous key is being disabled"},
        {"a": "AWSPREVIOUS DISABLING KEY", "b": LIVE},
    ),
    "canary: Klaviyo is down": Case(
        (used("a", "b"), klaviyo_answers(503)), "canary", None, {"outcome": "no answer"}, {"a": OLD, "b": LIVE}
    ),
    "canary: challenged by Cloudflare": Case(
        (used("a", "b"), klaviyo_answers(403)), "canary", None, {"outcome": "no answer"}, {"a": OLD, "b": LIVE}
    ),
    "canary: no label is free for the verdict": Case(
        (used("a", "b"), crowd("key", 0), dies("b")),
        "canary",
        None,
        ROLLED | {"reason": "refused"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(refused)"},
    ),
    "rollback: by hand, with no refusal": Case(
        (used("a", "b"),),
        "rollback",
        "b",
        ROLLED | {"reason": "rolled-back"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(rolled-back)"},
    ),
    "rollback: asked for again": Case(
        (used("a", "b"), asked("rollback", "b")),
        "rollback",
        "b",
        ROLLED,
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(rolled-back)"},
    ),
    "rollback: back from where it was rolled back to": Case(
        (used("a", "b"), asked("rollback", "b")),
        "rollback",
        "a",
        {"outcome": NOTHING, "reason": "a verdict was passed on the previous key"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(rolled-back)"},
    ),
    "rollback: the previous key is dead": Case(
        (used("a", "b"), dies("a")),
        "rollback",
        "b",
        {"outcome": NOTHING, "reason": "the previous key is no better"},
        {"a": OLD, "b": LIVE},
    ),
    "rollback: Klaviyo is down": Case(
        (used("a", "b"), klaviyo_answers(500)), "rollback", "b", {"outcome": "no answer"}, {"a": OLD, "b": LIVE}
    ),
    "rollback: a key that was rolled back is not promoted again": Case(
        (used("a", "b"), asked("rollback", "b"), staged("c"), World.rotate),
        "canary",
        None,
        {"outcome": "fine"},
        {"a": OLD, "b": "KEY REJECTED(rolled-back)", "c": LIVE},
    ),
    "begin-disable: within the grace": Case(
        (used("a", "b"), passes(DAY - 1)),
        "begin-disable",
        "a",
        {"outcome": "too early", "until": "2026-11-23T14:02:00+00:00"},
        {"a": OLD, "b": LIVE},
    ),
    "begin-disable: after the grace": Case(
        (used("a", "b"), passes(DAY)),
        "begin-disable",
        "a",
        {"outcome": "disabling"},
        {"a": "AWSPREVIOUS DISABLING KEY", "b": LIVE},
    ),
    "begin-disable: asked for again": Case(
        (used("a", "b"), passes(DAY), asked("begin-disable", "a")),
        "begin-disable",
        "a",
        {"outcome": "disabling"},
        {"a": "AWSPREVIOUS DISABLING KEY", "b": LIVE},
    ),
    "begin-disable: no label is free": Case(
        (used("a", "b"), passes(DAY), crowd("key", 0)),
        "begin-disable",
        "a",
        {"outcome": "disabling"},
        {"a": "AWSPREVIOUS DISABLING KEY", "b": LIVE},
    ),
    "begin-disable: the current key": Case(
        (used("a", "b"), passes(DAY)), "begin-disable", "b", {"outcome": "in use"}, {"a": OLD, "b": LIVE}
    ),
    "begin-disable: the current key, leaked": Case(
        (used("a"), asked("leaked", "a")), "begin-disable", "a", {"outcome": "in use"}, {"a": "AWSCURRENT KEY LEAKED"}
    ),
    "begin-disable: the pending key": Case(
        (used("a"), pending("b")), "begin-disable", "b", {"outcome": "in use"}, {"a": LIVE, "b": "AWSPENDING KEY"}
    ),
    "begin-disable: leaked, without grace": Case(
        (used("a", "b"), asked("leaked", "a")),
        "begin-disable",
        "a",
        {"outcome": "disabling"},
        {"a": "AWSPREVIOUS DISABLING KEY LEAKED", "b": LIVE},
    ),
    "begin-disable: rolled back, without grace and with no label free": Case(
        (used("a", "b"), asked("rollback", "b"), crowd("key", 0)),
        "begin-disable",
        "b",
        {"outcome": "disabling"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(rolled-back)"},
    ),
    "begin-disable: a rejected spare": Case(
        (refused_spare("x"),), "begin-disable", "x", {"outcome": "disabling"}, {"x": "reserve REJECTED(refused)"}
    ),
    "begin-disable: a waiting spare": Case(
        (staged("a"),), "begin-disable", "a", {"outcome": "in use"}, {"a": "reserve SPARE"}
    ),
    "retire: without waiting for the grace": Case(
        (used("a", "b"),), "retire", "a", {"outcome": "disabling"}, {"a": "AWSPREVIOUS DISABLING KEY", "b": LIVE}
    ),
    "retire: the current key": Case((used("a"),), "retire", "a", {"outcome": "in use"}, {"a": LIVE}),
    "prove-dead: Klaviyo knows it no more": Case(
        (used("a", "b"), asked("retire", "a"), dies("a")), "prove-dead", "a", {"outcome": "dead"}, {"b": LIVE}
    ),
    "prove-dead: within the grace, disabled by hand": Case(
        (used("a", "b"), dies("a")), "prove-dead", "a", {"outcome": "dead"}, {"b": LIVE}
    ),
    "prove-dead: a leaked one": Case(
        (used("a", "b"), asked("leaked", "a"), dies("a")), "prove-dead", "a", {"outcome": "dead"}, {"b": LIVE}
    ),
    "prove-dead: Klaviyo still accepts it": Case(
        (used("a", "b"), asked("retire", "a")),
        "prove-dead",
        "a",
        {"outcome": "alive"},
        {"a": "AWSPREVIOUS DISABLING KEY", "b": LIVE},
    ),
    "prove-dead: it lacks a scope, and so is alive": Case(
        (used("a", "b"), loses("a", "profiles:read", "lists:read")),
        "prove-dead",
        "a",
        {"outcome": "alive"},
        {"a": OLD, "b": LIVE},
    ),
    "prove-dead: Klaviyo is down": Case(
        (used("a", "b"), klaviyo_answers(503)), "prove-dead", "a", {"outcome": "no answer"}, {"a": OLD, "b": LIVE}
    ),
    "prove-dead: a 401 that is not Klaviyo's own": Case(
        (used("a", "b"), klaviyo_answers(401)), "prove-dead", "a", {"outcome": "no answer"}, {"a": OLD, "b": LIVE}
    ),
    "prove-dead: the current key": Case((used("a"), dies("a")), "prove-dead", "a", {"outcome": "in use"}, {"a": LIVE}),
    "prove-dead: the pending key": Case(
        (used("a"), pending("b"), dies("b")),
        "prove-dead",
        "b",
        {"outcome": "in use"},
        {"a": LIVE, "b": "AWSPENDING KEY"},
    ),
    "prove-dead: a rejected spare": Case((refused_spare("x"),), "prove-dead", "x", {"outcome": "dead"}, {}),
    "prove-dead: a waiting spare": Case(
        (staged("a"), dies("a")), "prove-dead", "a", {"outcome": "in use"}, {"a": "reserve SPARE"}
    ),
    "leaked: a spare": Case(
        (staged("a"),), "leaked", "a", {"outcome": "marked", "life": "spare"}, {"a": "reserve REJECTED(leaked)"}
    ),
    "leaked: a spare that was staged twice": Case(
        (staged("a", "a"),), "leaked", "a", {"outcome": "marked", "life": "spare"}, {"a": "reserve REJECTED(leaked)"}
    ),
    "leaked: told again": Case(
        (staged("a"), asked("leaked", "a"), passes(60)),
        "leaked",
        "a",
        {"outcome": "marked", "life": "rejected"},
        {"a": "reserve REJECTED(leaked)"},
    ),
    "leaked: a rejected spare": Case(
        (refused_spare("x"),),
        "leaked",
        "x",
        {"outcome": "marked", "life": "rejected"},
        {"x": "reserve REJECTED(leaked) REJECTED(refused)"},
    ),
    "leaked: the current key": Case(
        (used("a", "b"),),
        "leaked",
        "b",
        {"outcome": "marked", "life": "current"},
        {"a": OLD, "b": "AWSCURRENT KEY LEAKED"},
    ),
    "leaked: the current key, while no label is free": Case(
        (used("a", "b"), crowd("key", 0)),
        "leaked",
        "b",
        {"outcome": "marked", "life": "current"},
        {"a": "AWSPREVIOUS KEY", "b": "AWSCURRENT KEY LEAKED"},
    ),
    "leaked: the pending key": Case(
        (used("a"), pending("b")),
        "leaked",
        "b",
        {"outcome": "marked", "life": "pending"},
        {"a": LIVE, "b": "KEY LEAKED"},
    ),
    "leaked: the pending key, while no label is free": Case(
        (used("a"), pending("b"), crowd("key", 0)),
        "leaked",
        "b",
        {"outcome": "marked", "life": "pending"},
        {"a": LIVE, "b": "KEY LEAKED"},
    ),
    "leaked: the previous key": Case(
        (used("a", "b"),),
        "leaked",
        "a",
        {"outcome": "marked", "life": "previous"},
        {"a": "AWSPREVIOUS KEY LEAKED RETIRED", "b": LIVE},
    ),
    "leaked: a retired key": Case(
        (used("a", "b", "c"),),
        "leaked",
        "a",
        {"outcome": "marked", "life": "retired"},
        {"a": "KEY LEAKED RETIRED", "b": OLD, "c": LIVE},
    ),
    "leaked: a key that was rolled back": Case(
        (used("a", "b"), asked("rollback", "b"), staged("c"), World.rotate),
        "leaked",
        "b",
        {"outcome": "marked", "life": "rejected"},
        {"a": OLD, "b": "KEY LEAKED REJECTED(rolled-back)", "c": LIVE},
    ),
    "leaked: a key of nobody": Case((used("a"),), "leaked", "other", {"outcome": "unknown"}, {"a": LIVE}),
    "leaked: a live key that is rotated away keeps its verdict": Case(
        (used("a"), asked("leaked", "a"), staged("b"), World.rotate),
        "canary",
        None,
        {"outcome": "fine"},
        {"a": "AWSPREVIOUS KEY LEAKED", "b": LIVE},
    ),
    "leaked: a spare that is staged again is not promoted": Case(
        (staged("a"), asked("leaked", "a"), staged("a"), World.rotate),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "no key"},
        {"a": "reserve REJECTED(leaked)"},
    ),
    "unstick: nothing is pending": Case((used("a"),), "unstick", None, {"outcome": "nothing pending"}, {"a": LIVE}),
    "unstick: a step may be about to run": Case(
        (used("a"), pending("b"), passes(15 * 60 - 1)),
        "unstick",
        None,
        {"outcome": "too early", "until": "2026-11-22T14:17:00+00:00"},
        {"a": LIVE, "b": "AWSPENDING KEY"},
    ),
    "unstick: a run that nobody finishes": Case(
        (used("a"), pending("b"), passes(15 * 60)),
        "unstick",
        None,
        {"outcome": "unstuck"},
        {"a": LIVE, "b": "KEY RETIRED"},
    ),
    "unstick: a run that never put a value": Case(
        (used("a"), World.announce, passes(15 * 60)), "unstick", None, {"outcome": "unstuck"}, {"a": LIVE}
    ),
}


def before(case: Case) -> World:
    world = World()
    for act in case.before:
        act(world)
    if case.key:
        world.names.setdefault(fingerprint(key_value(case.key)), case.key)
    return world


def told(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name not in {"action", "fingerprint", "ends_with"}}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_action_answers_and_ends_as_told(case: Case) -> None:
    world = before(case)

    answer = world.ask(case.action, case.key)

    assert told(answer) == case.answer
    assert world.lives() == case.lives
    assert answer["action"] == case.action
    if case.key:
        assert answer["fingerprint"] == fingerprint(key_value(case.key))
    ending = key_value(case.key or "")[-4:] if answer["outcome"] == "disabling" else None
    assert answer.get("ends_with") == ending


REFUSED: dict[str, tuple[tuple[Act, ...], str, str]] = {
    "rollback from a key that is not current": ((used("a", "b", "c"),), "rollback", "a"),
    "rollback from the previous key": ((used("a", "b"),), "rollback", "a"),
    "rollback from a spare": ((used("a"), staged("b")), "rollback", "b"),
    "retire a spare": ((used("a"), staged("b")), "retire", "b"),
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


def test_a_leak_that_finds_no_room_for_its_verdict_says_so() -> None:
    world = World()
    for act in (used("a"), crowd("key", 0)):
        act(world)

    with pytest.raises(LabelsFullError, match="key secret"):
        world.ask("leaked", "a")


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


def test_a_rollback_takes_awspending_off_the_bad_key() -> None:
    world = World()
    used("a", "b")(world)
    bad = world.labels(world.key_arn).current
    assert bad is not None
    world.label(world.key_arn, AwsLabel.PENDING.value, bad.id)

    world.ask("rollback", "b")

    assert world.lives() == {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(rolled-back)"}


def test_a_rejected_spare_whose_label_hides_the_live_key_is_neither_disabled_nor_let_go() -> None:
    world = World()
    used("a")(world)
    world.stage("liar", value=json.dumps({"apiKey": key_value("a")}))
    world.ask("leaked", "liar")

    for action in ("begin-disable", "prove-dead"):
        answer = world.ask(action, "liar")
        assert (answer["outcome"], "ends_with" in answer) == ("in use", False)

    assert world.lives() == {"a": LIVE, "liar": "reserve REJECTED(leaked)"}


MALFORMED: dict[str, tuple[str, str]] = {
    "a newline after the key": (json.dumps({"apiKey": key_value("x") + "\n"}), "disabling"),
    "the bare key": (key_value("x"), "disabling"),
    "a key without its end": (json.dumps({"apiKey": key_value("x")[:-1]}), "malformed"),
    "more than a key": (json.dumps({"apiKey": key_value("x") + "0"}), "malformed"),
    "two keys": (f"{key_value('x')} {key_value('y')}", "malformed"),
    "no key": ("{}", "malformed"),
}


@pytest.mark.parametrize(("value", "found"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_spare_is_disabled_and_proved_dead_by_the_key_that_is_in_it(value: str, found: str) -> None:
    world = World()
    world.stage("x", value=value)
    world.rotate()

    disabled = world.ask("begin-disable", "x")
    alive = world.ask("prove-dead", "x")
    dies("x")(world)
    dead = world.ask("prove-dead", "x")

    if found == "malformed":
        assert "ends_with" not in disabled
        assert [answer["reason"] for answer in (disabled, alive, dead)] == ["malformed"] * 3
        assert [alive["outcome"], dead["outcome"]] == ["no answer", "no answer"]
        assert world.lives() == {"x": "reserve REJECTED(malformed)"}
    else:
        assert disabled["ends_with"] == key_value("x")[-4:]
        assert [alive["outcome"], dead["outcome"]] == ["alive", "dead"]
        assert world.lives() == {}
