"""Client secret, tokens, codes and verifiers show nowhere: not in reprs, logs, errors, tracebacks or pickles."""

import copy
import logging
import pickle
import traceback
from collections.abc import Callable
from itertools import product
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from klaviyo_access.errors import OAuthError
from klaviyo_access.oauth import AppCredentials, Secret
from tests.oauth.oauth_world import ACCOUNT, BROWSER, World


def test_a_secret_shows_its_fingerprint_alone() -> None:
    secret = Secret("correct horse battery staple")
    shown = f"{secret!r} {secret!s} {secret} {secret:>40} {[secret]} {secret.__reduce__}"
    assert "horse" not in shown
    assert secret.fingerprint in shown
    assert len(secret.fingerprint) == 12


def test_a_secret_is_never_pickled_or_copied() -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            attempt(Secret("x"))


def test_secrets_are_compared_by_value_and_can_be_kept_in_sets() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_nothing_that_a_service_holds_shows_a_secret() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    stored = world.store.load(ACCOUNT)
    assert stored is not None
    credentials = AppCredentials(client_id=world.client_id, client_secret=Secret(world.client_secret))
    shown = f"{stored!r} {credentials!r} {vars(connection)!r} {vars(connection._client)!r}"
    assert [secret for secret in secrets_of(world) if secret in shown] == []


def secrets_of(world: World) -> list[str]:
    stored = world.store.load(ACCOUNT)
    tokens = [stored.access_token.reveal(), stored.refresh_token.reveal()] if stored else []
    return [world.client_secret, *tokens]


def echo(request: httpx2.Request) -> httpx2.Response | None:
    """A Klaviyo that repeats what it was sent in its refusal."""
    said = f"refused: {parse_qs(request.content.decode())} {dict(request.headers)}"
    return httpx2.Response(400, json={"error": "invalid_request", "error_description": said})


def break_off(request: httpx2.Request) -> httpx2.Response | None:
    raise httpx2.ReadError("broken off", request=request)


def half_an_answer(_: httpx2.Request) -> httpx2.Response | None:
    return httpx2.Response(200, json={"access_token": "half-an-answer", "token_type": "Bearer"})


@pytest.mark.parametrize(
    ("step", "failure"),
    [*product(["connect", "renew", "revoke"], [echo, break_off]), *product(["connect", "renew"], [half_an_answer])],
)
def test_no_failure_shows_a_secret_in_message_chain_frames_or_log(
    step: str, failure: Callable[[httpx2.Request], httpx2.Response | None], caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    app = world.connected()
    connection = app.connection(ACCOUNT)
    callback = world.consent(app.authorization_url(session=BROWSER))
    (code,) = parse_qs(urlsplit(callback).query)["code"]
    world.now += 3600 if step == "renew" else 0
    world.klaviyo.intercept = lambda request: failure(request) if request.url.path.startswith("/oauth") else None
    steps: dict[str, Callable[[], object]] = {
        "connect": lambda: app.connect(callback, session=BROWSER),
        "renew": connection.access_token,
        "revoke": connection.revoke,
    }
    with caplog.at_level(logging.DEBUG), pytest.raises(OAuthError) as refusal:
        steps[step]()
    told = f"{shown_by(refusal.value)} {vars(refusal.value)} {caplog.text}"
    assert [secret for secret in (*secrets_of(world), "half-an-answer", code) if secret in told] == []


def shown_by(error: BaseException) -> str:
    """All that a tool which prints an error with its causes and their frames' variables shows, but for the caller's."""
    shown, waiting = "", [traceback.TracebackException.from_exception(error, capture_locals=True)]
    while waiting:
        one = waiting.pop()
        frames = [frame for frame in one.stack if frame.filename != __file__]
        shown += f"{''.join(one.format_exception_only())} {[frame.locals for frame in frames]}"
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause]
    return shown


def test_a_walk_through_it_all_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    with caplog.at_level(logging.DEBUG):
        connection = world.connected().connection(ACCOUNT)
        before = secrets_of(world)
        world.now += 3600
        connection.access_token()
        after = secrets_of(world)
        connection.revoke()
    logged = "".join(record.getMessage() for record in caplog.records)
    assert [secret for secret in (*before, *after) if secret in logged] == []
