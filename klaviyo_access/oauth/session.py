"""Klaviyo's official SDK and httpx with an account's access token, which they renew by themselves.

Needs the extra ``klaviyo`` beside ``oauth``.
"""

from collections.abc import Mapping
from typing import Any

from klaviyo_api import KlaviyoAPI  # type: ignore[import-untyped] # the SDK ships no types

from klaviyo_access.hidden import Hidden
from klaviyo_access.klaviyo.auth import SigningAuth
from klaviyo_access.klaviyo.refusals import Sender
from klaviyo_access.klaviyo.session import SignedSession
from klaviyo_access.oauth.connection import OAuthConnection
from klaviyo_access.oauth.secret import Secret


class AccountSigning:
    """Signs with the access token of one account.

    Args:
        connection: the account's connection.
    """

    scheme = "Bearer"

    def __init__(self, connection: OAuthConnection) -> None:
        self._connection = connection

    @property
    def endpoint(self) -> str:
        """Klaviyo's base URL, as the app was told."""
        return self._connection.klaviyo_url

    @property
    def sender(self) -> Sender:
        """The account."""
        return Sender(role="", key=None, account=self._connection.account)

    def secret(self) -> Hidden[str]:
        """The access token; raises an ``OAuthError`` where there is none."""
        return self._connection.access_token()

    async def asecret(self) -> Hidden[str]:
        """The same for a task."""
        return await self._connection.aaccess_token()

    def renewed(self, rejected: Hidden[str]) -> Hidden[str]:
        """Another access token; raises an ``OAuthError`` where there is none."""
        return self._connection.access_token(rejected=Secret(rejected.reveal()))

    async def arenewed(self, rejected: Hidden[str]) -> Hidden[str]:
        """The same for a task."""
        return await self._connection.aaccess_token(rejected=Secret(rejected.reveal()))


def session_for_account(
    connection: OAuthConnection,
    *,
    max_retries: int = 3,
    max_delay: int = 60,
    options: Mapping[str, Any] | None = None,
) -> KlaviyoAPI:
    """The official SDK's client for an account that gave its consent; make it once and keep it.

    It asks the connection for the access token at each request. After a 401 the token is renewed, once for all who
    wait, and the request is sent once more; any other answer, a 403 above all, renews nothing. No attribute and no
    ``repr`` of the client has a token.

    The client's operations raise a `KlaviyoError`, whose ``account`` is the account's id, or an `OAuthError` where
    there is no token to send: `OAuthReauthorizationNeeded` too where Klaviyo rejects the newest.

    Args:
        connection: as ``OAuthApp.connection`` gives it.
        max_retries: attempts that the SDK makes at 429, 503 and 504; the variants of operations make one.
        max_delay: seconds that the SDK waits between two of them at most.
        options: the SDK's own ``options``.
    """
    signing = AccountSigning(connection)
    return SignedSession(signing, max_retries=max_retries, max_delay=max_delay, options=dict(options or {}))


class OAuthAuth(SigningAuth):
    """Signs each request of an httpx client with an account's access token, and asks for the pinned API revision.

    It does with the token what `klaviyo_access.klaviyo.KlaviyoAuth` does with a role's key, sync and async, and has the
    same ``base_url`` and ``typed_errors()``.

    Args:
        connection: as ``OAuthApp.connection`` gives it.
    """

    def __init__(self, connection: OAuthConnection) -> None:
        super().__init__(AccountSigning(connection))
