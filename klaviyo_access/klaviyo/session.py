"""Klaviyo's official SDK with a role's key: the key follows rotation, and every refusal is a typed error."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from klaviyo_api import KlaviyoAPI  # type: ignore[import-untyped] # the SDK ships no types
from openapi_client.exceptions import ApiException
from openapi_client.rest import RESTClientObject, RESTResponse
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KLAVIYO_URL
from klaviyo_access.keys.store import KeyStore
from klaviyo_access.klaviyo.answers import Meaning, read_answer
from klaviyo_access.klaviyo.errors import (
    FeatureForbidden,
    KeyRejected,
    KlaviyoError,
    KlaviyoUnreachable,
    RateLimited,
    RequestRefused,
    ScopeMissing,
)


def session_for_role(
    role: str,
    *,
    store: KeyStore | None = None,
    max_retries: int = 3,
    max_delay: int = 60,
    options: Mapping[str, Any] | None = None,
) -> KlaviyoAPI:
    """The official SDK's client with a role's key.

    After a 401 the key is fetched anew, once, and where there is a newer one the request is sent once more with it.
    Any other answer, a 403 above all, leaves the key as it is. Both ``repr`` and attributes of the client are free of
    the key: it is added to each request where that leaves the process.

    Args:
        role: as in access.yaml.
        store: where the key comes from; without it ``KeyStore(role)``, which fetches the key now.
        max_retries: attempts that the SDK makes at 429, 503 and 504.
        max_delay: seconds that the SDK waits between two of them at most.
        options: the SDK's own ``options``.

    Raises:
        KeyStoreError: there is no key to be had.

    The client's operations raise a ``KlaviyoError``, with the SDK's exception as its ``__cause__``. Their variants
    ``…_with_http_info`` and ``…_without_preload_content`` follow rotation too, and raise the SDK's exceptions.
    """
    return _RoleSession(
        store or KeyStore(role), max_retries=max_retries, max_delay=max_delay, options=dict(options or {})
    )


class _RoleSession(KlaviyoAPI):  # type: ignore[misc] # the SDK ships no types
    def __init__(self, store: KeyStore, **settings: Any) -> None:
        self._store = store
        endpoint = store.snapshot.endpoint
        super().__init__(api_key="", test_host="" if endpoint == KLAVIYO_URL else endpoint, **settings)
        self.configuration.api_key = {}
        # urllib3 would sleep through each Retry-After by itself, below max_retries and max_delay.
        self.configuration.retries = Retry(3, respect_retry_after_header=False)
        self.api_client.rest_client = _RotatingRestClient(self.configuration, store)

    def retry_logic(self, func: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        retried = super().retry_logic(func)

        def operation(*args: Any, **kwargs: Any) -> Any:
            try:
                return retried(*args, **kwargs)
            except ApiException as error:
                raise _typed(error, self._store, operation=func.__name__) from error
            except HTTPError as error:
                role = self._store.snapshot.role
                raise KlaviyoUnreachable(str(error), role=role, operation=func.__name__) from error

        return operation

    def __repr__(self) -> str:
        snapshot = self._store.snapshot
        return f"KlaviyoAPI(role={snapshot.role!r}, key={snapshot.key}, endpoint={snapshot.endpoint!r})"


class _RotatingRestClient(RESTClientObject):
    """The SDK's lowest layer: every request passes here last, so that the key is in no object above it."""

    def __init__(self, configuration: Any, store: KeyStore) -> None:
        super().__init__(configuration)
        self._store = store

    def request(
        self, method: str, url: str, headers: Mapping[str, Any] | None = None, *rest: Any, **named: Any
    ) -> RESTResponse:
        """Send a request with the store's key, and after a 401 once more with a newer one."""
        given = dict(headers or {})
        if "Authorization" in given:  # the caller's own, by the SDK's _request_auth
            return self._send(method, url, given, None, *rest, **named)
        key = self._store.key
        response = self._send(method, url, given, key, *rest, **named)
        if response.status != 401:
            return response
        self._store.refresh(rejected=key)
        if self._store.key == key:
            return response
        response.read()  # type: ignore[no-untyped-call] # the SDK leaves it unannotated
        return self._send(method, url, given, self._store.key, *rest, **named)

    def _send(
        self, method: str, url: str, headers: Mapping[str, Any], key: Key | None, *rest: Any, **named: Any
    ) -> RESTResponse:
        try:
            response: RESTResponse = super().request(  # type: ignore[no-untyped-call] # the SDK leaves it unannotated
                method, url, {**headers, **_authorization(key)}, *rest, **named
            )
        except (HTTPError, ApiException) as error:
            operation = f"{method} {url.partition('?')[0]}"
            reason = str(getattr(error, "reason", error))
            _drop_frames(error)
            raise KlaviyoUnreachable(reason, role=self._store.snapshot.role, operation=operation) from error
        return response


def _authorization(key: Key | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Klaviyo-API-Key {key.reveal()}"}


def _typed(error: ApiException, store: KeyStore, *, operation: str) -> KlaviyoError:
    role = store.snapshot.role
    answer = read_answer(error.status, error.headers or {}, error.body or "")
    typed: KlaviyoError
    match answer.meaning:
        case Meaning.KEY_REFUSED:
            typed = KeyRejected(role=role, operation=operation, key=str(store.key))
        case Meaning.SCOPES_MISSING:
            typed = ScopeMissing(role=role, operation=operation, missing=answer.missing_scopes)
        case Meaning.FORBIDDEN:
            typed = FeatureForbidden(answer.detail, role=role, operation=operation)
        case Meaning.RATE_LIMITED:
            typed = RateLimited(role=role, operation=operation, retry_after=answer.retry_after)
        case Meaning.CHALLENGED:
            typed = KlaviyoUnreachable("Cloudflare challenged this machine (403)", role=role, operation=operation)
        case Meaning.SERVER_ERROR:
            typed = KlaviyoUnreachable(f"it answered {answer.status}", role=role, operation=operation)
        case _:
            typed = RequestRefused(answer.detail, role=role, operation=operation, status=answer.status)
    return typed


def _drop_frames(error: BaseException) -> None:
    """Take the tracebacks off an error and its causes: their frames hold the request's headers, and so the key."""
    for one in _chain(error):
        one.__traceback__ = None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None)]
            yield one
