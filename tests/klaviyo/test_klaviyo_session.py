"""The official SDK with a role's key: it follows rotation, refuses with typed errors, and shows the key nowhere."""

import itertools
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo import session_for_role
from klaviyo_access.klaviyo.errors import (
    FeatureForbidden,
    KeyRejected,
    KlaviyoAccessError,
    KlaviyoError,
    KlaviyoUnreachable,
    RateLimited,
    RequestRefused,
    ScopeMissing,
)
from tests.klaviyo.klaviyo_server import Keys, Server, clock_that_outruns_limits, klaviyo_server, serving

NO_KEY = Key("pk_" + "0" * 34)


@pytest.fixture(scope="module")
def klaviyo() -> Iterator[Server]:
    with klaviyo_server(clock_that_outruns_limits()) as server:
        yield server


def session_of(keys: Keys, **settings: Any) -> Any:
    return session_for_role("viewer", store=keys.store(), **settings)


def test_a_session_calls_klaviyo_with_the_roles_key(klaviyo: Server) -> None:
    session = session_of(Keys(klaviyo.url, [klaviyo.key("accounts:read")]))
    assert session.Accounts.get_accounts().data[0].id == "AbC123"


def test_after_a_401_the_key_is_fetched_once_and_the_request_sent_once_more(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [klaviyo.key("lists:read")])
    session = session_of(keys)
    klaviyo.disable_all()
    keys.keys.append(klaviyo.key("lists:read"))
    klaviyo.seen.clear()

    assert session.Lists.get_lists().data[0].attributes.name == "Newsletter"
    assert (keys.fetches, len(klaviyo.seen)) == (2, 2)
    session.Lists.get_lists()
    assert (keys.fetches, len(klaviyo.seen)) == (2, 3)


def test_a_write_that_was_refused_for_its_key_is_done_once_with_the_new_one(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [NO_KEY, klaviyo.key("lists:read", "lists:write")])
    session = session_of(keys)
    body = {"data": {"type": "list", "attributes": {"name": "Made once"}}}
    made = session.Lists.create_list(body).data.id
    names = [one.attributes.name for one in session.Lists.get_lists().data]
    assert (names.count("Made once"), bool(made)) == (1, True)


def test_a_second_401_is_key_rejected_and_no_third_request_is_sent(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [NO_KEY, Key("pk_" + "1" * 34)])
    klaviyo.seen.clear()
    with pytest.raises(KeyRejected) as raised:
        session_of(keys).Lists.get_lists()
    assert (keys.fetches, len(klaviyo.seen)) == (2, 2)
    assert (raised.value.role, raised.value.operation) == ("viewer", "get_lists")


def test_where_the_secret_holds_no_newer_key_the_request_is_not_repeated(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [NO_KEY])
    klaviyo.seen.clear()
    with pytest.raises(KeyRejected, match="holds no newer one"):
        session_of(keys).Lists.get_lists()
    assert (keys.fetches, len(klaviyo.seen)) == (2, 1)


def test_a_403_never_fetches_a_key_and_names_the_missing_scopes(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [klaviyo.key("profiles:read")])
    klaviyo.seen.clear()
    with pytest.raises(ScopeMissing) as raised:
        session_of(keys).Lists.get_lists()
    assert raised.value.missing == ("lists:read",)
    assert (keys.fetches, len(klaviyo.seen)) == (1, 1)


def test_a_request_with_the_callers_own_key_is_left_alone(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [NO_KEY])
    own = klaviyo.key("lists:read")
    assert session_of(keys).Lists.get_lists(_request_auth=own.reveal()).data
    with pytest.raises(KeyRejected):
        session_of(keys).Lists.get_lists(_request_auth=NO_KEY.reveal())
    assert keys.fetches == 2  # one for each session, none for a 401


def test_a_429_is_retried_by_the_sdk_and_then_says_how_long_to_wait() -> None:
    with klaviyo_server(itertools.repeat(1_800_000_000.0).__next__) as klaviyo:
        session = session_of(Keys(klaviyo.url, [klaviyo.key("accounts:read")]), max_retries=1)
        session.Accounts.get_accounts()
        with pytest.raises(RateLimited) as raised:
            session.Accounts.get_accounts()
    assert raised.value.retry_after == 1


def test_a_request_that_klaviyo_refuses_keeps_its_status_and_reason(klaviyo: Server) -> None:
    session = session_of(Keys(klaviyo.url, [klaviyo.key("lists:read")]))
    with pytest.raises(RequestRefused) as raised:
        session.Lists.get_list("none")
    assert (raised.value.status, raised.value.detail) == (404, "A list with id none does not exist.")


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (403, {"cf-mitigated": "challenge", "content-type": "text/html"}, b"<html>", KlaviyoUnreachable),
        (403, {"content-type": "application/vnd.api+json"}, b'{"errors": []}', FeatureForbidden),
        (400, {"content-type": "application/vnd.api+json"}, b'{"errors": [{"detail": "no"}]}', RequestRefused),
        (401, {"content-type": "text/html"}, b"<html>", RequestRefused),
        (409, {"content-type": "text/plain"}, b"", RequestRefused),
        (429, {}, b"", RateLimited),
        (500, {"content-type": "text/html"}, b"<html>", KlaviyoUnreachable),
        (503, {}, b"", KlaviyoUnreachable),
        (200, {"content-length": "100"}, b"cut off", KlaviyoUnreachable),
    ],
)
def test_every_answer_of_the_layer_below_becomes_a_typed_error(
    status: int, headers: dict[str, str], body: bytes, error: type[KlaviyoAccessError]
) -> None:
    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    with serving(answer) as url, pytest.raises(error) as raised:
        session_of(Keys(url, [NO_KEY]), max_retries=1).Lists.get_lists()
    assert raised.value.__cause__ is not None


def texts_of(error: BaseException) -> str:
    """Everything a logger or a debugger would print of an error, the variables of every frame included."""
    chain: list[Any] = [error]
    for one in chain:
        chain += [nested for nested in (one.__cause__, one.__context__) if nested is not None and nested not in chain]
    shown = [f"{one!r} {one} {vars(one)}" for one in chain]
    for one in chain:
        summary = traceback.TracebackException.from_exception(one, capture_locals=True)
        own = [frame for frame in summary.stack if not frame.filename.endswith("test_klaviyo_session.py")]
        shown.append("".join(map(str, (frame.locals for frame in own))))
    return "\n".join(shown)


def failing_call(session: Any) -> KlaviyoError:
    with pytest.raises(KlaviyoError) as raised:
        session.Lists.get_lists()
    return raised.value


def test_no_error_and_no_frame_under_it_shows_the_key(klaviyo: Server) -> None:
    unscoped = klaviyo.key("profiles:read")
    for url, key in ((klaviyo.url, unscoped), (klaviyo.url, NO_KEY), ("http://127.0.0.1:9", NO_KEY)):
        error = failing_call(session_of(Keys(url, [key])))
        assert key.reveal() not in texts_of(error)


def test_nothing_shows_the_key_of_a_session(klaviyo: Server, caplog: pytest.LogCaptureFixture) -> None:
    key = klaviyo.key("lists:read")
    session = session_of(Keys(klaviyo.url, [key]))
    with caplog.at_level(logging.DEBUG):
        session.Lists.get_lists()
        logging.getLogger("app").info("%s %r", session, session.Lists)
    parts = [session, session.configuration, session.api_client, session.api_client.rest_client]
    shown = [f"{part!r} {part} {format(part)} {vars(part)}" if part is session else f"{vars(part)}" for part in parts]
    assert key.reveal() not in "".join(shown) + caplog.text + json.dumps(session.configuration.auth_settings())
    assert key.fingerprint in repr(session)


def test_a_session_is_never_pickled(klaviyo: Server) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(session_of(Keys(klaviyo.url, [NO_KEY])))


def test_a_session_speaks_to_klaviyo_itself_unless_the_secret_names_another_endpoint(klaviyo: Server) -> None:
    assert session_of(Keys("https://a.klaviyo.com", [NO_KEY])).configuration.host == "https://a.klaviyo.com"
    assert session_of(Keys(klaviyo.url, [NO_KEY])).configuration.host == klaviyo.url


def test_a_session_sends_the_revision_that_the_sdk_pins(klaviyo: Server) -> None:
    session = session_of(Keys(klaviyo.url, [NO_KEY]))
    assert session.api_client.default_headers["revision"] == session._REVISION
