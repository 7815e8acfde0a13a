"""Consent of Klaviyo accounts by OAuth 2.0: ``OAuthApp.from_environment().connection("AbC123").access_token()``.

Needs the extra ``oauth``; for ``session_for_account`` and ``OAuthAuth`` the extra ``klaviyo`` too.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from klaviyo_access.oauth.app import OAuthApp
from klaviyo_access.oauth.client import AppCredentials, OAuthClient
from klaviyo_access.oauth.connection import OAuthConnection
from klaviyo_access.oauth.secret import Secret
from klaviyo_access.oauth.secrets_manager import AppSecrets
from klaviyo_access.oauth.state import StateSeal
from klaviyo_access.oauth.stores import MemoryTokenStore, TokenStore
from klaviyo_access.oauth.tokens import OAuthTokens

if TYPE_CHECKING:
    from klaviyo_access.oauth.session import OAuthAuth, session_for_account

__all__ = [
    "AppCredentials",
    "AppSecrets",
    "MemoryTokenStore",
    "OAuthApp",
    "OAuthAuth",
    "OAuthClient",
    "OAuthConnection",
    "OAuthTokens",
    "Secret",
    "StateSeal",
    "TokenStore",
    "session_for_account",
]


def __getattr__(name: str) -> Any:
    if name not in {"OAuthAuth", "session_for_account"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.session"), name)
