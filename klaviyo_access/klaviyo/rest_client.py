"""The lowest layer of Klaviyo's SDK, with a role's key: every request passes here last."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from openapi_client.rest import RESTClientObject, RESTResponse

from klaviyo_access.errors import KeyStoreError
from klaviyo_access.frames import cut_frames
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.store import KeyStore
from klaviyo_access.klaviyo.answers import read_answer
from klaviyo_access.klaviyo.operations import operation_name
from klaviyo_access.klaviyo.refusals import Sender, refusal


class RotatingRestClient(RESTClientObject):
    """Adds the key to each request here, so that no object above holds it, and follows rotation.

    Args:
        configuration: the SDK's.
        store: where the key comes from.
    """

    def __init__(self, configuration: Any, store: KeyStore) -> None:
        self._configuration = configuration
        self._store = store
        self._open_pool()

    def request(
        self, method: str, url: str, headers: Mapping[str, Any] | None = None, *rest: Any, **named: Any
    ) -> RESTResponse:
        """Send a request with the store's key, and after a 401 once more with a newer one.

        Raises:
            KeyRejected: Klaviyo rejected the key, and the secret could not be asked for a newer one.
        """
        given = dict(headers or {})
        if "Authorization" in given:  # the caller's own, by the SDK's _request_auth
            return self._send(method, url, given, None, *rest, **named)
        key = self._store.key
        response = self._send(method, url, given, key, *rest, **named)
        if response.status != 401:
            return response
        try:
            self._store.refresh(rejected=key)
        except KeyStoreError as error:
            answer = read_answer(401, response.response.headers, response.response.data)
            sender = Sender(role=self._store.snapshot.role, key=key)
            operation = operation_name(method, urlsplit(url).path)
            raise refusal(answer, sender=sender, operation=operation, refresh_failure=str(error)) from error
        if self._store.snapshot.key == key:
            return response
        response.response.drain_conn()
        return self._send(method, url, given, self._store.key, *rest, **named)

    def _open_pool(self) -> None:
        super().__init__(self._configuration)
        self._process = os.getpid()

    def _send(
        self, method: str, url: str, headers: Mapping[str, Any], key: Key | None, *rest: Any, **named: Any
    ) -> RESTResponse:
        if self._process != os.getpid():  # forked: the parent goes on using the connections that it has open
            self._open_pool()
        try:
            response: RESTResponse = super().request(  # type: ignore[no-untyped-call] # the SDK leaves it unannotated
                method, url, {**headers, **_authorization(key)}, *rest, **named
            )
        except BaseException as error:
            cut_frames(error)
            raise
        return response


def _authorization(key: Key | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Klaviyo-API-Key {key.reveal()}"}
