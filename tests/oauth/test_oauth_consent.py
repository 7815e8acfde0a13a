"""Consent: from the authorization URL to stored tokens, and everything that must end it."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import nullcontext
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from starlette.datastructures import URL

from klaviyo_access.errors import (
    OAuthAccountMismatch,
    OAuthAppRefused,
    OAuthCodeExpired,
    OAuthConsentDenied,
    OAuthError,
    OAuthNotConfigured,
    OAuthReauthorizationNeeded,
    OAuthRequestRefused,
    OAuthStateExpired,
    OAuthStateMismatch,
    OAuthUnavailable,
)
from klaviyo_access.oauth import AppCredentials, OAuthClient, Secret, StateSeal
from tests.oauth.oauth_world import ACCOUNT, BACK, BROWSER, SCOPES, World


def test_an_owner_who_consents_leaves_tokens_that_work() -> None:
    world = World()
    app = world.host()
    callback = world.consent(app.authorization_url(session=BROWSER))
    connection = app.connect(callback, session=BROWSER, account=ACCOUNT)
    stored = world.store.load(ACCOUNT)
    assert stored is not None
    assert (connection.account, stored.scopes, stored.expires_at) == (ACCOUNT, SCOPES, world.now + 3600)
    assert connection.access_token(needs=["lists:read"]) == stored.access_token
    assert world.works(stored.access_token)


def test_the_authorization_url_asks_klaviyo_for_the_scopes_with_a_challenge() -> None:
    world = World()
    asked = parse_qs(urlsplit(world.host().authorization_url(session=BROWSER)).query)
    assert asked["response_type"] == ["code"]
    assert asked["client_id"] == [world.client_id]
    assert asked["redirect_uri"] == [BACK]
    assert asked["scope"] == ["accounts:read lists:read"]
    assert asked["code_challenge_method"] == ["S256"]
    (state,), (challenge,) = asked["state"], asked["code_challenge"]
    verifier = StateSeal(Secret(world.client_secret), clock=lambda: world.now).verify(state, BROWSER).reveal()
    assert challenge == urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert len(verifier) == 43


def test_the_owner_logs_in_at_klaviyos_own_site() -> None:
    client = OAuthClient(AppCredentials(client_id="c", client_secret=Secret("s")), redirect_uri=BACK, scopes=SCOPES)
    url = client.authorization_url(state="s", verifier=Secret("v" * 43))
    assert url.startswith("https://www.klaviyo.com/oauth/authorize?")


def test_secrets_never_travel_in_clear() -> None:
    credentials = AppCredentials(client_id="c", client_secret=Secret("s"))
    with pytest.raises(OAuthNotConfigured, match="https://HOST"):
        OAuthClient(credentials, redirect_uri=BACK, scopes=SCOPES, klaviyo_url="http://a.klaviyo.com")


def test_a_callback_may_be_the_url_of_a_framework() -> None:
    world = World()
    app = world.host()
    callback = URL(world.consent(app.authorization_url(session=BROWSER)))  # as Starlette's request.url is
    assert app.connect(callback, session=BROWSER).account == ACCOUNT


HOSTILE = {
    "a host that is none": ("https://[x/callback?code=CODE&state={state}", True),
    "no host": ("?code=CODE&state={state}", True),
    "a port that is none": ("https://shop.example:x/callback?code=CODE&state={state}", True),
    "a fragment": ("https://shop.example/callback#?code=CODE&state={state}", False),
    "a code that cannot be sent": ("https://shop.example/callback?code=\ud800CODE&state={state}", False),
    "a state that is no text": ("https://shop.example/callback?code=CODE&state=\ud800", False),
    "no query": ("https://[x", False),
}


@pytest.mark.parametrize(("url", "connects"), HOSTILE.values(), ids=HOSTILE)
def test_a_callback_whose_url_somebody_made_up_ends_in_tokens_or_a_typed_error(url: str, connects: bool) -> None:
    world = World()
    app = world.host()
    real = parse_qs(urlsplit(world.consent(app.authorization_url(session=BROWSER))).query)
    callback = url.replace("CODE", real["code"][0]).replace("{state}", real["state"][0])
    with nullcontext() if connects else pytest.raises(OAuthError):
        app.connect(callback, session=BROWSER)
    assert len(world.store.saves) == connects


def test_any_host_takes_the_callback_of_a_request_that_another_one_made() -> None:
    world = World()
    callback = world.consent(world.host().authorization_url(session=BROWSER))
    assert world.host().connect(callback, session=BROWSER).account == ACCOUNT


def test_no_two_requests_share_state_or_challenge() -> None:
    app = World().host()
    asked = [parse_qs(urlsplit(app.authorization_url(session=BROWSER)).query) for _ in range(20)]
    assert len({one["state"][0] for one in asked}) == len({one["code_challenge"][0] for one in asked}) == 20


def refused(world: World, callback: str, session: str = BROWSER, account: str | None = None) -> OAuthError:
    """The refusal of a callback, after which nothing is stored."""
    with pytest.raises(OAuthError) as refusal:
        world.host().connect(callback, session=session, account=account)
    assert world.store.saves == []
    return refusal.value


def test_the_answer_to_another_browsers_request_is_refused_before_the_code_is_used() -> None:
    world = World()
    callback = world.consent(world.host().authorization_url(session="session-of-the-attacker"))
    assert isinstance(refused(world, callback), OAuthStateMismatch)
    assert "POST /oauth/token" not in world.klaviyo.seen


@pytest.mark.parametrize("state", ["", "x", "é", "A" * 75, None, "changed"])
def test_a_state_that_was_not_made_here_is_refused(state: str | None) -> None:
    world = World()
    callback = world.consent(world.host().authorization_url(session=BROWSER))
    (real,) = parse_qs(urlsplit(callback).query)["state"]
    forged = real[:-2] + ("AA" if real[-2:] != "AA" else "BB") if state == "changed" else state
    changed = callback.replace(f"state={real}", "" if forged is None else f"state={forged}")
    assert isinstance(refused(world, changed), OAuthStateMismatch)


def test_a_state_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = StateSeal(Secret("client secret"), clock=lambda: 0.0)
    state, _ = seal.begin(BROWSER)
    compare, compared = hmac.compare_digest, list[tuple[bytes, bytes]]()

    def noting(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", noting)
    seal.verify(state, BROWSER)
    with pytest.raises(OAuthStateMismatch):
        seal.verify(state, "session-of-the-attacker")
    received = urlsafe_b64decode(f"{state}=")[-32:]
    assert [(received in pair, len(set(map(len, pair)))) for pair in compared] == [(True, 1)] * 2
    assert (received == compared[0][1], received == compared[1][1]) == (True, False)


def test_a_state_of_another_app_is_refused() -> None:
    world = World()
    callback = world.consent(world.host(secret="of another app").authorization_url(session=BROWSER))
    assert isinstance(refused(world, callback), OAuthStateMismatch)


def test_a_state_ends_after_ten_minutes() -> None:
    world = World()
    url = world.host().authorization_url(session=BROWSER)
    world.now += 599
    callback = world.consent(url)
    world.now += 1
    assert isinstance(refused(world, callback), OAuthStateExpired)
    assert "POST /oauth/token" not in world.klaviyo.seen


def test_a_state_that_everybody_on_the_way_sees_gives_no_verifier_away() -> None:
    state, verifier = StateSeal(Secret("client secret"), clock=lambda: 0.0).begin(BROWSER)
    assert urlsafe_b64decode(f"{verifier.reveal()}=") not in urlsafe_b64decode(f"{state}=")


def test_a_state_needs_a_browser_session() -> None:
    with pytest.raises(ValueError, match="bound to one browser"):
        World().host().authorization_url(session="")


def test_a_code_is_good_once_and_leaves_the_first_exchange_as_it_is() -> None:
    world = World()
    app = world.host()
    callback = world.consent(app.authorization_url(session=BROWSER))
    first = app.connect(callback, session=BROWSER).access_token()
    with pytest.raises(OAuthCodeExpired):
        app.connect(callback, session=BROWSER)
    assert app.connection(ACCOUNT).access_token() == first


def test_a_code_ends_after_five_minutes() -> None:
    world = World()
    callback = world.consent(world.host().authorization_url(session=BROWSER))
    world.now += 300
    assert isinstance(refused(world, callback), OAuthCodeExpired)


def test_a_code_of_another_request_does_not_fit_this_ones_verifier() -> None:
    world = World()
    mine, other = (world.consent(world.host().authorization_url(session=who)) for who in (BROWSER, "other"))
    (state,), (code,) = parse_qs(urlsplit(mine).query)["state"], parse_qs(urlsplit(other).query)["code"]
    refusal = refused(world, f"{BACK}?code={code}&state={state}")
    assert isinstance(refusal, OAuthRequestRefused)
    assert (refusal.error, "Code challenge failed." in str(refusal)) == ("invalid_grant", True)


def test_an_owner_who_says_no_is_told_apart() -> None:
    world = World()
    world.set_app(consented=[])
    assert isinstance(
        refused(world, world.consent(world.host().authorization_url(session=BROWSER))), OAuthConsentDenied
    )


def test_an_app_that_asks_for_more_than_it_registered_is_told_so() -> None:
    world = World()
    app = world.host(scopes=(*SCOPES, "events:write"))
    refusal = refused(world, world.consent(app.authorization_url(session=BROWSER)))
    assert isinstance(refusal, OAuthRequestRefused)
    assert refusal.error == "invalid_scope"


def test_an_owner_who_grants_less_than_was_asked_for_must_be_asked_again() -> None:
    world = World()
    world.set_app(consented=["accounts:read"])
    refusal = refused(world, world.consent(world.host().authorization_url(session=BROWSER)))
    assert isinstance(refusal, OAuthReauthorizationNeeded)
    assert "lists:read" in str(refusal)


def test_one_accounts_tokens_are_never_stored_for_another() -> None:
    world = World()
    refusal = refused(world, world.consent(world.host().authorization_url(session=BROWSER)), account="XyZ789")
    assert isinstance(refusal, OAuthAccountMismatch)
    assert (refusal.expected, refusal.given) == ("XyZ789", ACCOUNT)


def test_a_wrong_client_secret_is_told_apart() -> None:
    world = World()
    app = world.host(secret="wrong")
    callback = world.consent(app.authorization_url(session=BROWSER))
    with pytest.raises(OAuthAppRefused):
        app.connect(callback, session=BROWSER)


@pytest.mark.parametrize(
    ("answer", "retry_after"),
    [
        (httpx2.Response(403, headers={"cf-mitigated": "challenge"}, text="<html>"), None),
        (httpx2.Response(503, text="<html>"), None),
        (httpx2.Response(500, json={"error": "invalid_grant"}), None),
        (httpx2.Response(429, headers={"Retry-After": "7"}, json={"error": "rate_limited"}), 7),
        (httpx2.Response(302, headers={"location": "/login"}), None),
        (httpx2.Response(200, text="<html>"), None),
        (httpx2.Response(200, json=["tokens"]), None),
        (httpx2.Response(200, text="[" * 100_000), None),
        (httpx2.Response(200, json={"access_token": "a", "token_type": "Bearer", "expires_in": [1]}), None),
        (httpx2.Response(200, json={"access_token": "a", "token_type": "mac", "expires_in": 1}), None),
        (httpx2.Response(200, json={"access_token": "a", "token_type": "Bearer", "expires_in": True}), None),
    ],
)
def test_an_answer_that_says_nothing_of_the_code_is_none(answer: httpx2.Response, retry_after: int | None) -> None:
    world = World()
    callback = world.consent(world.host().authorization_url(session=BROWSER))
    world.klaviyo.intercept = lambda request: answer if request.url.path == "/oauth/token" else None
    refusal = refused(world, callback)
    assert isinstance(refusal, OAuthUnavailable)
    assert refusal.retry_after == retry_after


def test_no_connection_is_none_either() -> None:
    world = World()
    callback = world.consent(world.host().authorization_url(session=BROWSER))

    def unreachable(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectTimeout("no route", request=request)

    world.klaviyo.intercept = unreachable
    refusal = refused(world, callback)
    assert isinstance(refusal, OAuthUnavailable)
    assert "ConnectTimeout" in str(refusal)


@pytest.mark.parametrize("account", ["", "AbC12", "AbC1234", "../../x", "AbC12\n"])
def test_an_account_is_named_by_its_id(account: str) -> None:
    with pytest.raises(ValueError, match="6 letters and digits"):
        World().host().connection(account)
