"""No error shows the key, nor does any variable in the frames that it passed, whatever went wrong."""

import asyncio
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from klaviyo_access.errors import KlaviyoError, KlaviyoUnreachable
from klaviyo_access.frames import cut_frames
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo import KlaviyoAuth, session_for_role
from tests.klaviyo.klaviyo_server import Keys, Server, clock_that_outruns_limits, klaviyo_server, serving

KEY = Key("pk_" + "5a" * 17)
NOBODY = "http://127.0.0.1:9"

Call = Callable[[str, Key], object]


def by_sdk(url: str, key: Key) -> object:
    return session_for_role("viewer", store=Keys(url, [key]).store()).Lists.get_lists()


def by_httpx(url: str, key: Key) -> object:
    auth = KlaviyoAuth(Keys(url, [key]).store())
    with httpx.Client(auth=auth, base_url=auth.base_url) as client:
        return client.get("/api/lists").raise_for_status()


def by_httpx_typed(url: str, key: Key) -> object:
    auth = KlaviyoAuth(Keys(url, [key]).store())
    with httpx.Client(auth=auth, base_url=auth.base_url) as client, auth.typed_errors():
        return client.get("/api/lists").raise_for_status()


def by_async_httpx(url: str, key: Key) -> object:
    auth = KlaviyoAuth(Keys(url, [key]).store())

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(auth=auth, base_url=auth.base_url) as client:
            return (await client.get("/api/lists")).raise_for_status()

    return asyncio.run(call())


CALLS = [by_sdk, by_httpx, by_httpx_typed, by_async_httpx]


@pytest.fixture(scope="module")
def klaviyo() -> Iterator[Server]:
    with klaviyo_server(clock_that_outruns_limits()) as server:
        yield server


def chain_of(error: BaseException) -> list[BaseException]:
    chain = [error]
    for one in chain:
        chain += [nested for nested in (one.__cause__, one.__context__) if nested is not None and nested not in chain]
    return chain


def texts_of(error: BaseException) -> str:
    """Everything a logger or a debugger would print of an error, the variables of every frame included."""
    chain = chain_of(error)
    shown = [f"{one!r} {one} {vars(one)}" for one in chain]
    for one in chain:
        summary = traceback.TracebackException.from_exception(one, capture_locals=True)
        shown.append("".join(str(frame.locals) for frame in summary.stack))
    return "\n".join(shown)


def failure_of(call: Call, url: str, key: Key) -> BaseException:
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - KeyboardInterrupt is one of them
        call(url, key)
    return raised.value


@pytest.mark.parametrize("call", CALLS)
def test_no_frame_under_an_error_shows_the_key(klaviyo: Server, call: Call) -> None:
    unscoped = klaviyo.key("profiles:read")
    for url, key in ((klaviyo.url, unscoped), (klaviyo.url, KEY), (NOBODY, KEY)):
        error = failure_of(call, url, key)
        assert isinstance(error, KlaviyoError | httpx.HTTPError)
        assert key.reveal() not in texts_of(error)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt, TypeError, MemoryError, TimeoutError])
def test_no_frame_shows_the_key_whatever_stops_a_request(
    monkeypatch: pytest.MonkeyPatch, klaviyo: Server, call: Call, stop: type[BaseException]
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise stop("stopped on the way")

    monkeypatch.setattr("http.client.HTTPConnection.send", stopped)
    monkeypatch.setattr("httpcore._backends.sync.SyncStream.write", stopped)
    monkeypatch.setattr("httpcore._backends.anyio.AnyIOStream.write", stopped)
    error = failure_of(call, klaviyo.url, KEY)
    assert any(isinstance(one, stop) for one in chain_of(error))
    assert KEY.reveal() not in texts_of(error)


class OutOfTimeError(Exception):
    """What the handler of SIGALRM raises."""


@pytest.fixture
def alarm() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise OutOfTimeError

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("call", [by_sdk, by_httpx, by_httpx_typed])
def test_no_frame_shows_the_key_when_an_alarm_ends_a_request(alarm: None, call: Call) -> None:
    main = threading.main_thread().ident or 0

    async def ringing(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        signal.pthread_kill(main, signal.SIGALRM)

    with serving(ringing) as url:
        error = failure_of(call, url, KEY)
    assert isinstance(error, OutOfTimeError)
    assert KEY.reveal() not in texts_of(error)


def test_the_frames_of_the_caller_stay(klaviyo: Server) -> None:
    try:
        try:
            dict[str, object]()["missing in the caller's cache"]
        except KeyError:
            by_sdk(NOBODY, KEY)
    except KlaviyoUnreachable as error:
        caught = error
    names = [[frame.name for frame in traceback.extract_tb(one.__traceback__)] for one in chain_of(caught)]
    assert names[0][:2] == ["test_the_frames_of_the_caller_stay", "by_sdk"]
    (of_the_cache,) = [name for one, name in zip(chain_of(caught), names, strict=True) if isinstance(one, KeyError)]
    assert of_the_cache == ["test_the_frames_of_the_caller_stay"]


def test_errors_that_refer_to_each_other_in_a_circle_are_cut_too() -> None:
    one, other = failure_of(by_plain_httpx, NOBODY, KEY), ValueError()
    one.__context__, other.__context__ = other, one
    cut_frames(one)
    assert [frame.name for frame in traceback.extract_tb(one.__traceback__)] == ["failure_of", "by_plain_httpx"]


def test_the_members_of_a_group_are_cut_too() -> None:
    member = failure_of(by_plain_httpx, NOBODY, KEY)
    cut_frames(BaseExceptionGroup("two tries", [member]))
    assert [frame.name for frame in traceback.extract_tb(member.__traceback__)] == ["failure_of", "by_plain_httpx"]


def by_plain_httpx(url: str, _key: Key) -> object:
    return httpx.get(url)
