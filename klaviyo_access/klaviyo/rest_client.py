"""The lowest layer of Klaviyo's SDK, which signs: every request passes here last."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from openapi_client.rest import RESTClientObject, RESTResponse

from klaviyo_access.errors import KeyStoreError
from klaviyo_access.frames import cut_frames
from klaviyo_access.hidden import Hidden
from klaviyo_access.klaviyo.answers import read_answer
from klaviyo_access.klaviyo.operations import operation_name
from klaviyo_access.klaviyo.refusals import refusal
from klaviyo_access.klaviyo.signing import Signing


class RotatingRestClient(RESTClientObject):
    """Signs each request here, so that no object above holds the secret, and follows its renewal.

    Args:
        configuration: the SDK's.
        signing: what signs.
    """

    def __init__(self, configuration: Any, signing: Signing) -> None:
        self._configuration = configuration
        self._signing = signing
        self._open_pool()

    def request(
        self, method: str, url: str, headers: Mapping[str, Any] | None = None, *rest: Any, **named: Any
    ) -> RESTResponse:
        """Send a request with the secret of now, and after a 401 once more with a newer one.

        Raises:
            KeyRejected: Klaviyo rejected the key, and the secret could not be asked for a newer one.
            OAuthError: there is no access token to sign with.
        """
        given = dict(headers or {})
        if "Authorization" in given:  # the caller's own, by the SDK's _request_auth
            return self._send(method, url, given, None, *rest, **named)
        secret = self._signing.secret()
        response = self._send(method, url, given, secret, *rest, **named)
        if response.status != 401:
            return response
        try:
            newer = self._signing.renewed(secret)
        except KeyStoreError as error:
            answer = read_answer(401, response.response.headers, response.response.data)
            operation = operation_name(method, urlsplit(url).path)
            sender = self._signing.sender
            raise refusal(answer, sender=sender, operation=operation, refresh_failure=str(error)) from error
        if newer == secret:
            return response
        response.response.drain_conn()
        return self._send(method, url, given, newer, *rest, **named)

    def _open_pool(self) -> None:
        super().__init__(self._configuration)
        self._process = os.getpid()

    def _send(
        self, method: str, url: str, headers: Mapping[str, Any], secret: Hidden[str] | None, *rest: Any, **named: Any
    ) -> RESTResponse:
        if self._process != os.getpid():  # forked: the parent goes on using the connections that it has open
            self._open_pool()
        try:
            response: RESTResponse = super().request(  # type: ignore[no-untyped-call] # the SDK leaves it unannotated
                method, url, {**headers, **self._authorization(secret)}, *rest, **named
            )
        except BaseException as error:
            cut_frames(error)
            raise
        return response

    def _authorization(self, secret: Hidden[str] | None) -> dict[str, str]:
        return {} if secret is None else {"Authorization": f"{self._signing.scheme} {secret.reveal()}"}
