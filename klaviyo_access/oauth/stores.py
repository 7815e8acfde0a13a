"""Where the tokens of each Klaviyo account are kept: what a store must do, and one in memory."""

import threading
from typing import Protocol

from klaviyo_access.oauth.tokens import OAuthTokens


class TokenStore(Protocol):
    """Keeps the newest tokens of each account. Both methods raise an ``OAuthError`` where they cannot do it."""

    def load(self, account: str) -> OAuthTokens | None:
        """The tokens that were stored last; None where there are none, or they were given up."""
        ...

    def save(self, account: str, tokens: OAuthTokens | None) -> None:
        """Store tokens for good before returning; None gives them up."""
        ...


class MemoryTokenStore:
    """Keeps tokens for the life of the process: for tests, and for tools that ask for consent each time."""

    def __init__(self) -> None:
        self._tokens: dict[str, OAuthTokens] = {}
        self._lock = threading.Lock()

    def load(self, account: str) -> OAuthTokens | None:
        """The account's tokens."""
        with self._lock:
            return self._tokens.get(account)

    def save(self, account: str, tokens: OAuthTokens | None) -> None:
        """Keep the account's tokens, or forget them."""
        with self._lock:
            self._tokens.pop(account, None)
            if tokens is not None:
                self._tokens[account] = tokens
