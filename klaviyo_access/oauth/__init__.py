"""Consent of Klaviyo accounts by OAuth 2.0: ``OAuthApp.from_environment().connection("AbC123").access_token()``.

Needs the extra ``oauth``.
"""

from klaviyo_access.oauth.app import OAuthApp
from klaviyo_access.oauth.client import AppCredentials, OAuthClient
from klaviyo_access.oauth.connection import OAuthConnection
from klaviyo_access.oauth.secret import Secret
from klaviyo_access.oauth.secrets_manager import AppSecrets
from klaviyo_access.oauth.state import StateSeal
from klaviyo_access.oauth.stores import MemoryTokenStore, TokenStore
from klaviyo_access.oauth.tokens import OAuthTokens

__all__ = [
    "AppCredentials",
    "AppSecrets",
    "MemoryTokenStore",
    "OAuthApp",
    "OAuthClient",
    "OAuthConnection",
    "OAuthTokens",
    "Secret",
    "StateSeal",
    "TokenStore",
]
