"""Histories of a role's keys, and what a rotator answers when it is then asked for an action."""

from collections.abc import Mapping
from dataclasses import dataclass

from klaviyo_access.keys.secret import fingerprint
from tests.rotation.acts import (
    Act,
    asked,
    dies,
    klaviyo_answers,
    labelled,
    leave_free,
    loses,
    of_account,
    passes,
    pending,
    put_again,
    put_again_named,
    put_several,
    refused_spare,
    retired_again,
    stage,
    stage_value,
    tells_nothing,
    used,
)
from tests.rotation.rotation_world import FirstValue, World, key_value

DAY = 86_400


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
    "canary: a key being disabled was put again by hand": Case(
        (used("a", "b"), asked("retire", "a"), put_again("a")),
        "canary",
        None,
        {"outcome": "fine"},
        {"a": LIVE, "b": OLD},
    ),
    "canary: a retired key was put again by hand with its KEY": Case(
        (used("a", "b"), put_again_named("a")), "canary", None, {"outcome": "fine"}, {"a": LIVE, "b": OLD}
    ),
    "canary: a key that leaked was put again by hand with its KEY": Case(
        (used("a", "b"), asked("leaked", "a"), put_again_named("a")),
        "canary",
        None,
        {"outcome": "fine"},
        {"a": "AWSCURRENT KEY LEAKED", "b": OLD},
    ),
    "leaked: a retired key that was put again by hand": Case(
        (used("a", "b"), put_again("a")),
        "leaked",
        "a",
        {"outcome": "marked", "life": "current"},
        {"a": "AWSCURRENT KEY LEAKED", "b": OLD},
    ),
    "canary: a key that leaked was put again by hand": Case(
        (used("a", "b"), asked("leaked", "a"), put_again("a")),
        "canary",
        None,
        {"outcome": "fine"},
        {"a": "AWSCURRENT KEY LEAKED", "b": OLD},
    ),
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
    "canary: the current key is dead, and nothing shows the previous one's account": Case(
        (used("a", "b"), loses("a", "accounts:read"), dies("b")),
        "canary",
        None,
        ROLLED | {"reason": "refused"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(refused)"},
    ),
    "canary: the current key is dead, and the previous one of another account": Case(
        (used("a", "b"), of_account("a", "Other1"), dies("b")),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "refused; the previous key is no better"},
        {"a": OLD, "b": LIVE},
    ),
    "canary: a KEY was put on a value of several keys": Case(
        (used("a"), put_several("m", "n", named=True)),
        "canary",
        None,
        {"outcome": NOTHING, "reason": "unmanaged"},
        {"a": OLD, "m": LIVE},
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
        (used("a", "b"), leave_free("key", 0), dies("b")),
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
        (used("a", "b"), asked("rollback", "b"), stage("c"), World.rotate),
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
        (used("a", "b"), passes(DAY), leave_free("key", 0)),
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
        (used("a", "b"), asked("rollback", "b"), leave_free("key", 0)),
        "begin-disable",
        "b",
        {"outcome": "disabling"},
        {"a": LIVE, "b": "AWSPREVIOUS KEY REJECTED(rolled-back)"},
    ),
    "begin-disable: a rejected spare": Case(
        (refused_spare("x"),), "begin-disable", "x", {"outcome": "disabling"}, {"x": "reserve REJECTED(refused)"}
    ),
    "begin-disable: a waiting spare": Case(
        (stage("a"),), "begin-disable", "a", {"outcome": "in use"}, {"a": "reserve SPARE"}
    ),
    "begin-disable: its grace gave way to a verdict, and has to start anew": Case(
        (used("a", "b"), leave_free("key", 0), asked("leaked", "b"), passes(DAY)),
        "begin-disable",
        "a",
        {"outcome": "too early", "until": "2026-11-24T14:02:00+00:00"},
        {"a": "AWSPREVIOUS KEY", "b": "AWSCURRENT KEY LEAKED"},
    ),
    "begin-disable: of two times the later one counts": Case(
        (used("a", "b"), passes(DAY), retired_again("a"), passes(60)),
        "begin-disable",
        "a",
        {"outcome": "too early", "until": "2026-11-24T14:02:00+00:00"},
        {"a": "AWSPREVIOUS KEY RETIRED RETIRED", "b": LIVE},
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
    "prove-dead: a rejected spare": Case(
        (refused_spare("x"), stage("a")), "prove-dead", "x", {"outcome": "dead"}, {"a": "reserve SPARE"}
    ),
    "prove-dead: a rejected spare, and nothing to compare it with": Case(
        (refused_spare("x"),),
        "prove-dead",
        "x",
        {"outcome": "no answer", "reason": "refused"},
        {"x": "reserve REJECTED(refused)"},
    ),
    "prove-dead: a rejected spare beside a dead one": Case(
        (refused_spare("x"), stage("a"), dies("a")),
        "prove-dead",
        "x",
        {"outcome": "no answer", "reason": "refused"},
        {"a": "reserve SPARE", "x": "reserve REJECTED(refused)"},
    ),
    "prove-dead: a waiting spare": Case(
        (stage("a"), dies("a")), "prove-dead", "a", {"outcome": "in use"}, {"a": "reserve SPARE"}
    ),
    "discard: what was staged is no key": Case(
        (stage_value("x", "{}"), World.rotate), "discard", "x", {"outcome": "discarded"}, {}
    ),
    "discard: of two that are no key, the one that is named": Case(
        (stage_value("x", key_value("x")[:-1]), stage_value("y", "pk_"), World.rotate),
        "discard",
        "y",
        {"outcome": "discarded"},
        {"x": "reserve REJECTED(malformed)"},
    ),
    "discard: a waiting spare": Case((stage("x"),), "discard", "x", {"outcome": "in use"}, {"x": "reserve SPARE"}),
    "leaked: a spare": Case(
        (stage("a"),), "leaked", "a", {"outcome": "marked", "life": "spare"}, {"a": "reserve REJECTED(leaked)"}
    ),
    "leaked: a spare that was staged twice": Case(
        (stage("a", "a"),), "leaked", "a", {"outcome": "marked", "life": "spare"}, {"a": "reserve REJECTED(leaked)"}
    ),
    "leaked: told again": Case(
        (stage("a"), asked("leaked", "a"), passes(60)),
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
        (used("a", "b"), leave_free("key", 0)),
        "leaked",
        "b",
        {"outcome": "marked", "life": "current"},
        {"a": "AWSPREVIOUS KEY", "b": "AWSCURRENT KEY LEAKED"},
    ),
    "leaked: while no label is free, the youngest grace gives way": Case(
        (used("a", "b", "c"), leave_free("key", 0)),
        "leaked",
        "c",
        {"outcome": "marked", "life": "current"},
        {"a": "KEY RETIRED", "b": "AWSPREVIOUS KEY", "c": "AWSCURRENT KEY LEAKED"},
    ),
    "leaked: while no label is free, a key's own grace gives way first": Case(
        (used("a", "b", "c"), leave_free("key", 0)),
        "leaked",
        "a",
        {"outcome": "marked", "life": "retired"},
        {"a": "KEY LEAKED", "b": OLD, "c": LIVE},
    ),
    "leaked: the pending key": Case(
        (used("a"), pending("b")),
        "leaked",
        "b",
        {"outcome": "marked", "life": "pending"},
        {"a": LIVE, "b": "KEY LEAKED"},
    ),
    "leaked: the pending key, while no label is free": Case(
        (used("a"), pending("b"), leave_free("key", 0)),
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
        (used("a", "b"), asked("rollback", "b"), stage("c"), World.rotate),
        "leaked",
        "b",
        {"outcome": "marked", "life": "rejected"},
        {"a": OLD, "b": "KEY LEAKED REJECTED(rolled-back)", "c": LIVE},
    ),
    "leaked: a key of nobody": Case((used("a"),), "leaked", "other", {"outcome": "unknown"}, {"a": LIVE}),
    "leaked: a live key that is rotated away keeps its verdict": Case(
        (used("a"), asked("leaked", "a"), stage("b"), World.rotate),
        "canary",
        None,
        {"outcome": "fine"},
        {"a": "AWSPREVIOUS KEY LEAKED", "b": LIVE},
    ),
    "leaked: a spare that is staged again is not promoted": Case(
        (stage("a"), asked("leaked", "a"), stage("a"), World.rotate),
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
    "unstick: a run that is done": Case(
        (used("a"), labelled("a", "AWSPENDING"), passes(15 * 60)),
        "unstick",
        None,
        {"outcome": "nothing pending"},
        {"a": "AWSCURRENT AWSPENDING KEY"},
    ),
    "unstick: healing does not hide how long nothing happened": Case(
        (used("a"), pending("b"), labelled("a", f"DISABLING:{fingerprint(key_value('a'))}"), passes(15 * 60)),
        "unstick",
        None,
        {"outcome": "unstuck"},
        {"a": LIVE, "b": "KEY RETIRED"},
    ),
    "unstick: a run that never put a value": Case(
        (used("a"), World.announce, passes(15 * 60)), "unstick", None, {"outcome": "unstuck"}, {"a": LIVE}
    ),
}


def before(case: Case, *, first_value: FirstValue = "also-current") -> World:
    """The world as it was before the action."""
    world = World(first_value=first_value)
    for act in case.before:
        act(world)
    if case.key:
        world.names.setdefault(fingerprint(key_value(case.key)), case.key)
    return world
