"""Asks a role's rotator for an action, and reads its answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from rotation.auditor.settings import AuditedRole
from rotation.errors import RotationError

_THROTTLED: Final = "TooManyRequestsException"
_PAUSE_SECONDS: Final = 5.0


class FunctionsClient(Protocol):
    """The part of boto3's client for Lambda that is used."""

    def invoke(self, **parameters: Any) -> Mapping[str, Any]: ...


class RotatorSilentError(RotationError):
    """A rotator did not do what it was asked for. The text holds the kind of error alone."""

    def __init__(self, role: str, action: str, kind: str) -> None:
        super().__init__(f"The rotator of {role} failed in {action} with {kind}: its log says why.")


@dataclass(frozen=True, kw_only=True)
class Rotators:
    """Every role's rotator.

    Args:
        client: a Lambda client.
        sleep: waits that many seconds.
        time_left: seconds that may still be spent.
    """

    client: FunctionsClient
    sleep: Callable[[float], None]
    time_left: Callable[[], float]

    def ask(self, role: AuditedRole, action: str, **fields: str) -> Mapping[str, Any]:
        """The answer of a role's rotator, which runs one at a time: while it is busy, it is asked again.

        Raises:
            RotatorSilentError: it failed, could not be reached, or was busy until the time was over.
        """
        payload = json.dumps({"action": action, **fields})
        while True:
            try:
                answer = self.client.invoke(FunctionName=role.rotator, Payload=payload.encode())
                text = answer["Payload"].read()
            except ClientError as error:
                code = str(error.response["Error"]["Code"])
                if code != _THROTTLED or self.time_left() <= _PAUSE_SECONDS:
                    raise RotatorSilentError(role.name, action, code) from None
                self.sleep(_PAUSE_SECONDS)
                continue
            except BotoCoreError as error:
                raise RotatorSilentError(role.name, action, type(error).__name__) from None
            return _read(role.name, action, text, failed="FunctionError" in answer)


def _read(role: str, action: str, text: bytes, *, failed: bool) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        raise RotatorSilentError(role, action, "an answer that is no JSON") from None
    if failed:
        kind = document.get("errorType") if isinstance(document, dict) else None
        raise RotatorSilentError(role, action, str(kind or "an error"))
    if not isinstance(document, dict) or document.get("action") != action or "outcome" not in document:
        raise RotatorSilentError(role, action, "an answer in another form")
    return document
