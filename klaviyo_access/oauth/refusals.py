"""What Klaviyo's refusal of an OAuth request means, as a typed error: a pure function of status, code and step.

Sources: https://developers.klaviyo.com/en/docs/troubleshoot_oauth_errors and RFC 6749, sections 4.1.2.1 and 5.2.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from klaviyo_access.errors import (
    OAuthAppRefused,
    OAuthCodeExpired,
    OAuthConsentDenied,
    OAuthError,
    OAuthReauthorizationNeeded,
    OAuthRequestRefused,
    OAuthUnavailable,
)

_LONGEST_DESCRIPTION: Final = 200
_CODE: Final = re.compile(r"[a-z_]{1,64}")
_SECRET_LIKE: Final = re.compile(r"[\w\-.~+/=%]{20,}")
_WRONG_VERIFIER: Final = "code challenge"
_PASSING: Final = frozenset({"", "server_error", "temporarily_unavailable"})
"""Codes that say nothing of consent or tokens; an answer without a code comes from a proxy or a challenge page."""


class Step(Enum):
    """What was asked of Klaviyo."""

    AUTHORIZE = "asking for consent"
    EXCHANGE = "exchanging the authorization code"
    REFRESH = "refreshing the access token"
    REVOKE = "revoking the tokens"
    ACCOUNT = "asking which account gave its consent"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer that is none of what was asked for.

    Attributes:
        status: the HTTP status; 0 where no answer came.
        error: RFC 6749's code, empty where the answer has none.
        description: Klaviyo's own words without what looks like a secret, or what kept the answer away.
        retry_after: whole seconds to wait, None where Klaviyo did not say.
    """

    status: int
    error: str = ""
    description: str = ""
    retry_after: int | None = None


def error_for(refusal: Refusal, step: Step, *, account: str = "") -> OAuthError:
    """The error to raise for a refusal.

    Args:
        refusal: what came instead.
        step: what was asked.
        account: the Klaviyo account, where it is known.
    """
    if refusal.error in _PASSING or refusal.status == 429 or refusal.status >= 500:
        return OAuthUnavailable(_unavailable(refusal, step), retry_after=refusal.retry_after)
    match step, refusal.error:
        case Step.AUTHORIZE, "access_denied":
            return OAuthConsentDenied()
        case Step.EXCHANGE, "invalid_grant" if _WRONG_VERIFIER not in refusal.description.lower():
            return OAuthCodeExpired()
        # Klaviyo's page names the second code, too, for a refresh token that is expired or revoked.
        case Step.REFRESH, "invalid_grant" | "invalid_grant_type":
            return OAuthReauthorizationNeeded("Klaviyo no longer takes its refresh token", account=account)
        case _, "invalid_client" | "unauthorized_client":
            return OAuthAppRefused()
    return OAuthRequestRefused(refusal.error, description=refusal.description)


def _unavailable(refusal: Refusal, step: Step) -> str:
    status = f"it answered {refusal.status}" if refusal.status else "no answer"
    why = f", {refusal.description}" if refusal.description else ""
    return f"Klaviyo could not be reached for {step.value}: {status}{why}"


def refusal_of(document: Mapping[str, Any], *, status: int, retry_after: str = "") -> Refusal:
    """Read a refusal: a JSON object of RFC 6749's form, or the parameters of a callback.

    Whatever looks like a secret is left out at once, since a server may repeat what it was sent.

    Args:
        document: holds ``error`` and ``error_description``, or something else.
        status: the HTTP status.
        retry_after: the header's value.
    """
    error, description = document.get("error", ""), str(document.get("error_description", ""))
    printable = "".join(character for character in description if character.isprintable())
    return Refusal(
        status=status,
        error=error if isinstance(error, str) and _CODE.fullmatch(error) else "",
        description=_SECRET_LIKE.sub("…", printable)[:_LONGEST_DESCRIPTION],
        retry_after=int(retry_after) if retry_after.isascii() and retry_after.isdigit() else None,
    )
