"""Klaviyo over httpx with a role's key, sync and async: the key follows rotation, errors are typed where asked for."""

import logging
import sys
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpx

from klaviyo_access.errors import (
    AnswerNotUnderstood,
    KeyStoreError,
    KlaviyoAccessError,
    KlaviyoError,
    KlaviyoUnreachable,
    RequestMalformed,
)
from klaviyo_access.frames import cut_frames
from klaviyo_access.hidden import Hidden
from klaviyo_access.keys.store import KeyStore
from klaviyo_access.klaviyo.answers import read_answer
from klaviyo_access.klaviyo.operations import REVISION, operation_name
from klaviyo_access.klaviyo.refusals import RoleScopes, of_account, refusal
from klaviyo_access.klaviyo.signing import RoleSigning, Signing

_HTTPX_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)
_HPACK: Final = logging.getLogger("hpack.hpack")
"""Where HTTP/2's headers are encoded, and told at DEBUG: redacted one by one, and then whole as they travel."""
_UNSENDABLE: Final = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)


class SigningAuth(httpx.Auth):
    """Signs each request of an httpx client, and asks for the pinned API revision; see `KlaviyoAuth`.

    Args:
        signing: what signs.
    """

    def __init__(self, signing: Signing) -> None:
        self._signing = signing
        _HPACK.addFilter(_is_no_header)

    @property
    def base_url(self) -> str:
        """Klaviyo's base URL: the ``base_url`` of the client."""
        return self._signing.endpoint

    @contextmanager
    def typed_errors(self) -> Iterator[None]:
        """Turn httpx's exceptions inside the block into a `KlaviyoError` with the exception as its ``__cause__``.

        An answer becomes an error where the block calls ``raise_for_status()``. The block may contain ``await``.

        Raises:
            KlaviyoError: for any exception of httpx; all others pass unchanged.
            OAuthReauthorizationNeeded: Klaviyo rejects an account's newest access token.
        """
        try:
            yield
        except _HTTPX_ERRORS as error:
            raise self._typed(error) from error

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, send, and after a 401 refresh, sign and send once more."""
        request.read()
        secret = self._signing.secret()
        with self._signed(request, secret):
            response = _unsigned((yield request))
        if response.is_error:
            response.read()
        if response.status_code != 401:
            return
        with self._judged(response):
            newer = self._signing.renewed(secret)
        if newer != secret:
            with self._signed(request, newer):
                response = _unsigned((yield request))
            if response.is_error:
                response.read()

    def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The same, and the event loop runs on while the key is fetched."""
        return _Sealed(self._async_flow(request))

    async def _async_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await request.aread()
        secret = await self._signing.asecret()
        with self._signed(request, secret):
            response = _unsigned((yield request))
        if response.is_error:
            await response.aread()
        if response.status_code != 401:
            return
        with self._judged(response):
            newer = await self._signing.arenewed(secret)
        if newer != secret:
            with self._signed(request, newer):
                response = _unsigned((yield request))
            if response.is_error:
                await response.aread()

    @contextmanager
    def _signed(self, request: httpx.Request, secret: Hidden[str]) -> Iterator[None]:
        if _origin(request.url) != _origin(httpx.URL(self.base_url)):
            sender = self._signing.sender
            whose = f"access token of account {sender.account!r}" if sender.account else f"key of role {sender.role!r}"
            reason = f"the {whose} goes to {self.base_url} alone, not to {request.url.host!r}"
            raise of_account(RequestMalformed(reason, role=sender.role, operation=_operation(request)), sender)
        request.headers.setdefault("revision", REVISION)
        request.headers["Authorization"] = f"{self._signing.scheme} {secret.reveal()}"
        try:
            yield
        except GeneratorExit as left:
            # httpx closes the flow where sending failed: what failed, with frames that hold headers, is the context
            _let_go(left)
            raise
        finally:
            request.headers.pop("Authorization", None)

    @contextmanager
    def _judged(self, response: httpx.Response) -> Iterator[None]:
        try:
            yield
        except KeyStoreError as error:
            raise self._refusal(response, refresh_failure=str(error)) from error

    def _refusal(self, response: httpx.Response, *, refresh_failure: str = "") -> KlaviyoAccessError:
        answer = read_answer(response.status_code, response.headers, response.content)
        operation = _operation(response.request)
        return refusal(answer, sender=self._signing.sender, operation=operation, refresh_failure=refresh_failure)

    def _typed(self, error: Exception) -> KlaviyoAccessError:
        if isinstance(error, httpx.HTTPStatusError):
            return self._refusal(error.response)
        sender = self._signing.sender
        return of_account(_typed_failure(error, sender.role), sender)


class KlaviyoAuth(SigningAuth):
    """Signs each request of an httpx client with a role's key, and asks for the pinned API revision.

    After a 401 the key is fetched anew, once, and where there is a newer one the request is sent once more with it. Any
    other answer, a 403 above all, leaves the key as it is. The key is on a request, and on those that redirects lead
    to, only while that is on its way, and goes to Klaviyo alone: a request to another host is refused. Request bodies
    are read into memory, so that they can be sent twice; so are the bodies of errors. One object serves any number of
    clients, threads and tasks. It keeps the DEBUG lines of ``hpack.hpack`` out of the logs: with ``http2=True`` they
    would hold each request's headers as they travel.

    Args:
        store: where the key comes from; a role's name for ``KeyStore.shared(role)``, the process's one store of it.
        roles: role to the scopes of its key; with it a `ScopeMissing` names the roles that have the scopes.

    Raises:
        KeyStoreError: there is no key of the role to be had.

    The client's requests raise, beside httpx's own exceptions:
        KeyRejected: Klaviyo rejected the key, and the secret could not be asked for a newer one.
        RequestMalformed: the request goes to another host than Klaviyo's.

    Source: https://www.python-httpx.org/advanced/authentication/#custom-authentication-schemes
    """

    def __init__(self, store: KeyStore | str, *, roles: RoleScopes | None = None) -> None:
        super().__init__(RoleSigning(KeyStore.shared(store) if isinstance(store, str) else store, roles))


class _Sealed(AsyncGenerator[httpx.Request, httpx.Response]):
    """An async flow that cuts the frames of what made httpx close it; a native one is not told what that was."""

    def __init__(self, flow: AsyncGenerator[httpx.Request, httpx.Response]) -> None:
        self._flow = flow

    async def asend(self, value: httpx.Response | None) -> httpx.Request:
        return await self._flow.asend(value)  # type: ignore[arg-type] # None starts it

    async def athrow(self, *error: Any) -> httpx.Request:
        return await self._flow.athrow(*error)

    async def aclose(self) -> None:
        if failed := sys.exception():
            _let_go(failed)
        await self._flow.aclose()


def _unsigned(response: httpx.Response) -> httpx.Response:
    """``response`` without the secret on the requests that redirects led to, which are copies of the one signed."""
    for answer in (response, *response.history):
        for request in (answer.request, answer.next_request):
            if request is not None:
                request.headers.pop("Authorization", None)
    return response


def _let_go(error: BaseException) -> None:
    """Leave the secret neither in the frames of what failed nor on its request, to which a redirect may have led."""
    cut_frames(error)
    failed = error.__context__ if isinstance(error, GeneratorExit) else error
    if isinstance(failed, httpx.RequestError):
        with suppress(RuntimeError):  # it has no request where a hook of the caller's made it
            failed.request.headers.pop("Authorization", None)


def _is_no_header(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _typed_failure(error: Exception, role: str) -> KlaviyoError:
    """The error for what is no answer of Klaviyo's."""
    reason = f"{type(error).__name__}: {error}"
    if not isinstance(error, httpx.HTTPError):
        return RequestMalformed(reason, role=role, operation="a request")
    operation = _operation(error.request)
    if isinstance(error, httpx.DecodingError):
        return AnswerNotUnderstood(reason, role=role, operation=operation)
    kind = RequestMalformed if isinstance(error, _UNSENDABLE) else KlaviyoUnreachable
    return kind(reason, role=role, operation=operation)


def _operation(request: httpx.Request) -> str:
    return operation_name(request.method, request.url.path)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
