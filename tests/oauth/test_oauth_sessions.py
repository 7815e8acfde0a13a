"""Klaviyo's SDK and httpx with an account's token: one renewal and one retry at a 401, typed errors, nothing shown."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpx
import pytest

from klaviyo_access.errors import (
    KlaviyoAccessError,
    KlaviyoUnreachable,
    OAuthReauthorizationNeeded,
    OAuthUnavailable,
    RateLimited,
    RequestMalformed,
    RequestRefused,
    ScopeMissing,
)
from klaviyo_access.oauth import OAuthAuth, OAuthConnection, Secret, session_for_account
from tests.klaviyo.klaviyo_server import serving

ACCOUNT = "AbC123"
OLD, NEW, DEAD = "token-that-ended", "token-that-works", "token-without-consent"


class Connection:
    """An account's connection that renews to ``tokens``, one after the other, the last for good."""

    def __init__(self, url: str, *tokens: str) -> None:
        self.account, self.klaviyo_url = ACCOUNT, url
        self.tokens = [Secret(token) for token in tokens]
        self.renewals = 0

    def access_token(self, *, rejected: Secret | None = None) -> Secret:
        if rejected is not None and rejected == self.tokens[0]:
            self.renewals += 1
            if len(self.tokens) == 1:
                raise OAuthUnavailable("Klaviyo is down")
            self.tokens.pop(0)
        return self.tokens[0]

    async def aaccess_token(self, *, rejected: Secret | None = None) -> Secret:
        return self.access_token(rejected=rejected)


class Klaviyo:
    """Lists, or what ``refusal`` says, to whoever has the token that works."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.url = ""

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        token = dict(scope["headers"])[b"authorization"].decode()
        self.seen.append(token)
        refused = (401, {"code": "authentication_failed"}) if token != f"Bearer {NEW}" else self.refusal
        status, document = (refused[0], {"errors": [refused[1]]}) if refused else (200, {"data": [], "links": LINKS})
        headers = [(b"content-type", b"application/vnd.api+json"), (b"retry-after", b"7")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(document).encode()})


LINKS = {"self": "x", "first": None, "last": None, "prev": None, "next": None}
SCOPES = "Your API key is missing required scopes: lists:read"


@pytest.fixture
def klaviyo() -> Iterator[Klaviyo]:
    app = Klaviyo()
    with serving(app) as app.url:
        yield app


def by_sdk(connection: Any) -> None:
    session_for_account(cast("OAuthConnection", connection), max_retries=1).Lists.get_lists()


def by_httpx(connection: Any) -> None:
    auth = OAuthAuth(cast("OAuthConnection", connection))
    with httpx.Client(auth=auth, base_url=auth.base_url) as client, auth.typed_errors():
        client.get("/api/lists").raise_for_status()


def by_async_httpx(connection: Any) -> None:
    auth = OAuthAuth(cast("OAuthConnection", connection))

    async def ask() -> None:
        async with httpx.AsyncClient(auth=auth, base_url=auth.base_url) as client:
            with auth.typed_errors():
                (await client.get("/api/lists")).raise_for_status()

    asyncio.run(ask())


Call = Callable[[Any], None]
each_way = pytest.mark.parametrize("call", [by_sdk, by_httpx, by_async_httpx])


@each_way
def test_at_a_401_the_token_is_renewed_once_and_the_request_sent_once_more(klaviyo: Klaviyo, call: Call) -> None:
    connection = Connection(klaviyo.url, OLD, NEW)
    call(connection)
    assert (klaviyo.seen, connection.renewals) == ([f"Bearer {OLD}", f"Bearer {NEW}"], 1)


@each_way
def test_a_new_token_that_is_rejected_asks_for_consent_and_is_not_renewed_again(klaviyo: Klaviyo, call: Call) -> None:
    connection = Connection(klaviyo.url, OLD, DEAD, NEW)
    with pytest.raises(OAuthReauthorizationNeeded, match=r"get_lists.*401") as raised:
        call(connection)
    assert (raised.value.account, len(klaviyo.seen), connection.renewals) == (ACCOUNT, 2, 1)


@each_way
def test_a_renewal_that_fails_says_so_itself(klaviyo: Klaviyo, call: Call) -> None:
    with pytest.raises(OAuthUnavailable, match="Klaviyo is down"):
        call(Connection(klaviyo.url, OLD))
    assert len(klaviyo.seen) == 1


REFUSALS: dict[str, tuple[int, dict[str, str], type[KlaviyoAccessError]]] = {
    "scopes": (403, {"code": "permission_denied", "detail": SCOPES}, ScopeMissing),
    "rate": (429, {}, RateLimited),
    "404": (404, {"detail": "no such list"}, RequestRefused),
    "500": (500, {}, KlaviyoUnreachable),
    "a strange 401": (401, {"code": "oops"}, KlaviyoUnreachable),
}


@each_way
@pytest.mark.parametrize(("status", "document", "error"), REFUSALS.values(), ids=REFUSALS)
def test_other_answers_are_typed_errors_of_the_account_and_a_403_renews_nothing(
    klaviyo: Klaviyo, call: Call, status: int, document: dict[str, str], error: type[KlaviyoAccessError]
) -> None:
    klaviyo.refusal = status, document
    connection = Connection(klaviyo.url, NEW, NEW)
    with pytest.raises(error) as raised:
        call(connection)
    assert (vars(raised.value)["account"], vars(raised.value)["role"]) == (ACCOUNT, "")
    assert connection.renewals == (status == 401)
    assert "role" not in str(raised.value)


def test_the_token_goes_to_klaviyo_alone(klaviyo: Klaviyo) -> None:
    auth = OAuthAuth(cast("OAuthConnection", Connection("https://a.klaviyo.com", NEW)))
    with httpx.Client(auth=auth) as client, pytest.raises(RequestMalformed, match=ACCOUNT):
        client.get(f"{klaviyo.url}/api/lists")
    assert klaviyo.seen == []


def test_a_session_shows_its_account_and_no_token(klaviyo: Klaviyo) -> None:
    session = session_for_account(cast("OAuthConnection", Connection(klaviyo.url, NEW)))
    shown = f"{session!r} {vars(session)!r} {vars(session.api_client)!r} {vars(session.configuration)!r}"
    assert (ACCOUNT in shown, NEW in shown) == (True, False)
