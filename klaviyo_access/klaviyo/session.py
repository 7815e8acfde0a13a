"""Klaviyo's official SDK with a role's key: the key follows rotation, and every refusal is a typed error."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Final

from klaviyo_api import KlaviyoAPI  # type: ignore[import-untyped] # the SDK ships no types
from openapi_client.exceptions import ApiException, OpenApiException
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, ProxySchemeUnsupported
from urllib3.util import Retry

from klaviyo_access.endpoint import KLAVIYO_URL
from klaviyo_access.errors import (
    AnswerNotUnderstood,
    KlaviyoAccessError,
    KlaviyoError,
    KlaviyoUnreachable,
    RequestMalformed,
)
from klaviyo_access.keys.store import KeyStore
from klaviyo_access.klaviyo.answers import read_answer
from klaviyo_access.klaviyo.refusals import RoleScopes, Sender, of_account, refusal
from klaviyo_access.klaviyo.rest_client import RotatingRestClient
from klaviyo_access.klaviyo.signing import RoleSigning, Signing

_VARIANTS: Final = ("_with_http_info", "_without_preload_content")
_URLLIB3_ERRORS: Final = (HTTPError, ProxySchemeUnsupported)


def session_for_role(
    role: str,
    *,
    store: KeyStore | None = None,
    roles: RoleScopes | None = None,
    max_retries: int = 3,
    max_delay: int = 60,
    options: Mapping[str, Any] | None = None,
) -> KlaviyoAPI:
    """The official SDK's client with a role's key.

    After a 401 the key is fetched anew, once, and where there is a newer one the request is sent once more with it.
    Any other answer, a 403 above all, leaves the key as it is. Both ``repr`` and attributes of the client are free of
    the key: it is added to each request where that leaves the process.

    The client's operations, their variants ``…_with_http_info`` and ``…_without_preload_content`` too, raise a
    `KlaviyoError` and nothing of the layers below, whose exception stays as its ``__cause__``, without the input that
    pydantic quotes. They raise a `KeyStoreError` where the key is too old to be served.

    Args:
        role: as in access.yaml.
        store: where the key comes from, a store of this role; without it ``KeyStore.shared(role)``, the process's one
            store of the role, which fetches the key when it is asked for first.
        roles: role to the scopes of its key; with it a `ScopeMissing` names the roles that have the scopes.
        max_retries: attempts that the SDK makes at 429, 503 and 504; the variants make one.
        max_delay: seconds that the SDK waits between two of them at most.
        options: the SDK's own ``options``.

    Raises:
        KeyStoreError: there is no key to be had.
        ValueError: ``store`` has another role's key.

    Source: https://github.com/klaviyo/klaviyo-api-python
    """
    store = store or KeyStore.shared(role)
    if (held := store.snapshot.role) != role:
        raise ValueError(
            f"A session acts with the key of its role; it was asked for role {role!r}, and the store given has the key "
            f"of {held!r}. Give a store of that role, or none."
        )
    return SignedSession(
        RoleSigning(store, roles), max_retries=max_retries, max_delay=max_delay, options=dict(options or {})
    )


class _UnreadableError(OpenApiException):
    """The SDK failed on the body of a 2xx."""


class SignedSession(KlaviyoAPI):  # type: ignore[misc] # the SDK ships no types
    """The SDK's client whose requests ``signing`` signs; ``settings`` are the SDK's own."""

    def __init__(self, signing: Signing, **settings: Any) -> None:
        self._signing = signing
        endpoint = signing.endpoint
        super().__init__(api_key="", test_host="" if endpoint == KLAVIYO_URL else endpoint, **settings)
        self.configuration.api_key = {}
        # urllib3 would sleep through each Retry-After by itself, below max_retries and max_delay.
        self.configuration.retries = Retry(3, respect_retry_after_header=False)
        self.api_client.rest_client = RotatingRestClient(self.configuration, signing)
        self.api_client.response_deserialize = _telling_the_unreadable(self.api_client.response_deserialize)

    def retry_logic(self, func: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        """The SDK's hook around each operation as it is looked up; the operation's variants have none of their own."""
        operation, api = func.__name__, func.__self__  # type: ignore[attr-defined] # always a bound method
        for name in (f"{operation}{variant}" for variant in _VARIANTS):
            setattr(api, name, self._typed(getattr(api, name), operation))
        return self._typed(super().retry_logic(func), operation)

    def _typed(self, func: Callable[..., Any], operation: str) -> Callable[..., Any]:
        @wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                result = func(*args, **kwargs)
                if isinstance(result, BaseHTTPResponse) and not 200 <= result.status < 300:
                    answer = read_answer(result.status, result.headers, result.data)
                    raise refusal(answer, sender=self._sender(kwargs), operation=operation)
            except ValidationError as error:
                malformed = _without_input(error)  # raised from below, since an error keeps the one it was raised in
            except (OpenApiException, *_URLLIB3_ERRORS) as error:
                raise typed_error(error, sender=self._sender(kwargs), operation=operation) from error
            else:
                return result
            raise typed_error(malformed, sender=self._sender(kwargs), operation=operation) from malformed

        return call

    def _sender(self, call: Mapping[str, Any]) -> Sender:
        sender = self._signing.sender
        return sender if call.get("_request_auth") is None else replace(sender, key=None, account="")

    def __repr__(self) -> str:
        sender = self._signing.sender
        who = f"account={sender.account!r}" if sender.account else f"role={sender.role!r}, key={sender.key}"
        return f"KlaviyoAPI({who}, endpoint={self._signing.endpoint!r})"


def typed_error(error: Exception, *, sender: Sender, operation: str) -> KlaviyoAccessError:
    """The typed error for an exception of the SDK, or of urllib3 or pydantic below it.

    Args:
        error: what was raised.
        sender: who sent the request.
        operation: the SDK's name of the operation.
    """
    named = {"role": sender.role, "operation": operation}
    if isinstance(error, ApiException) and error.status:
        answer = read_answer(error.status, error.headers or {}, error.body or "")
        return refusal(answer, sender=sender, operation=operation)
    return of_account(_typed_failure(error, **named), sender)


def _typed_failure(error: Exception, *, role: str, operation: str) -> KlaviyoError:
    """The error for what is no answer of Klaviyo's."""
    named = {"role": role, "operation": operation}
    if isinstance(error, _UnreadableError):
        return AnswerNotUnderstood(str(error), **named)
    # The SDK makes an ApiException without a status of a TLS failure, and of a body that fits no content type.
    if isinstance(error, _URLLIB3_ERRORS) or isinstance(error.__context__, _URLLIB3_ERRORS):
        return KlaviyoUnreachable(str(getattr(error, "reason", error)), **named)
    if isinstance(error, ValidationError):
        return RequestMalformed(_told(error), **named)
    return RequestMalformed(str(getattr(error, "reason", error)), **named)


def _told(error: Exception) -> str:
    """What pydantic found wrong and where, or what another error says: never what stood there."""
    if not isinstance(error, ValidationError):
        return _first_line(str(error))
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or error.title}: {_first_line(one['msg'])}" for one in found)


def _without_input(error: ValidationError) -> ValidationError:
    """The same error of pydantic's without what it was about, which may be personal data and is printed with it."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    details = [
        InitErrorDetails(type=PydanticCustomError(one["type"], _first_line(one["msg"])), loc=one["loc"], input=None)
        for one in found
    ]
    return ValidationError.from_exception_data(error.title, details, hide_input=True)


def _first_line(message: str) -> str:
    """Errors that quote an error of pydantic's, as those of alternatives do, quote the input below their first line."""
    return message.partition("\n")[0]


def _telling_the_unreadable(read: Callable[..., Any]) -> Callable[..., Any]:
    def response_deserialize(*args: Any, **kwargs: Any) -> Any:
        try:
            return read(*args, **kwargs)
        except ApiException:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the SDK's models raise on a body that is not theirs
            told = f"{type(error).__name__}: {_told(error)}"
        raise _UnreadableError(told)  # not from the error, which quotes the answer

    return response_deserialize
