"""AWS's answers in JSON, and why there is none. Standard library only."""

import json
from enum import Enum
from typing import Any, Final, NamedTuple

DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied"})
MISSING: Final = "ResourceNotFoundException"

Document = dict[str, Any]


class Kind(Enum):
    """What stood against a request."""

    ANSWERED = "AWS answered, and refused"
    NO_ANSWER = "no connection, or none that lasted"
    NO_CREDENTIALS = "nothing to sign the request with"
    SETTINGS = "AWS's own settings lack something, or cannot be read"


class Refusal(NamedTuple):
    """Why AWS did not do what was asked.

    Attributes:
        kind: see `Kind`.
        message: AWS's own sentence, or what is wrong and what to do.
        code: AWS's name of the error; empty where there is none.
        status: the HTTP status; 0 where there was no answer.
        endpoint: the URL that was asked; empty where none was.
        cause: the error of the layer below, without frames.
    """

    kind: Kind
    message: str
    code: str = ""
    status: int = 0
    endpoint: str = ""
    cause: Exception | None = None

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed a moment later: no answer, a 5xx, or throttling."""
        if self.kind is not Kind.ANSWERED:
            return self.kind is Kind.NO_ANSWER
        return self.status >= 500 or self.status == 429 or self.code.startswith("Throttling")

    @property
    def is_denied(self) -> bool:
        """Whether this principal may not do it."""
        return self.code in DENIED

    @property
    def has_no_value(self) -> bool:
        """Whether a secret is there and has no current value, which AWS's words alone tell from no secret."""
        return self.code == MISSING and "staging label" in self.message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else self.message


def read_answer(status: int, content: bytes, *, endpoint: str = "") -> Document | Refusal:
    """Read one answer: the document of a 200, or AWS's refusal."""
    document = _json_object(content or b"{}")  # an operation that has nothing to say answers nothing
    if status == 200 and document is not None:
        return document
    refused = document or {}
    return Refusal(
        Kind.ANSWERED,
        str(refused.get("message") or refused.get("Message") or f"HTTP {status}"),
        code=str(refused.get("__type", "")).rpartition("#")[2],
        status=status,
        endpoint=endpoint,
    )


def _json_object(content: bytes) -> Document | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
