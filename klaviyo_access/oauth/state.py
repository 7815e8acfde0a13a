"""OAuth's state, signed for one browser session, and the PKCE verifier that follows from it. Nothing is stored.

A state is a nonce, the time at which it ends, and an HMAC over both and the browser's session. The verifier is another
HMAC over the same. So any host can check a callback that another host's request caused, no verifier ever leaves the
hosts, and there is no store to keep, share or empty. That a callback works once is the code's part: Klaviyo takes a
code once, and only with the verifier of its own request (RFC 9700, section 2.1; RFC 7636).
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from klaviyo_access.errors import OAuthStateExpired, OAuthStateMismatch
from klaviyo_access.oauth.secret import Secret

LIFETIME_MINUTES: Final = 10

_NONCE, _TIME, _MAC = 16, 8, 32


class StateSeal:
    """Makes states and checks them.

    Args:
        client_secret: what every host of the app knows and nobody else does; the signing keys are derived from it.
        clock: the time in seconds since the epoch.
    """

    def __init__(self, client_secret: Secret, *, clock: Callable[[], float]) -> None:
        self._client_secret = client_secret
        self._clock = clock

    def begin(self, session: str) -> tuple[str, Secret]:
        """A new state and its verifier, for the browser session ``session``.

        Raises:
            ValueError: no session; a state that every browser could bring back protects nobody.
        """
        if not session:
            raise ValueError("A state is bound to one browser: give what the session cookie identifies it by.")
        ends = int(self._clock()) + LIFETIME_MINUTES * 60
        claims = secrets.token_bytes(_NONCE) + ends.to_bytes(_TIME, "big")
        return _encode(claims + self._sign("state", claims, session)), self._verifier(claims, session)

    def verify(self, state: str, session: str) -> Secret:
        """The verifier that belongs to a state which came back.

        Raises:
            OAuthStateMismatch: the state was not made here, or for another browser session.
            OAuthStateExpired: it was, more than ten minutes ago.
        """
        sealed = _decode(state)
        claims, mac = sealed[: _NONCE + _TIME], sealed[_NONCE + _TIME :]
        if len(mac) != _MAC or not hmac.compare_digest(mac, self._sign("state", claims, session)):
            raise OAuthStateMismatch
        if self._clock() >= int.from_bytes(claims[_NONCE:], "big"):
            raise OAuthStateExpired(minutes=LIFETIME_MINUTES)
        return self._verifier(claims, session)

    def _verifier(self, claims: bytes, session: str) -> Secret:
        return Secret(_encode(self._sign("verifier", claims, session)))

    def _sign(self, purpose: str, claims: bytes, session: str) -> bytes:
        key = hmac.digest(self._client_secret.reveal().encode(), f"klaviyo-access oauth {purpose}".encode(), "sha256")
        return hmac.digest(key, claims + hashlib.sha256(session.encode()).digest(), "sha256")


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
