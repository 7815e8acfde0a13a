"""What an answer of Klaviyo's means for the key that was sent: a pure function of status, headers and body.

Standard library only, since the rotator's bundle carries this module. A 403 is not always a missing scope: Klaviyo
also answers it where a feature is not part of the plan, and Cloudflare where it challenges the caller. Only a JSON
body whose code is ``permission_denied`` and whose detail names the scopes counts as a missing scope, and only one whose
code is ``authentication_failed`` as a refused key; ``not_authenticated`` says that no key arrived, so that something on
the way took it off (https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_SCOPE: Final = re.compile(r"[a-z][a-z-]*:(?:read|write)\b")


class Meaning(Enum):
    """What an answer says about the key and the request."""

    ACCEPTED = "accepted"
    """2xx: Klaviyo knows the key, and the key may do this."""
    INVALID = "invalid"
    """400 with Klaviyo's error body: the key got past the gate, the request itself is malformed."""
    KEY_REFUSED = "key refused"
    """401 with Klaviyo's code for it: the key is unknown, disabled or deleted."""
    NO_KEY = "no key arrived"
    """401 with Klaviyo's code for a request without a key: it says nothing about a key that was sent."""
    SCOPES_MISSING = "scopes missing"
    """403 that names the scopes the key lacks."""
    FORBIDDEN = "forbidden"
    """Any other 403: a feature the account has not; it says nothing about scopes."""
    CHALLENGED = "challenged"
    """403 by Cloudflare, before Klaviyo saw the request."""
    RATE_LIMITED = "rate limited"
    """429: the account's window is used up."""
    SERVER_ERROR = "server error"
    """5xx: says nothing about the key."""
    UNEXPECTED = "unexpected"
    """Anything else: 404, 409, a redirect, a 401 that Klaviyo did not word so."""


_OF_A_401: Final = {"authentication_failed": Meaning.KEY_REFUSED, "not_authenticated": Meaning.NO_KEY}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as read.

    Attributes:
        meaning: see `Meaning`.
        status: the HTTP status.
        missing_scopes: sorted; only where ``meaning`` is ``SCOPES_MISSING``.
        retry_after: whole seconds to wait; only where ``meaning`` is ``RATE_LIMITED`` and Klaviyo said so.
        detail: Klaviyo's own sentence, empty where there is none.
    """

    meaning: Meaning
    status: int
    missing_scopes: tuple[str, ...] = ()
    retry_after: int | None = None
    detail: str = ""


def read_answer(status: int, headers: Mapping[str, str], body: bytes | str) -> Answer:
    """Read one answer.

    Args:
        status: the HTTP status code.
        headers: the answer's headers, spelled in any case.
        body: the answer's body as received; only an error's body is looked at.
    """
    if 200 <= status < 300:
        return Answer(meaning=Meaning.ACCEPTED, status=status)
    lowered = {name.lower(): value for name, value in headers.items()}
    error = _first_error(body)
    detail = str(error.get("detail", ""))
    scopes = _missing_scopes(error)
    return Answer(
        meaning=_refusal(status, lowered, error, scopes),
        status=status,
        missing_scopes=scopes if status == 403 else (),
        retry_after=_whole_seconds(lowered.get("retry-after", "")) if status == 429 else None,
        detail=detail,
    )


def _refusal(status: int, headers: Mapping[str, str], error: Mapping[str, Any], scopes: tuple[str, ...]) -> Meaning:
    if status == 403:
        if "cf-mitigated" in headers:
            return Meaning.CHALLENGED
        return Meaning.SCOPES_MISSING if scopes else Meaning.FORBIDDEN
    if status >= 500:
        return Meaning.SERVER_ERROR
    if status == 429:
        return Meaning.RATE_LIMITED
    # A proxy, or a half of Klaviyo in an outage, may answer these two as well: a key is condemned on exact words alone.
    if status == 401:
        return _OF_A_401.get(str(error.get("code")), Meaning.UNEXPECTED)
    return Meaning.INVALID if status == 400 and error else Meaning.UNEXPECTED


def _first_error(body: bytes | str) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
        error = document["errors"][0]
    except (ValueError, RecursionError, TypeError, LookupError):
        return {}
    return error if isinstance(error, dict) else {}


def _missing_scopes(error: Mapping[str, Any]) -> tuple[str, ...]:
    _, names_them, named = str(error.get("detail", "")).partition("missing required scope")
    if error.get("code") != "permission_denied" or not names_them:
        return ()
    return tuple(sorted(set(_SCOPE.findall(named))))


def _whole_seconds(value: str) -> int | None:
    return int(value) if _SECONDS.fullmatch(value) else None
