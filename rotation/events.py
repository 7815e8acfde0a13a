"""What reaches the rotator is taken as hostile: an event is read here, or refused with a text that never quotes it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rotation.errors import EventRefusedError


class Step(StrEnum):
    """The four steps in which Secrets Manager drives a rotation."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


_STEPS: Final = {step.value: step for step in Step} | {
    "create_secret": Step.CREATE,
    "set_secret": Step.SET,
    "test_secret": Step.TEST,
    "finish_secret": Step.FINISH,
}
"""Both spellings that AWS's documents give."""

_REQUIRED: Final = {"Step", "SecretId", "ClientRequestToken"}
_TOKEN: Final = re.compile(r"[A-Za-z0-9-]{32,64}")


@dataclass(frozen=True)
class StepRequest:
    """One step, asked for by Secrets Manager; ``token`` is the id of the version that it is about."""

    step: Step
    token: str


def read_event(event: object, *, key_secret_arn: str) -> StepRequest:
    """Read the event of a rotation step. Fields that AWS adds in time are not looked at.

    Raises:
        EventRefusedError: another form, another secret, an unknown step.
    """
    if not isinstance(event, dict):
        raise EventRefusedError("An event is a JSON object; this one is none.")
    if missing := _REQUIRED - event.keys():
        raise EventRefusedError(f"A rotation's event has {', '.join(sorted(missing))}; this one has not.")
    step, secret_id, token = (event[name] for name in ("Step", "SecretId", "ClientRequestToken"))
    if not isinstance(step, str) or step not in _STEPS:
        raise EventRefusedError("This rotator knows four steps, createSecret to finishSecret; this is another one.")
    if secret_id != key_secret_arn:
        raise EventRefusedError("This rotator serves one secret; the event names another one.")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise EventRefusedError("A ClientRequestToken is 32 to 64 letters, digits and hyphens; this one is not.")
    return StepRequest(_STEPS[step], token)
