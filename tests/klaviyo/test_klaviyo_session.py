"""The official SDK with a role's key: it follows rotation, refuses with typed errors, and shows the key nowhere."""

import itertools
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from openapi_client.exceptions import OpenApiException
from pydantic import ValidationError

from klaviyo_access.errors import (
    AnswerNotUnderstood,
    FeatureForbidden,
    KeyRejected,
    KeyStoreUnavailable,
    KlaviyoError,
    KlaviyoUnreachable,
    RateLimited,
    RequestMalformed,
    RequestRefused,
    ScopeMissing,
)
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo import session_for_role
from klaviyo_access.klaviyo.session import _telling_the_unreadable
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
    keys = Keys(klaviyo.url, [klaviyo.key("lists:read"), klaviyo.key("lists:read")])
    session = session_of(keys)
    klaviyo.disable(keys.keys[0])
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
    with pytest.raises(RequestRefused) as raised:
        session_of(keys).Lists.get_lists(_request_auth=NO_KEY.reveal())
    assert raised.value.status == 401  # the role's key is not in question
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
        (401, {"content-type": "text/html"}, b"<html>", KlaviyoUnreachable),
        (401, {"content-type": "application/vnd.api+json"}, b'{"errors": [{"code": "oops"}]}', KlaviyoUnreachable),
        (409, {"content-type": "text/plain"}, b"", RequestRefused),
        (429, {}, b"", RateLimited),
        (500, {"content-type": "text/html"}, b"<html>", KlaviyoUnreachable),
        (503, {}, b"", KlaviyoUnreachable),
    ],
)
@pytest.mark.parametrize("operation", ["get_lists", "get_lists_with_http_info", "get_lists_without_preload_content"])
def test_every_answer_that_is_no_success_becomes_a_typed_error_in_every_variant(
    status: int, headers: dict[str, str], body: bytes, error: type[KlaviyoError], operation: str
) -> None:
    with answering(status, headers, body) as url, pytest.raises(error) as raised:
        getattr(session_of(Keys(url, [NO_KEY]), max_retries=1).Lists, operation)()
    assert (raised.value.role, raised.value.operation) == ("viewer", "get_lists")


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ({"content-length": "100"}, b"cut off", KlaviyoUnreachable),
        ({"content-type": "text/html"}, b"<html>", AnswerNotUnderstood),
        ({}, b'{"data": [{"type": "profile"}]}', AnswerNotUnderstood),
        ({"content-type": "application/json; charset=none-such"}, b"{}", AnswerNotUnderstood),
    ],
)
@pytest.mark.parametrize("operation", ["get_lists", "get_lists_with_http_info"])
def test_a_success_whose_body_cannot_be_read_becomes_a_typed_error(
    headers: dict[str, str], body: bytes, error: type[KlaviyoError], operation: str
) -> None:
    with answering(200, headers, body) as url, pytest.raises(error) as raised:
        getattr(session_of(Keys(url, [NO_KEY])).Lists, operation)()
    assert raised.value.__cause__ is not None


def test_arguments_that_the_sdk_does_not_take_are_never_sent(klaviyo: Server) -> None:
    session = session_of(Keys(klaviyo.url, [NO_KEY]))
    klaviyo.seen.clear()
    for wrong in ({"pages": 5}, {"fields_list": "name"}):
        with pytest.raises(RequestMalformed, match="get_lists"):
            session.Lists.get_lists(**wrong)
    assert klaviyo.seen == []


EVENT = {"data": {"type": "event", "attributes": {"properties": {}, "profile": "ada@example.com"}}}


@pytest.mark.parametrize("variant", ["", "_with_http_info", "_without_preload_content"])
def test_a_malformed_call_is_told_by_its_fields_and_never_by_what_stood_in_them(
    klaviyo: Server, caplog: pytest.LogCaptureFixture, variant: str
) -> None:
    session = session_of(Keys(klaviyo.url, [NO_KEY]))
    with pytest.raises(RequestMalformed) as raised:
        getattr(session.Events, f"create_event{variant}")(EVENT)
    logging.getLogger("a service").error("failed", exc_info=raised.value)
    assert "pydantic_core._pydantic_core.ValidationError" in caplog.text
    assert isinstance(raised.value.__cause__, ValidationError)
    for shown in (told_by(raised.value), caplog.text):
        assert "data.attributes.profile" in shown
        assert [word for word in ("ada@", "example.com", "https://", "input_value") if word in shown] == []


@pytest.mark.parametrize("body", [b'"ada@example.com"', b'{"data": [{"type": "list", "id": 7, "attributes": "ada@"}]}'])
def test_an_answer_that_cannot_be_read_is_not_quoted(body: bytes) -> None:
    with answering(200, {}, body) as url, pytest.raises(AnswerNotUnderstood, match="ValidationError") as raised:
        session_of(Keys(url, [NO_KEY])).Lists.get_lists()
    assert raised.value.__cause__ is not None
    assert "ada@" not in told_by(raised.value)


def test_of_an_error_that_lists_alternatives_the_first_line_is_told() -> None:
    lines = "No match found when deserializing. Details: 1 validation error for A\n  [input_value='ada@example.com']"

    def fail(*_: object) -> None:
        raise ValueError(lines)

    with pytest.raises(OpenApiException) as raised:
        _telling_the_unreadable(fail)()
    assert str(raised.value) == "ValueError: No match found when deserializing. Details: 1 validation error for A"
    assert "ada@" not in told_by(raised.value)


def told_by(error: BaseException) -> str:
    """What an error and all that it came from say, shown or not."""
    causes = [cause for cause in (error.__cause__, error.__context__) if cause]
    return " ".join([f"{error!r} {error} {vars(error)}", *map(told_by, causes)])


def test_a_session_is_not_given_the_store_of_another_role(klaviyo: Server) -> None:
    with pytest.raises(ValueError, match=r"asked for role 'marketer'.* has the key of 'viewer'"):
        session_for_role("marketer", store=Keys(klaviyo.url, [NO_KEY]).store())


def test_the_variants_hand_over_klaviyos_answer(klaviyo: Server) -> None:
    session = session_of(Keys(klaviyo.url, [NO_KEY, klaviyo.key("lists:read")]))
    assert session.Lists.get_lists_without_preload_content().json()["data"][0]["type"] == "list"
    assert session.Lists.get_lists_with_http_info().status_code == 200


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes) -> Iterator[str]:
    """A server that gives one and the same answer."""

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    with serving(answer) as url:
        yield url


def test_a_refresh_that_fails_leaves_klaviyos_answer_and_says_why_it_failed(klaviyo: Server) -> None:
    keys = Keys(klaviyo.url, [NO_KEY])
    session = session_of(keys)
    keys.down = True
    with pytest.raises(KeyRejected, match="refresh failed: AWS is down") as raised:
        session.Lists.get_lists()
    assert (raised.value.operation, raised.value.refresh_failure) == ("get_lists", "AWS is down.")
    assert isinstance(raised.value.__cause__, KeyStoreUnavailable)


def test_a_401_in_an_outage_of_both_condemns_no_key() -> None:
    with answering(401, {}, b"<html>") as url:
        keys = Keys(url, [NO_KEY])
        session = session_of(keys)
        keys.down = True
        with pytest.raises(KlaviyoUnreachable, match="AWS is down"):
            session.Lists.get_lists()


@pytest.mark.parametrize(("newer", "down", "requests"), [("good", False, 4), ("none", False, 3), ("none", True, 3)])
def test_a_401_gives_its_connection_back_whatever_the_refresh_brings(
    klaviyo: Server, newer: str, down: bool, requests: int
) -> None:
    keys = Keys(klaviyo.url, [NO_KEY, *([klaviyo.key("lists:read")] if newer == "good" else [])])
    session = session_of(keys)
    keys.down = down
    for _ in range(3):
        with nullcontext() if newer == "good" else pytest.raises(KeyRejected):
            session.Lists.get_lists()
    (pool,) = open_pools(session)
    assert (pool.num_connections, pool.num_requests) == (1, requests)


def open_pools(session: Any) -> list[Any]:
    pools = session.api_client.rest_client.pool_manager.pools
    return [pools[key] for key in pools.keys()]  # noqa: SIM118 - urllib3's container cannot be iterated over


def test_a_missing_scope_names_the_roles_that_have_it(klaviyo: Server) -> None:
    roles = {"marketer": ["lists:read", "lists:write"], "reporting": ["metrics:read"], "admin": {"lists:read"}}
    keys = Keys(klaviyo.url, [klaviyo.key("profiles:read")])
    with pytest.raises(ScopeMissing, match="admin, marketer") as raised:
        session_of(keys, roles=roles).Lists.get_lists()
    assert raised.value.held_by == ("admin", "marketer")
    with pytest.raises(ScopeMissing, match="klaviyo-access scopes") as untold:
        session_of(keys).Lists.get_lists()
    assert untold.value.held_by is None


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


FORKING = """
import os, sys
from klaviyo_access.klaviyo import session_for_role
from tests.klaviyo.klaviyo_server import Keys
from klaviyo_access.keys.secret import Key

session = session_for_role("viewer", store=Keys(sys.argv[1], [Key("pk_" + "0" * 34)]).store())
session.Lists.get_lists()
child = os.fork()
session.Lists.get_lists()
if child:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os._exit(0)
"""


def test_a_forked_child_opens_connections_of_its_own() -> None:
    ports: list[int] = []

    async def noting(scope: Any, _receive: Any, send: Any) -> None:
        ports.append(scope["client"][1])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"data": []}'})

    with serving(noting) as url:
        done = subprocess.run([sys.executable, "-c", FORKING, url], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(ports.count(port) for port in set(ports)) == [1, 2]  # the parent's two requests, the child's one
