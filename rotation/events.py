"""What reaches a rotator is taken as hostile: an event is read here, or refused with a text that never quotes it.

Secrets Manager sends the steps of a rotation. Operators, the auditor and a static rule ask a role's rotator for an
action, by its name and exactly the fields of its request:

======================================================  ==============================================================
``{"action": "canary"}``                                roll back, if the current key is refused and the previous works
``{"action": "first-canary"}``                          the same right after a promotion: without an answer it fails, so
                                                        that Lambda asks again
``{"action": "rollback", "version": ID}``               back from this current version to the previous one
``{"action": "begin-disable", "secret": S, "version"}``  may the key be disabled at Klaviyo now?
``{"action": "retire", "version": ID}``                 the same for a retired key, without waiting for its grace
``{"action": "prove-dead", "secret": S, "version"}``    ask Klaviyo whether the key is dead, and if so let it go
``{"action": "discard", "version": ID}``                let go of what was staged and is no key, as a person asks
``{"action": "leaked", "fingerprint": FP}``             never use the key with this fingerprint again
``{"action": "unstick"}``                               end a rotation that nobody finishes
``{"action": "adopt"}``                                 does Klaviyo accept the key that somebody else put?
======================================================  ==============================================================

``S`` is ``key`` or ``reserve``. What a rotator answers: `rotation.report`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from rotation.errors import EventRefusedError
from rotation.store import Where


class Step(StrEnum):
    """The four steps in which Secrets Manager drives a rotation."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


@dataclass(frozen=True)
class StepRequest:
    """One step, asked for by Secrets Manager; ``token`` is the id of the version that it is about."""

    step: Step
    token: str


@dataclass(frozen=True)
class _Plain:
    """An action that needs to be told nothing."""


@dataclass(frozen=True)
class _OfVersion:
    """An action on one version of the key secret or, for `Discard`, of the reserve."""

    version: str


@dataclass(frozen=True)
class _OfSecretVersion:
    """An action on one version of either secret."""

    secret: Where
    version: str


class Canary(_Plain):
    """Look whether the current key works, and roll back if it does not."""


class FirstCanary(_Plain):
    """The same of a key that has just been promoted; nobody waits for the answer."""


class RollBack(_OfVersion):
    """Back to the previous key, if ``version`` is still the current one."""


class BeginDisable(_OfSecretVersion):
    """Mark the key of a version as being disabled, if it may be."""


class Retire(_OfVersion):
    """Mark the key of a retired version as being disabled, without waiting for its grace."""


class ProveDead(_OfSecretVersion):
    """Let the key of a version go, if Klaviyo knows it no more."""


class Discard(_OfVersion):
    """Let a rejected version of the reserve go in which no key can be read: whoever asks has looked what it was."""


@dataclass(frozen=True)
class Leak:
    """Never use the key with this fingerprint again."""

    fingerprint: str


class Unstick(_Plain):
    """End a rotation that nobody finishes."""


class Adopt(_Plain):
    """Manage the current key, which somebody else put, and say what Klaviyo has against it."""


ActionRequest = Canary | FirstCanary | RollBack | BeginDisable | Retire | ProveDead | Discard | Leak | Unstick | Adopt

ACTIONS: Final[Mapping[str, type[ActionRequest]]] = {
    "canary": Canary,
    "first-canary": FirstCanary,
    "rollback": RollBack,
    "begin-disable": BeginDisable,
    "retire": Retire,
    "prove-dead": ProveDead,
    "discard": Discard,
    "leaked": Leak,
    "unstick": Unstick,
    "adopt": Adopt,
}
"""An action's name in an event to its request, whose fields are the event's other fields."""

_STEPS: Final = {step.value: step for step in Step} | {
    "create_secret": Step.CREATE,
    "set_secret": Step.SET,
    "test_secret": Step.TEST,
    "finish_secret": Step.FINISH,
}
"""Both spellings that AWS's documents give."""

_STEP_FIELDS: Final = {"Step", "SecretId", "ClientRequestToken"}
_TOKEN: Final = re.compile(r"[A-Za-z0-9-]{32,64}")
_FORMS: Final = {
    "secret": re.compile("|".join(Where)),
    "version": _TOKEN,
    "fingerprint": re.compile(r"[0-9a-f]{12}"),
}


def read_event(event: object, *, key_secret_arn: str) -> StepRequest | ActionRequest:
    """Read the event of a role's rotator: a step of a rotation, or an action.

    Raises:
        EventRefusedError: it is neither, or about another secret.
    """
    if isinstance(event, dict) and "action" in event:
        return _read_action(event)
    return read_step(event, key_secret_arn=key_secret_arn)


def name_of(request: StepRequest | ActionRequest) -> str:
    """What a request is called in its event, in logs and in answers."""
    if isinstance(request, StepRequest):
        return request.step.value
    return next(name for name, kind in ACTIONS.items() if type(request) is kind)


def version_of(request: StepRequest | ActionRequest) -> str | None:
    """The version that a request is about, if it names one."""
    match request:
        case StepRequest(token=version) | _OfVersion(version=version) | _OfSecretVersion(version=version):
            return version
    return None


def read_step(event: object, *, key_secret_arn: str) -> StepRequest:
    """Read the event of a rotation step. Fields that AWS adds in time are not looked at.

    Raises:
        EventRefusedError: another form, another secret, an unknown step.
    """
    if not isinstance(event, dict):
        raise EventRefusedError("An event is a JSON object; this one is none.")
    if missing := _STEP_FIELDS - event.keys():
        raise EventRefusedError(f"A rotation's event has {', '.join(sorted(missing))}; this one has not.")
    step, secret_id, token = (event[name] for name in ("Step", "SecretId", "ClientRequestToken"))
    if not isinstance(step, str) or step not in _STEPS:
        raise EventRefusedError("This rotator knows four steps, createSecret to finishSecret; this is another one.")
    if secret_id != key_secret_arn:
        raise EventRefusedError("This rotator serves one secret; the event names another one.")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise EventRefusedError("A ClientRequestToken is 32 to 64 letters, digits and hyphens; this one is not.")
    return StepRequest(_STEPS[step], token)


def _read_action(event: Mapping[object, object]) -> ActionRequest:
    name = event["action"]
    if not isinstance(name, str) or name not in ACTIONS:
        raise EventRefusedError(f"The actions are {', '.join(ACTIONS)}; the event names another one.")
    request = ACTIONS[name]
    named = [field.name for field in fields(request)]
    if event.keys() != {"action", *named}:
        raise EventRefusedError(f"An event for {name} has exactly: {', '.join(['action', *named])}; this one has not.")
    given: dict[str, Any] = {}
    for field in named:
        value = event[field]
        if not isinstance(value, str) or not _FORMS[field].fullmatch(value):
            raise EventRefusedError(f"The {field} of an event for {name} has a fixed form; this one has another.")
        given[field] = Where(value) if field == "secret" else value
    return request(**given)
