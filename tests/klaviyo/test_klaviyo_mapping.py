"""Every exception class of the layers below becomes a typed error, whichever client and variant it came through."""

import asyncio
from typing import Any

import httpx
import openapi_client.exceptions
import pytest
import urllib3.exceptions
from openapi_client.exceptions import ApiException

from klaviyo_access.errors import (
    AnswerNotUnderstood,
    KlaviyoError,
    KlaviyoUnreachable,
    RequestMalformed,
    RequestRefused,
)
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo import KlaviyoAuth, session_for_role
from tests.klaviyo.klaviyo_server import Keys

KEY = Key("pk_" + "0" * 34)
URL = "http://127.0.0.1:9"

# What is not of the network: the call cannot be sent, or the answer cannot be read.
HTTPX_MALFORMED = {
    "CookieConflict",
    "InvalidURL",
    "LocalProtocolError",
    "RequestNotRead",
    "ResponseNotRead",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "UnsupportedProtocol",
}


def classes_of(module: Any) -> list[type[Exception]]:
    """The exception classes that a module defines."""
    package = module.__name__.partition(".")[0]
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, Warning)
        if value.__module__.partition(".")[0] == package
    ]


SDK = classes_of(openapi_client.exceptions)
URLLIB3 = classes_of(urllib3.exceptions)
HTTPX = classes_of(httpx._exceptions)


def test_the_walk_sees_the_layers_below() -> None:
    assert (len(SDK), len(URLLIB3) > 25, len(HTTPX) > 25) == (11, True, True)


def made(kind: type[BaseException], **attributes: Any) -> Any:
    """An exception of a class, without its constructor, whose arguments differ from class to class."""
    error = kind.__new__(kind, "what was wrong")
    vars(error).update(attributes)
    return error


def failing_session(error: Exception) -> Any:
    session = session_for_role("viewer", store=Keys(URL, [KEY]).store())

    def request(*_: object, **__: object) -> None:
        raise error

    session.api_client.rest_client.pool_manager.request = request
    return session


def raised_by_the_sdk(error: Exception, variant: str) -> KlaviyoError:
    with pytest.raises(KlaviyoError) as raised:
        getattr(failing_session(error).Lists, f"get_lists{variant}")()
    return raised.value


@pytest.mark.parametrize("variant", ["", "_with_http_info", "_without_preload_content"])
@pytest.mark.parametrize("kind", URLLIB3)
def test_every_error_of_urllib3_becomes_unreachable(kind: type[Exception], variant: str) -> None:
    error = made(kind, reason="what was wrong")
    typed = raised_by_the_sdk(error, variant)
    assert type(typed) is KlaviyoUnreachable
    assert (typed.role, typed.operation, "what was wrong" in str(typed)) == ("viewer", "get_lists", True)
    assert error in (typed.__cause__, getattr(typed.__cause__, "__context__", None))


@pytest.mark.parametrize("variant", ["", "_with_http_info", "_without_preload_content"])
@pytest.mark.parametrize("kind", SDK)
def test_every_error_of_the_sdk_becomes_a_typed_one(kind: type[Exception], variant: str) -> None:
    answered = issubclass(kind, ApiException)
    nothing = {"reason": "bad", "body": None, "data": None, "headers": None}
    error = made(kind, status=404, **nothing) if answered else made(kind)
    typed = raised_by_the_sdk(error, variant)
    assert type(typed) is (RequestRefused if answered else RequestMalformed)
    assert (typed.role, typed.operation, typed.__cause__) == ("viewer", "get_lists", error)


def test_a_body_that_fits_no_content_type_is_a_call_that_cannot_be_sent() -> None:
    session = session_for_role("viewer", store=Keys(URL, [KEY]).store())
    body = {"data": {"type": "list", "attributes": {"name": "x"}}}
    with pytest.raises(RequestMalformed, match="content type"):
        session.Lists.create_list(body, _content_type="text/csv")


@pytest.mark.parametrize("kind", HTTPX)
def test_every_error_of_httpx_becomes_a_typed_one_sync_and_async(kind: type[Exception]) -> None:
    special = {"DecodingError": AnswerNotUnderstood, "HTTPStatusError": RequestRefused}
    special |= dict.fromkeys(HTTPX_MALFORMED, RequestMalformed)
    expected = special.get(kind.__name__, KlaviyoUnreachable)
    for typed in (sync_error(kind), asyncio.run(async_error(kind))):
        assert type(typed) is expected
        assert typed.role == "viewer"
        assert isinstance(typed.__cause__, kind)
        assert isinstance(typed, RequestMalformed) or typed.operation == "get_lists"


def failing_transport(kind: type[Exception]) -> httpx.MockTransport:
    def handler(request: httpx.Request) -> httpx.Response:
        raise made(kind, _request=request, response=httpx.Response(404, request=request))

    return httpx.MockTransport(handler)


def sync_error(kind: type[Exception]) -> KlaviyoError:
    auth = KlaviyoAuth(Keys(URL, [KEY]).store())
    with httpx.Client(auth=auth, base_url=auth.base_url, transport=failing_transport(kind)) as client:
        with pytest.raises(KlaviyoError) as raised, auth.typed_errors():
            client.get("/api/lists")
        return raised.value


async def async_error(kind: type[Exception]) -> KlaviyoError:
    auth = KlaviyoAuth(Keys(URL, [KEY]).store())
    async with httpx.AsyncClient(auth=auth, base_url=auth.base_url, transport=failing_transport(kind)) as client:
        with pytest.raises(KlaviyoError) as raised, auth.typed_errors():
            await client.get("/api/lists")
        return raised.value
