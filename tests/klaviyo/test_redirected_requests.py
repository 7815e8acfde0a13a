"""The key after redirects: on no request that a response, its history or an error holds, in nothing that is pickled."""

import asyncio
import gc
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import httpx
import pytest

from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo import KlaviyoAuth, session_for_role
from tests.klaviyo.klaviyo_server import Keys, serving

KEY = Key("pk_" + "5a" * 17)
BODY = b'{"data": [], "links": {"self": "https://a.klaviyo.com/api/lists"}}'
SENT = f"Klaviyo-API-Key {KEY.reveal()}"


@contextmanager
def redirecting(*, then: str) -> Iterator[tuple[str, list[str]]]:
    """A Klaviyo that answers 307 twice, ``then`` 200, or 307 for ever, or breaks off; its URL and the keys it saw."""
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        moves = len(seen) < 3 or then == "307"
        headers = [(b"location", b"/api/lists/%d" % len(seen))] if moves else [(b"content-type", b"application/json")]
        headers += [(b"content-length", b"9")] if then == "breaks off" and len(seen) == 2 else []
        await send({"type": "http.response.start", "status": 307 if moves else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if moves else BODY})

    with serving(app) as url:
        yield url, seen


def sync_get(auth: KlaviyoAuth, **settings: Any) -> httpx.Response:
    with httpx.Client(auth=auth, base_url=auth.base_url, **settings) as client:
        return client.get("/api/lists")


def async_get(auth: KlaviyoAuth, **settings: Any) -> httpx.Response:
    async def get() -> httpx.Response:
        async with httpx.AsyncClient(auth=auth, base_url=auth.base_url, **settings) as client:
            return await client.get("/api/lists")

    return asyncio.run(get())


both = pytest.mark.parametrize("get", [sync_get, async_get])


def signed_requests(response: httpx.Response) -> list[httpx.Request]:
    requests = [request for one in (response, *response.history) for request in (one.request, one.next_request)]
    return [request for request in requests if request is not None and "authorization" in request.headers]


@both
def test_no_request_of_a_response_or_its_history_keeps_the_key(get: Any) -> None:
    with redirecting(then="200") as (url, seen):
        response = get(KlaviyoAuth(Keys(url, [KEY]).store()), follow_redirects=True)
    assert (response.status_code, len(response.history), seen) == (200, 2, [SENT] * 3)
    assert signed_requests(response) == []
    assert KEY.reveal().encode() not in pickle.dumps(response)


@both
def test_the_next_request_of_a_redirect_that_is_not_followed_has_no_key(get: Any) -> None:
    with redirecting(then="200") as (url, seen):
        auth = KlaviyoAuth(Keys(url, [KEY]).store())
        response = get(auth)
        assert response.next_request is not None
        assert signed_requests(response) == []
        assert KEY.reveal().encode() not in pickle.dumps(response)
        with httpx.Client(auth=auth) as client:
            assert client.send(response.next_request).status_code == 307
    assert seen == [SENT] * 2  # signed anew where it is sent


@both
@pytest.mark.parametrize(
    ("then", "error"), [("307", httpx.TooManyRedirects), ("breaks off", httpx.RemoteProtocolError)]
)
def test_the_request_of_an_error_after_redirects_has_no_key(get: Any, then: str, error: type[httpx.HTTPError]) -> None:
    with redirecting(then=then) as (url, seen), pytest.raises(error) as raised:
        get(KlaviyoAuth(Keys(url, [KEY]).store()), follow_redirects=True).raise_for_status()
    assert set(seen) == {SENT}
    assert raised.value.request.url.path.startswith("/api/lists/")
    assert "authorization" not in raised.value.request.headers


@pytest.mark.parametrize("variant", ["", "_with_http_info", "_without_preload_content"])
def test_nothing_that_the_sdk_hands_over_holds_the_key(variant: str) -> None:
    with redirecting(then="200") as (url, seen):
        session = session_for_role("viewer", store=Keys(url, [KEY]).store())
        answer = getattr(session.Lists, f"get_lists{variant}")()
        assert seen == [SENT] * 3
        assert [type(holder) for holder in holders_of_the_key(answer)] == []


def holders_of_the_key(root: object) -> list[object]:
    """All texts and bytes with the key in them that ``root`` leads to, but through modules, classes and code."""
    ends = (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType)
    seen, waiting, found = {id(root)}, [root], list[object]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, str | bytes | bytearray):
            text = one if isinstance(one, str) else bytes(one).decode("latin-1")
            found += [one] if KEY.reveal() in text else []
        for referred in gc.get_referents(one):
            if id(referred) not in seen and not isinstance(referred, ends):
                seen.add(id(referred))
                waiting.append(referred)
    return found
