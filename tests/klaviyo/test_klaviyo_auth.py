"""httpx with a role's key, sync and async: it follows rotation, keeps the key to itself, and errs with typed errors."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from klaviyo_access.access_model.catalog import REVISION
from klaviyo_access.errors import (
    KeyRejected,
    KeyStoreUnavailable,
    KlaviyoUnreachable,
    RateLimited,
    RequestMalformed,
    RequestRefused,
    ScopeMissing,
)
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.keys.store import KeyStore
from klaviyo_access.klaviyo import KlaviyoAuth
from tests.klaviyo.klaviyo_server import Keys, Server, clock_that_outruns_limits, klaviyo_server, serving

NO_KEY = Key("pk_" + "0" * 34)
NEW_LIST = {"data": {"type": "list", "attributes": {"name": "Made once"}}}


@pytest.fixture(scope="module")
def klaviyo() -> Iterator[Server]:
    with klaviyo_server(clock_that_outruns_limits()) as server:
        yield server


def sync_request(auth: KlaviyoAuth, method: str = "GET", path: str = "/api/lists", **named: Any) -> httpx.Response:
    with httpx.Client(auth=auth, base_url=auth.base_url) as client:
        return client.request(method, path, **named)


def async_request(auth: KlaviyoAuth, method: str = "GET", path: str = "/api/lists", **named: Any) -> httpx.Response:
    async def request() -> httpx.Response:
        async with httpx.AsyncClient(auth=auth, base_url=auth.base_url) as client:
            return await client.request(method, path, **named)

    return asyncio.run(request())


Request = Callable[..., httpx.Response]
both = pytest.mark.parametrize("request_", [sync_request, async_request])


def auth_of(keys: Keys, **settings: Any) -> KlaviyoAuth:
    return KlaviyoAuth(keys.store(), **settings)


@both
def test_a_request_carries_the_roles_key_and_the_pinned_revision(klaviyo: Server, request_: Request) -> None:
    seen: dict[str, str] = {}

    async def noting(scope: Any, _receive: Any, send: Any) -> None:
        seen.update({name.decode(): value.decode() for name, value in scope["headers"]})
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with serving(noting) as url:
        auth = auth_of(Keys(url, [NO_KEY]))
        request_(auth)
        assert (seen["authorization"], seen["revision"]) == (f"Klaviyo-API-Key {NO_KEY.reveal()}", REVISION)
        request_(auth, headers={"revision": "2026-07-15.pre"})
        assert seen["revision"] == "2026-07-15.pre"


def test_an_auth_takes_a_roles_name_for_the_process_one_store_of_the_role(
    klaviyo: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Keys(klaviyo.url, [NO_KEY]).store()
    monkeypatch.setattr(KeyStore, "shared", lambda role: opened if role == "viewer" else None)
    assert KlaviyoAuth("viewer")._signing.secret() is KlaviyoAuth(opened)._signing.secret() is opened.key


@both
def test_after_a_401_the_key_is_fetched_once_and_the_request_sent_once_more(klaviyo: Server, request_: Request) -> None:
    keys = Keys(klaviyo.url, [NO_KEY, klaviyo.key("lists:read")])
    auth = auth_of(keys)
    klaviyo.seen.clear()
    assert request_(auth).status_code == 200
    assert (keys.fetches, len(klaviyo.seen)) == (2, 2)
    assert request_(auth).status_code == 200
    assert (keys.fetches, len(klaviyo.seen)) == (2, 3)


def test_a_streamed_body_reaches_klaviyo_whole_with_the_second_key(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [NO_KEY, klaviyo.key("lists:write")])
    content = httpx.Request("POST", "http://x", json=NEW_LIST).content
    sent = sync_request(auth_of(keys), "POST", content=(part for part in (content[:9], content[9:])))
    assert (sent.status_code, sent.json()["data"]["attributes"]["name"]) == (201, "Made once")


def test_an_async_streamed_body_reaches_klaviyo_whole_with_the_second_key(klaviyo: Server) -> None:
    async def parts() -> Any:
        content = httpx.Request("POST", "http://x", json=NEW_LIST).content
        yield content[:9]
        yield content[9:]

    keys = Keys(klaviyo.url, [NO_KEY, klaviyo.key("lists:write")])
    assert async_request(auth_of(keys), "POST", content=parts()).status_code == 201


@both
def test_a_403_never_fetches_a_key(klaviyo: Server, request_: Request) -> None:
    keys = Keys(klaviyo.url, [klaviyo.key("profiles:read")])
    klaviyo.seen.clear()
    assert request_(auth_of(keys)).status_code == 403
    assert (keys.fetches, len(klaviyo.seen)) == (1, 1)


@both
@pytest.mark.parametrize(("newer", "requests"), [([], 1), ([Key("pk_" + "1" * 34)], 2)])
def test_a_401_that_stays_is_handed_over_after_one_retry_at_most(
    klaviyo: Server, request_: Request, newer: list[Key], requests: int
) -> None:
    keys = Keys(klaviyo.url, [NO_KEY, *newer])
    auth = auth_of(keys)
    klaviyo.seen.clear()
    with pytest.raises(KeyRejected, match="holds no newer one") as raised, auth.typed_errors():
        request_(auth).raise_for_status()
    assert (raised.value.role, raised.value.operation) == ("viewer", "get_lists")
    assert (keys.fetches, len(klaviyo.seen)) == (2, requests)


@both
def test_a_refresh_that_fails_leaves_klaviyos_answer_and_says_why_it_failed(klaviyo: Server, request_: Request) -> None:
    keys = Keys(klaviyo.url, [NO_KEY])
    auth = auth_of(keys)
    keys.down = True
    with pytest.raises(KeyRejected, match="AWS is down") as raised:
        request_(auth)
    assert raised.value.refresh_failure == "AWS is down."
    assert isinstance(raised.value.__cause__, KeyStoreUnavailable)


def test_a_401_gives_its_connection_back_when_the_refresh_fails(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [NO_KEY])
    auth = auth_of(keys)
    keys.down = True
    one_connection = httpx.Limits(max_connections=1)
    with httpx.Client(auth=auth, base_url=auth.base_url, limits=one_connection, timeout=30) as client:
        for _ in range(3):
            with pytest.raises(KeyRejected):
                client.get("/api/lists")


@dataclass
class HangingSource(Keys):
    """Fetches after the first wait until ``gate`` is open."""

    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:
        if self.fetches:
            self.asked.set()
            assert self.gate.wait(timeout=30)
        return super().fetch(rejected=rejected)


def test_the_event_loop_runs_on_while_a_key_is_fetched(klaviyo: Server) -> None:
    source = HangingSource(klaviyo.url, [NO_KEY, klaviyo.key("lists:read")])
    auth = KlaviyoAuth(KeyStore("viewer", source=source))

    async def main() -> list[int]:
        async with httpx.AsyncClient(auth=auth, base_url=auth.base_url) as client:
            calls = [asyncio.create_task(client.get("/api/lists")) for _ in range(20)]
            await asyncio.to_thread(source.asked.wait, 30)
            other: Awaitable[httpx.Response] = client.get(f"{klaviyo.url}/sandbox/keys", auth=None)
            assert (await other).status_code == 401  # answered while the fetch hangs
            assert not any(call.done() for call in calls)
            source.gate.set()
            return [response.status_code for response in await asyncio.gather(*calls)]

    assert asyncio.run(main()) == [200] * 20
    assert source.fetches == 2


@both
def test_the_key_goes_to_klaviyo_alone(klaviyo: Server, request_: Request) -> None:
    auth = auth_of(Keys(klaviyo.url, [NO_KEY]))
    klaviyo.seen.clear()
    for elsewhere in ("http://127.0.0.1:9/api/lists", klaviyo.url.replace("http:", "https:") + "/api/lists"):
        with pytest.raises(RequestMalformed, match="goes to"):
            request_(auth, path=elsewhere)
    assert klaviyo.seen == []
    assert request_(auth, path=f"{klaviyo.url}/api/lists").status_code == 401  # as the links to next pages are


@both
def test_a_request_has_lost_the_key_when_it_is_done(klaviyo: Server, request_: Request) -> None:
    key = klaviyo.key("lists:read")
    response = request_(auth_of(Keys(klaviyo.url, [NO_KEY, key])))
    assert "authorization" not in response.request.headers
    with pytest.raises(httpx.ConnectError) as raised:
        request_(auth_of(Keys("http://127.0.0.1:9", [key])))
    assert "authorization" not in raised.value.request.headers


@both
def test_typed_errors_turn_answers_and_failures_into_the_one_tree(klaviyo: Server, request_: Request) -> None:
    auth = auth_of(Keys(klaviyo.url, [klaviyo.key("profiles:read")]), roles={"marketer": ["lists:read"]})
    with pytest.raises(ScopeMissing) as missing, auth.typed_errors():
        request_(auth).raise_for_status()
    assert (missing.value.missing, missing.value.held_by) == (("lists:read",), ("marketer",))
    assert isinstance(missing.value.__cause__, httpx.HTTPStatusError)
    with pytest.raises(RequestRefused) as refused, auth.typed_errors():
        request_(auth, path="/api/profiles/none").raise_for_status()
    assert (refused.value.status, refused.value.operation) == (404, "get_profile")
    nobody = auth_of(Keys("http://127.0.0.1:9", [NO_KEY]))
    with pytest.raises(KlaviyoUnreachable, match="get_lists"), nobody.typed_errors():
        request_(nobody)


def test_typed_errors_leave_other_exceptions_as_they_are(klaviyo: Server) -> None:
    with pytest.raises(KeyError), auth_of(Keys(klaviyo.url, [NO_KEY])).typed_errors():
        raise KeyError("the caller's own")


def test_a_rate_limit_says_how_long_to_wait() -> None:
    with klaviyo_server(lambda: 1_800_000_000.0) as klaviyo:
        auth = auth_of(Keys(klaviyo.url, [klaviyo.key("accounts:read")]))
        assert sync_request(auth, path="/api/accounts").status_code == 200
        with pytest.raises(RateLimited) as raised, auth.typed_errors():
            sync_request(auth, path="/api/accounts").raise_for_status()
    assert raised.value.retry_after == 1


def test_the_error_of_a_streamed_answer_is_typed_too(klaviyo: Server) -> None:
    auth = auth_of(Keys(klaviyo.url, [klaviyo.key("profiles:read")]))
    with (
        httpx.Client(auth=auth, base_url=auth.base_url) as client,
        pytest.raises(ScopeMissing),
        auth.typed_errors(),
        client.stream("GET", "/api/lists") as response,
    ):
        response.raise_for_status()


def test_nothing_shows_the_key_of_an_auth(klaviyo: Server, caplog: pytest.LogCaptureFixture) -> None:
    key = klaviyo.key("lists:read")
    auth = auth_of(Keys(klaviyo.url, [key]))
    with caplog.at_level("DEBUG"):
        response = sync_request(auth)
    shown = [f"{auth!r} {vars(auth)} {response!r} {response.request!r} {response.request.headers!r}", caplog.text]
    assert key.reveal() not in "".join(shown)
