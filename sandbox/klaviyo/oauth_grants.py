"""OAuth apps, the codes and tokens that the account granted them, and PKCE's check of a verifier.

Source: https://developers.klaviyo.com/en/docs/set_up_oauth, RFC 6749 and RFC 7636.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final

CODE_LIFETIME: Final = 5 * 60
ACCESS_TOKEN_LIFETIME: Final = 60 * 60
REFRESH_TOKEN_IDLE: Final = 90 * 24 * 60 * 60

_VERIFIER: Final = re.compile(r"[a-zA-Z0-9\-._~]{43,128}")


@dataclass(frozen=True, kw_only=True)
class App:
    """An OAuth app as its developer registered it.

    Attributes:
        id: the client id.
        secret: the client secret.
        redirect_uris: where a browser may be sent back to, exactly.
        scopes: the most it may ask for.
        consented: what the account's owner agrees to when asked; None for all, empty for a refusal.
        renews_refresh_tokens: whether a refresh answers with a new refresh token and ends the old one.
    """

    id: str
    secret: str = field(repr=False)
    redirect_uris: frozenset[str]
    scopes: frozenset[str]
    consented: frozenset[str] | None = None
    renews_refresh_tokens: bool = False


@dataclass(frozen=True, kw_only=True)
class Code:
    """An authorization code: what it stands for, until it is used."""

    app_id: str
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str
    expires_at: float


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What an app may do with an access token, or what its refresh token renews."""

    app_id: str
    scopes: frozenset[str]
    expires_at: float


class Grants:
    """All OAuth apps of one account and what was granted to them.

    Args:
        clock: the time in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._apps: dict[str, App] = {}
        self._codes: dict[str, Code] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """All that it holds: frozen values by kind and name."""
        return {
            "apps": self._apps,
            "codes": self._codes,
            "access tokens": self._access,
            "refresh tokens": self._refresh,
        }

    def register(self, app: App) -> None:
        """Add an app, or change it."""
        self._apps[app.id] = app

    def app(self, identifier: str) -> App | None:
        """The app with this client id."""
        return self._apps.get(identifier)

    def authenticated(self, identifier: str, secret: str) -> App | None:
        """The app with this client id, if the secret is its own."""
        app = self._apps.get(identifier)
        return app if app and secrets.compare_digest(app.secret.encode(), secret.encode()) else None

    def issue_code(self, app: App, *, redirect_uri: str, scopes: Collection[str], challenge: str) -> str:
        """A code that the app can exchange once, within five minutes."""
        code = secrets.token_urlsafe(36)
        self._codes[code] = Code(
            app_id=app.id,
            redirect_uri=redirect_uri,
            scopes=frozenset(scopes),
            challenge=challenge,
            expires_at=self._clock() + CODE_LIFETIME,
        )
        return code

    def code(self, value: str, app: App) -> Code | None:
        """The app's code, if it was neither used nor is too old."""
        code = self._codes.get(value)
        return code if code and code.app_id == app.id and self._clock() < code.expires_at else None

    def use_up(self, value: str) -> None:
        """End a code."""
        del self._codes[value]

    def issue_tokens(self, app: App, scopes: frozenset[str], refresh_token: str | None = None) -> tuple[str, str]:
        """A new access token and the refresh token that goes with it: ``refresh_token``, or a new one."""
        now, access, refresh = self._clock(), secrets.token_urlsafe(48), refresh_token or secrets.token_urlsafe(48)
        self._access[access] = Grant(app_id=app.id, scopes=scopes, expires_at=now + ACCESS_TOKEN_LIFETIME)
        self._refresh[refresh] = Grant(app_id=app.id, scopes=scopes, expires_at=now + REFRESH_TOKEN_IDLE)
        return access, refresh

    def renew(self, value: str, app: App) -> tuple[str, str, frozenset[str]] | None:
        """A new access token for the app's refresh token, if that is still good; what the app lost it does not get."""
        grant = self._refresh.get(value)
        if grant is None or grant.app_id != app.id or self._clock() >= grant.expires_at:
            return None
        scopes = grant.scopes & app.scopes
        if app.renews_refresh_tokens:
            del self._refresh[value]
        return *self.issue_tokens(app, scopes, None if app.renews_refresh_tokens else value), scopes

    def of_access_token(self, access_token: str) -> Grant | None:
        """What an access token allows now; None where it allows nothing."""
        grant = self._access.get(access_token)
        return grant if grant and self._clock() < grant.expires_at else None

    def knows(self, token: str, app: App) -> bool:
        """Whether a token, access or refresh, is the app's."""
        grant = self._refresh.get(token) or self._access.get(token)
        return grant is not None and grant.app_id == app.id

    def uninstall(self, app: App) -> None:
        """Take back all that was granted to an app."""
        for granted in (self._access, self._refresh):
            for token in [token for token, grant in granted.items() if grant.app_id == app.id]:
                del granted[token]

    def change(self, identifier: str, **changes: object) -> None:
        """Change what a registered app may do."""
        self._apps[identifier] = replace(self._apps[identifier], **changes)  # type: ignore[arg-type] # checked by the caller


def is_verifier(text: str) -> bool:
    """Whether ``text`` has the form of a code verifier (RFC 7636, section 4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def verifies(verifier: str, challenge: str) -> bool:
    """Whether ``challenge`` is the S256 challenge of ``verifier`` (RFC 7636, section 4.6).

    Goes the other way than a client: the challenge is decoded and compared with the digest.
    """
    if len(challenge) != 43:
        return False
    try:
        digest = base64.b64decode(f"{challenge}=", altchars=b"-_", validate=True)
    except ValueError:
        return False
    return secrets.compare_digest(digest, hashlib.sha256(verifier.encode("ascii")).digest())
