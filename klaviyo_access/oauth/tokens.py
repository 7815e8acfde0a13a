"""What an account granted: access token, refresh token, scopes. As Klaviyo answers it, and as it is stored."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from klaviyo_access.oauth.secret import Secret


@dataclass(frozen=True, kw_only=True)
class OAuthTokens:
    """The tokens of one Klaviyo account; nothing in it changes, and nothing shows a token.

    Attributes:
        access_token: what requests carry.
        refresh_token: what the next access token is had for.
        expires_at: when the access token ends, in seconds since the epoch.
        scopes: what the account's owner granted, sorted.
    """

    access_token: Secret
    refresh_token: Secret
    expires_at: float
    scopes: tuple[str, ...]

    def lacking(self, needs: Iterable[str]) -> tuple[str, ...]:
        """Which of ``needs`` were not granted, sorted."""
        return tuple(sorted(set(needs).difference(self.scopes)))

    def to_json(self) -> str:
        """The value of the account's secret."""
        return json.dumps(
            {
                "accessToken": self.access_token.reveal(),
                "refreshToken": self.refresh_token.reveal(),
                "expiresAt": self.expires_at,
                "scopes": self.scopes,
            }
        )


REVOKED = json.dumps({"revoked": True})
"""The value of an account's secret once its tokens are given up; Secrets Manager cannot take a value away."""


def stored_tokens(text: str) -> OAuthTokens | None:
    """Read the value of an account's secret; None where it holds no tokens.

    Nothing is raised, because an exception would carry this frame, and with it the value.
    """
    value = json_object(text)
    scopes, expires_at = value.get("scopes"), value.get("expiresAt")
    access, refresh = value.get("accessToken"), value.get("refreshToken")
    if not (_is_text(access) and _is_text(refresh) and isinstance(scopes, list) and _is_number(expires_at)):
        return None
    return OAuthTokens(
        access_token=Secret(str(access)),
        refresh_token=Secret(str(refresh)),
        expires_at=float(str(expires_at)),
        scopes=tuple(sorted(map(str, scopes))),
    )


def answered_tokens(
    answer: Mapping[str, Any], *, asked_at: float, scopes: tuple[str, ...], refresh_token: Secret | None = None
) -> OAuthTokens | None:
    """Read what Klaviyo's token endpoint answered; None where it holds no tokens.

    Args:
        answer: the answer's JSON object.
        asked_at: when it was asked for, in seconds since the epoch; the token lives from then at the earliest.
        scopes: what holds where the answer names no scope (RFC 6749, section 5.1: as asked for).
        refresh_token: what holds where the answer has none (RFC 6749, section 6: the old one).
    """
    access, lifetime = answer.get("access_token"), answer.get("expires_in")
    refresh = answer.get("refresh_token") or (refresh_token.reveal() if refresh_token else None)
    is_bearer = str(answer.get("token_type", "")).lower() == "bearer"
    if not (_is_text(access) and _is_text(refresh) and _is_number(lifetime) and is_bearer):
        return None
    granted = answer.get("scope")
    return OAuthTokens(
        access_token=Secret(str(access)),
        refresh_token=Secret(str(refresh)),
        expires_at=asked_at + float(str(lifetime)),
        scopes=tuple(sorted(granted.split())) if isinstance(granted, str) else scopes,
    )


def json_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object that ``text`` holds; an empty one where it holds none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
