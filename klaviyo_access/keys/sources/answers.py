"""What Secrets Manager answers to GetSecretValue, from AWS itself or through an agent that passes it on."""

import json
import re
from typing import Any, Final, NamedTuple

from klaviyo_access.errors import (
    KeyReadDenied,
    KeyStoreError,
    KeyStoreUnavailable,
    KeyValueMalformed,
    NoKeyYet,
)
from klaviyo_access.keys.location import SecretLocation
from klaviyo_access.keys.snapshot import KeySnapshot, read_value

_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied"})


class Refusal(NamedTuple):
    """Why an answer holds no key. It is returned, not raised: an exception would carry the frames that saw the value.

    Attributes:
        status: the HTTP status; 0 where there was no answer.
        code: AWS's name of the error; empty where there is none.
        message: AWS's own sentence, or the failure of the connection.
        malformed: what is wrong with the value, as the end of a sentence; empty where it was not read.
        cause: the error of the layer below.
    """

    status: int = 0
    code: str = ""
    message: str = ""
    malformed: str = ""
    cause: Exception | None = None

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed a moment later: no answer, a 5xx, or throttling."""
        return not self.malformed and (
            self.status == 0 or self.status >= 500 or self.status == 429 or self.code.startswith("Throttling")
        )

    def error(self, location: SecretLocation, *, endpoint: str) -> KeyStoreError:
        """The refusal as the error to raise."""
        if self.malformed:
            return KeyValueMalformed(location.role, location.secret_id, reason=self.malformed)
        if self.code == "ResourceNotFoundException" and "staging label" in self.message:
            return NoKeyYet(location.role, location.secret_id)
        if self.code in _DENIED:
            principal = re.search(r"User: (arn:[^\s,]+)", self.message)
            return KeyReadDenied(location.role, location.secret_id, principal=principal[1] if principal else "")
        reason = f"{self.code}: {self.message}" if self.code else self.message
        if self.code == "ResourceNotFoundException":
            reason = (
                "there is no such secret; is the environment set up, and are prefix, environment and region those "
                "of its settings?"
            )
        return KeyStoreUnavailable(
            f"The key of role {location.role!r} could not be fetched from the secret {location.secret_id} "
            f"at {endpoint}: {reason}"
        )


def read_answer(
    status: int, content: bytes, *, location: SecretLocation, fetched_at: float, fresh_for: float
) -> KeySnapshot | Refusal:
    """Read an answer to GetSecretValue.

    Args:
        status: the HTTP status.
        content: the body.
        location: the secret that was asked for.
        fetched_at: seconds since the epoch.
        fresh_for: seconds for which the key needs not be fetched anew.
    """
    document = _read_json(content)
    if status != 200 or "SecretString" not in document:
        code = str(document.get("__type", "")).rpartition("#")[2]
        message = document.get("message") or document.get("Message") or f"HTTP {status}"
        return Refusal(status=status, code=code, message=str(message))
    found = read_value(
        str(document["SecretString"]),
        role=location.role,
        version_id=str(document.get("VersionId", "")),
        fetched_at=fetched_at,
        fresh_for=fresh_for,
    )
    return Refusal(status=status, malformed=found) if isinstance(found, str) else found


def _read_json(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
