"""OAuth of the sandbox's Klaviyo: what it grants, for how long, and what it refuses as RFC 6749 and 7636 say."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from sandbox.aws.http import Request, Response, call_application
from sandbox.klaviyo.app import create_app
from sandbox.klaviyo.oauth_grants import verifies

BACK = "https://shop.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""RFC 7636, appendix B."""


@dataclass
class Klaviyo:
    """The fake with one registered app."""

    now: float = 1_700_000_000.0
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self.app = create_app(control_token="control", clock=lambda: self.now, account_id="AbC123")
        made = self.control("POST", "", {"redirect_uris": [BACK], "scopes": ["accounts:read", "lists:read"]})
        self.client_id, self.client_secret = made["client_id"], made["client_secret"]

    def call(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: str = "") -> Response:
        path, _, query = url.partition("?")
        raw = tuple((name.encode(), value.encode()) for name, value in (headers or {}).items())
        request = Request(method=method, raw_path=path, query_string=query, raw_headers=raw, body=body.encode())
        return asyncio.run(call_application(self.app, request))

    def control(self, method: str, path: str, body: Any) -> Any:
        headers = {"x-sandbox-token": "control"}
        answer = self.call(method, f"/sandbox/oauth-apps{path}", headers=headers, body=json.dumps(body))
        assert answer.status < 300, answer.body
        return json.loads(answer.body or "null")

    def authorize(self, **changes: str) -> dict[str, str]:
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": BACK,
            "scope": "accounts:read lists:read",
            "state": "s",
            "code_challenge_method": "S256",
            "code_challenge": CHALLENGE,
        }
        answer = self.call("GET", f"/oauth/authorize?{urlencode(asked | changes)}")
        assert answer.status == 302, answer.body
        location = answer.headers["location"]
        assert location.startswith(f"{BACK}?")
        return dict(parse_qsl(urlsplit(location).query))

    def token(self, *, secret: str | None = None, **form: str) -> tuple[int, dict[str, Any]]:
        basic = base64.b64encode(f"{self.client_id}:{secret or self.client_secret}".encode()).decode()
        answer = self.call("POST", "/oauth/token", headers={"authorization": f"Basic {basic}"}, body=urlencode(form))
        return answer.status, json.loads(answer.body)

    def exchange(self, code: str, /, **changes: str) -> tuple[int, dict[str, Any]]:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": BACK}
        return self.token(**(form | changes))

    def lists(self, access_token: str, path: str = "/api/lists") -> Response:
        return self.call("GET", path, headers={"authorization": f"Bearer {access_token}", "revision": "2026-10-15"})


def test_a_verifier_fits_its_challenge_alone() -> None:
    assert verifies(VERIFIER, CHALLENGE)
    assert not verifies(VERIFIER.swapcase(), CHALLENGE)
    assert not verifies(VERIFIER, "")
    assert not verifies(VERIFIER, "!" * 43)
    assert not verifies(VERIFIER, base64.urlsafe_b64encode(hashlib.sha256(b"other").digest()).decode().rstrip("="))


def test_the_api_takes_an_access_token_for_its_scopes_for_an_hour() -> None:
    klaviyo = Klaviyo()
    status, tokens = klaviyo.exchange(klaviyo.authorize()["code"])
    assert (status, tokens["expires_in"], tokens["scope"]) == (200, 3600, "accounts:read lists:read")
    assert klaviyo.lists(tokens["access_token"]).status == 200
    assert klaviyo.lists(tokens["access_token"], "/api/events").status == 403
    klaviyo.now += 3600
    assert klaviyo.lists(tokens["access_token"]).status == 401


def test_the_state_comes_back_as_it_was_sent() -> None:
    assert Klaviyo().authorize(state="a b&c=d")["state"] == "a b&c=d"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "accounts:read events:write"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
def test_what_cannot_be_authorized_goes_back_as_an_error(changes: dict[str, str], error: str) -> None:
    assert Klaviyo().authorize(**changes)["error"] == error


def test_an_unknown_app_or_address_is_never_redirected_to() -> None:
    klaviyo = Klaviyo()
    query = {"response_type": "code", "client_id": klaviyo.client_id, "redirect_uri": "https://thief.example/"}
    assert klaviyo.call("GET", f"/oauth/authorize?{urlencode(query)}").status == 400
    assert klaviyo.call("GET", "/oauth/authorize?client_id=nobody").status == 400


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"code": "other"}, ("invalid_grant", "Invalid 'code' in request.")),
        ({"redirect_uri": "https://shop.example/other"}, ("invalid_grant", "Invalid 'redirect_uri' in request.")),
        ({"code_verifier": "short"}, ("invalid_request", "Invalid 'code_verifier'")),
        ({"code_verifier": "x" * 43}, ("invalid_grant", "Code challenge failed.")),
        ({"grant_type": "client_credentials"}, ("unsupported_grant_type",)),
    ],
)
def test_a_code_is_exchanged_only_as_it_was_issued(changes: dict[str, str], refusal: tuple[str, ...]) -> None:
    klaviyo = Klaviyo()
    status, answer = klaviyo.exchange(klaviyo.authorize()["code"], **changes)
    assert (status, tuple(answer.values())[: len(refusal)]) == (400, refusal)


def test_a_code_is_good_once_and_for_five_minutes() -> None:
    klaviyo = Klaviyo()
    code = klaviyo.authorize()["code"]
    assert klaviyo.exchange(code)[0] == 200
    assert klaviyo.exchange(code)[1]["error"] == "invalid_grant"
    late = klaviyo.authorize()["code"]
    klaviyo.now += 300
    assert klaviyo.exchange(late)[1]["error"] == "invalid_grant"


def test_an_app_authenticates_with_its_secret_in_the_basic_scheme() -> None:
    klaviyo = Klaviyo()
    code = klaviyo.authorize()["code"]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": BACK}
    status, answer = klaviyo.token(secret="wrong", **form)
    assert (status, answer["error"]) == (401, "invalid_client")
    in_the_body = urlencode({**form, "client_id": klaviyo.client_id, "client_secret": klaviyo.client_secret})
    assert klaviyo.call("POST", "/oauth/token", body=in_the_body).status == 401


@pytest.mark.parametrize("renews", [False, True])
def test_a_refresh_keeps_the_refresh_token_or_renews_it_as_the_app_is_set(renews: bool) -> None:
    klaviyo = Klaviyo()
    _, first = klaviyo.exchange(klaviyo.authorize()["code"])
    klaviyo.control("PATCH", f"/{klaviyo.client_id}", {"renews_refresh_tokens": renews})
    _, second = klaviyo.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (second["refresh_token"] != first["refresh_token"]) is renews
    status, _ = klaviyo.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert status == (400 if renews else 200)


def test_a_refresh_token_that_lay_unused_for_90_days_is_dead() -> None:
    klaviyo = Klaviyo()
    _, tokens = klaviyo.exchange(klaviyo.authorize()["code"])
    klaviyo.now += 90 * 86_400
    status, answer = klaviyo.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")


def test_revoking_uninstalls_the_app() -> None:
    klaviyo = Klaviyo()
    _, tokens = klaviyo.exchange(klaviyo.authorize()["code"])
    basic = base64.b64encode(f"{klaviyo.client_id}:{klaviyo.client_secret}".encode()).decode()
    headers, body = {"authorization": f"Basic {basic}"}, urlencode({"token": tokens["refresh_token"]})
    assert klaviyo.call("POST", "/oauth/revoke", body=body).status == 401
    assert klaviyo.call("POST", "/oauth/revoke", headers=headers, body=body).status == 200
    assert klaviyo.lists(tokens["access_token"]).status == 401
    assert klaviyo.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])[0] == 400


def test_the_owner_may_agree_to_less_or_to_nothing() -> None:
    klaviyo = Klaviyo()
    klaviyo.control("PATCH", f"/{klaviyo.client_id}", {"consented": ["accounts:read"]})
    assert klaviyo.exchange(klaviyo.authorize()["code"])[1]["scope"] == "accounts:read"
    klaviyo.control("PATCH", f"/{klaviyo.client_id}", {"consented": []})
    assert klaviyo.authorize()["error"] == "access_denied"


def test_apps_are_registered_with_the_control_token_alone() -> None:
    assert Klaviyo().call("POST", "/sandbox/oauth-apps", body="{}").status == 401
