"""Schedules in which a rule that is wrong does harm, each with its trouble at every call in turn."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from tests.rotation.state_machine.faults import Fault
from tests.rotation.state_machine.schedules import Step

_VIEWER, _EDITOR = "viewer", "editor"
_WEEK_PASSES: Final = Step(rule="clock jumps", pick=3)
_FIRST, _SECOND = 0, 1
_CREATE, _TEST, _FINISH = 1, 13, 17
_REFUSED_LIVE: Final = 0
_TWO_FREE: Final = 4
_NONE_FREE: Final = 0
_COPY: Final = 20
_ONE_ROLE: Final = 3
_AND_NAME: Final = 10
_LACKS_ACCOUNT: Final = 20


def _used(keys: int) -> tuple[Step, ...]:
    return (Step(rule="stage", pick=1), Step(rule="rotate", pick=1)) * keys


_SHARED: Final = (*_used(2), _WEEK_PASSES, Step(rule="stage shared", role=_EDITOR, pick=_FIRST))
_TWIN: Final = Step(rule="strange key", pick=_FIRST)
_PUT_FIRST: Final = Step(rule="put by hand", pick=_FIRST)
_PUT_AND_NAME_FIRST: Final = Step(rule="put by hand", pick=_AND_NAME)
_PENDING: Final = (
    *_used(1),
    Step(rule="stage", pick=1),
    Step(rule="announce"),
    Step(rule="late step", pick=_CREATE),
)

_SINGLE: Final[Mapping[str, tuple[Step, ...]]] = {
    "back and forth": (
        *_used(2),
        Step(rule="roll back"),
        Step(rule="canary"),
        _WEEK_PASSES,
        *_used(1),
        Step(rule="audit"),
    ),
    "a first key becomes current in a rotation that nobody finishes": (
        Step(rule="announce"),
        Step(rule="stage", pick=1),
        Step(rule="late step", pick=_CREATE),
        Step(rule="key dies", pick=_FIRST),
    ),
    "labels are moved back by hand": (
        *_used(2),
        Step(rule="move back"),
        _WEEK_PASSES,
        *_used(1),
        Step(rule="audit"),
    ),
    "a key is live elsewhere": (*_SHARED, Step(rule="rotate", role=_EDITOR, pick=1), Step(rule="audit")),
    "the reserve speaks of a live key": (*_used(1), Step(rule="forge labels", pick=_REFUSED_LIVE), Step(rule="canary")),
    "labels are full": (
        *_used(2),
        Step(rule="stage", pick=1),
        Step(rule="crowd", pick=_TWO_FREE),
        Step(rule="rotate", pick=1),
    ),
    "a pending key leaks": (*_PENDING, Step(rule="leaked", pick=_SECOND)),
    "both keys die": (
        *_used(2),
        Step(rule="key dies", pick=_FIRST),
        Step(rule="key dies", pick=_SECOND),
        Step(rule="canary"),
    ),
    "back to a leaked key": (*_used(2), Step(rule="leaked", pick=_FIRST), Step(rule="roll back")),
    "back to a key that was rolled back": (*_used(2), Step(rule="roll back"), Step(rule="roll back")),
    "a key that was live elsewhere until now": (
        *_SHARED,
        Step(rule="rotate", role=_EDITOR, pick=1),
        Step(rule="stage", role=_EDITOR, pick=1),
        Step(rule="rotate", role=_EDITOR, pick=1),
        Step(rule="audit"),
    ),
    "somebody's key ends like ours": (*_used(2), _TWIN, _WEEK_PASSES, Step(rule="audit")),
    "somebody's key ends like one that is gone": (
        *_used(2),
        _TWIN,
        Step(rule="key dies", pick=_FIRST),
        _WEEK_PASSES,
        Step(rule="audit"),
    ),
    "somebody's key is called like ours": (
        *_used(2),
        Step(rule="strange key", pick=_COPY),
        _WEEK_PASSES,
        Step(rule="audit"),
    ),
    "the new key dies": (*_used(2), Step(rule="key dies", pick=_SECOND), Step(rule="audit")),
    "a rotation is left": (*_used(1), Step(rule="stage", pick=1), Step(rule="announce")),
    "a rotation is left, and labels wait for healing": (
        *_used(2),
        Step(rule="stage", pick=1),
        Step(rule="announce"),
        Step(rule="move back"),
    ),
    "nobody is known while a rotation runs": (
        *_used(1),
        Step(rule="stage", pick=1),
        Step(rule="klaviyo refuses everybody"),
        Step(rule="rotate", pick=1),
    ),
    "nobody is known while a pending key is tried": (
        *_PENDING,
        Step(rule="klaviyo refuses everybody"),
        Step(rule="late step", pick=_TEST),
    ),
    "nobody is known while a key is asked whether it is dead": (
        *_used(2),
        Step(rule="klaviyo refuses everybody"),
        Step(rule="prove-dead", pick=_FIRST),
        Step(rule="prove-dead", pick=_SECOND),
    ),
    "nobody is known during an audit": (
        *_used(2),
        _WEEK_PASSES,
        Step(rule="klaviyo refuses everybody"),
        Step(rule="audit"),
    ),
    "nobody is known during an audit of a leaked key that is the only one": (
        Step(rule="stage", pick=1),
        Step(rule="leaked", pick=_FIRST),
        Step(rule="klaviyo refuses everybody"),
        Step(rule="audit"),
    ),
    "somebody enables a leaked key again": (
        *_used(2),
        Step(rule="leaked", pick=_FIRST),
        Step(rule="audit"),
        Step(rule="enable by hand"),
    ),
    "klaviyo says nothing of the first spare": (
        *_used(1),
        Step(rule="stage", pick=1),
        Step(rule="klaviyo says nothing of a key", pick=_SECOND),
        Step(rule="stage", pick=1),
        Step(rule="leaked", pick=_FIRST),
    ),
    "the key before lacks a scope by which its account is seen, and the new one dies": (
        *_used(2),
        Step(rule="key dies", pick=_LACKS_ACCOUNT),
        Step(rule="key dies", pick=_SECOND),
        Step(rule="canary"),
    ),
    "what services use leaks": (*_used(1), Step(rule="stage", pick=1), Step(rule="leaked"), Step(rule="audit")),
}

_BY_HAND: Final[Mapping[str, tuple[Step, ...]]] = {
    "what was is put by hand": (*_used(2), _WEEK_PASSES, _PUT_FIRST, Step(rule="audit")),
    "what was is put by hand, and named": (*_used(2), _WEEK_PASSES, _PUT_AND_NAME_FIRST, Step(rule="audit")),
    "what was is put by hand, and left": (
        *_used(2),
        _WEEK_PASSES,
        _PUT_FIRST,
        replace(_PUT_FIRST, pick=_SECOND),
        Step(rule="audit"),
    ),
    "what is being disabled is put by hand": (*_used(2), Step(rule="retire"), _PUT_FIRST, Step(rule="audit")),
    "a spare is put by hand": (*_used(1), Step(rule="stage", pick=1), replace(_PUT_FIRST, pick=_SECOND), *_used(1)),
    "a leaked spare is put by hand": (
        *_used(1),
        Step(rule="stage", pick=1),
        Step(rule="leaked", pick=_SECOND),
        replace(_PUT_FIRST, pick=_SECOND),
        Step(rule="canary"),
    ),
    "a role is audited beside one with a key by hand": (
        *_used(2),
        _WEEK_PASSES,
        replace(_PUT_FIRST, role=_EDITOR),
        Step(rule="audit", pick=_ONE_ROLE),
    ),
    "what another role used is put where labels are full": (
        *_used(2),
        _WEEK_PASSES,
        replace(_PUT_FIRST, role=_EDITOR),
        Step(rule="crowd", role=_EDITOR, pick=_NONE_FREE),
        Step(rule="audit"),
    ),
    "what another role used is put by hand": (
        *_used(2),
        _WEEK_PASSES,
        replace(_PUT_FIRST, role=_EDITOR),
        Step(rule="audit"),
    ),
}

_LOGIN_FAILS: Final = Step(rule="klaviyo refuses everybody")
_LOGIN_IS_BACK: Final = Step(rule="klaviyo works")
_THEN_LEAKED: Final = Step(rule="leaked", pick=_FIRST)

_TROUBLED: Final[Mapping[str, tuple[tuple[Step, ...], Step, tuple[Step, ...], int]]] = {
    "a rotation is killed": (
        (*_used(1), Step(rule="stage", pick=1)),
        Step(rule="rotate", pick=1, trouble=Fault.KILLED_AFTER),
        (),
        45,
    ),
    "a call about a bad spare is lost": (
        (*_used(1), Step(rule="stage bad")),
        Step(rule="rotate", pick=1, trouble=Fault.ANSWER_LOST),
        (),
        12,
    ),
    "a roll-back is killed": (
        _used(2),
        Step(rule="roll back", trouble=Fault.KILLED_AFTER),
        (Step(rule="canary"),),
        20,
    ),
    "a key becomes live elsewhere during an audit": (
        _SHARED,
        Step(rule="audit", trouble=Step(rule="rotate", role=_EDITOR, pick=1)),
        (),
        75,
    ),
    "an operator rolls back during an audit": (
        (*_used(2), _WEEK_PASSES),
        Step(rule="audit", trouble=Step(rule="roll back")),
        (),
        60,
    ),
    "a live key is staged again during a rotation": (
        _used(1),
        Step(rule="rotate", pick=1, trouble=Step(rule="stage again", pick=_FIRST)),
        (),
        12,
    ),
    "a key leaks during its rotation": (
        (*_used(1), Step(rule="stage", pick=1)),
        Step(rule="rotate", pick=1, trouble=Step(rule="leaked", pick=_SECOND)),
        (),
        45,
    ),
    "what was put by hand twice is rolled back": (
        (*_used(1), _PUT_FIRST, Step(rule="adopt"), _PUT_FIRST),
        Step(rule="roll back", trouble=Fault.LABELS_LAG),
        (),
        12,
    ),
    "klaviyo ceases to know anybody during an audit of a leaked key that is the only one": (
        (Step(rule="stage", pick=1), Step(rule="leaked", pick=_FIRST)),
        Step(rule="audit", trouble=Step(rule="klaviyo refuses everybody")),
        (),
        30,
    ),
    "labels that lag behind a leak": (
        (*_used(1), Step(rule="stage", pick=1), Step(rule="leaked", pick=_SECOND), Step(rule="announce")),
        Step(rule="late step", pick=_CREATE, trouble=Fault.LABELS_LAG),
        (),
        12,
    ),
    "labels that lag behind a leak by two changes": (
        (*_used(1), Step(rule="stage", pick=1), Step(rule="leaked", pick=_SECOND), Step(rule="stage", pick=1)),
        Step(rule="rotate", pick=1, trouble=Fault.LABELS_LAG_BY_TWO),
        (),
        20,
    ),
    "labels that lag behind a roll-back": (
        _used(2),
        Step(rule="roll back", trouble=Fault.LABELS_LAG_BY_THREE),
        (Step(rule="canary"),),
        20,
    ),
    "labels that lag behind a key put by hand": (
        (*_used(2), _PUT_FIRST),
        Step(rule="roll back", trouble=Fault.LABELS_LAG_BY_THREE),
        (),
        12,
    ),
    "nobody is known while a step comes late to the only key": (
        (*_used(1), Step(rule="klaviyo refuses everybody")),
        Step(rule="late step", pick=_TEST, trouble=Fault.LABELS_LAG),
        (),
        12,
    ),
    "nobody is known while a spare's control lags": (
        (*_used(1), Step(rule="klaviyo refuses everybody"), Step(rule="stage", pick=1)),
        Step(rule="rotate", pick=1, trouble=Fault.LABELS_LAG_BY_THREE),
        (),
        20,
    ),
    "nobody is known while a pending key's control lags": (
        (*_PENDING, Step(rule="klaviyo refuses everybody")),
        Step(rule="late step", pick=_TEST, trouble=Fault.LABELS_LAG_BY_THREE),
        (),
        12,
    ),
    "nobody is known while the only key is pending": (
        (
            Step(rule="announce"),
            Step(rule="stage", pick=1),
            Step(rule="late step", pick=_CREATE),
            Step(rule="klaviyo refuses everybody"),
        ),
        Step(rule="late step", pick=_TEST, trouble=Fault.LABELS_LAG),
        (),
        12,
    ),
    "the login comes back during a rotation": (
        (*_used(1), Step(rule="stage", pick=1), _LOGIN_FAILS),
        Step(rule="rotate", pick=1, trouble=_LOGIN_IS_BACK),
        (),
        20,
    ),
    "the login comes back during a rotation with two spares": (
        (*_used(1), Step(rule="stage", pick=1), Step(rule="stage", pick=1), _LOGIN_FAILS),
        Step(rule="rotate", pick=1, trouble=_LOGIN_IS_BACK),
        (),
        20,
    ),
    "the login comes back while a pending key is tried": (
        (*_PENDING, _LOGIN_FAILS),
        Step(rule="late step", pick=_TEST, trouble=_LOGIN_IS_BACK),
        (),
        12,
    ),
    "the login comes back while the key in use is tried": (
        (*_used(2), _LOGIN_FAILS),
        Step(rule="canary", trouble=_LOGIN_IS_BACK),
        (),
        20,
    ),
    "the login comes back while a key is asked whether it is dead": (
        (*_used(2), _THEN_LEAKED, _LOGIN_FAILS),
        Step(rule="prove-dead", pick=_FIRST, trouble=_LOGIN_IS_BACK),
        (),
        12,
    ),
    "the login comes back during an audit": (
        (*_used(2), _THEN_LEAKED, _LOGIN_FAILS),
        Step(rule="audit", trouble=_LOGIN_IS_BACK),
        (),
        80,
    ),
    "labels lag for a run behind a pending key's leak": (
        (*_PENDING, Step(rule="leaked", pick=_SECOND)),
        Step(rule="late step", pick=_FINISH, trouble=Fault.LABELS_LAG_ON_BY_TWO),
        (),
        12,
    ),
    "labels lag for a run behind a leak": (
        (*_used(2), _THEN_LEAKED),
        Step(rule="roll back", trouble=Fault.LABELS_LAG_ON),
        (),
        20,
    ),
    "labels lag for a run behind a leak, and the key in use dies": (
        (*_used(2), Step(rule="key dies", pick=_SECOND), _THEN_LEAKED),
        Step(rule="canary", trouble=Fault.LABELS_LAG_ON),
        (),
        20,
    ),
    "labels lag for a run behind a spare's leak": (
        (Step(rule="stage", pick=1), _THEN_LEAKED),
        Step(rule="rotate", pick=1, trouble=Fault.LABELS_LAG_ON_BY_TWO),
        (),
        20,
    ),
    "labels lag for a run behind a rotation": (
        _used(1),
        Step(rule="rotate", pick=1, trouble=Fault.LABELS_LAG_ON_BY_THREE),
        (),
        12,
    ),
    "a leak's mark on a pending key is killed": (
        _PENDING,
        Step(rule="leaked", pick=_SECOND, trouble=Fault.KILLED_AFTER),
        (Step(rule="late step", pick=_FINISH),),
        12,
    ),
}


def dangers() -> Iterator[tuple[str, tuple[Step, ...]]]:
    """Every schedule with its name."""
    yield from _SINGLE.items()
    yield from _BY_HAND.items()
    for name, (before, step, after, calls) in _TROUBLED.items():
        for at in range(calls):
            yield f"{name}, at call {at}", (*before, replace(step, at=at), *after)
