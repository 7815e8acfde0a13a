"""Klaviyo's OAuth on the sandbox: ``/oauth/authorize``, ``/oauth/token`` and ``/oauth/revoke``, and a stand-in for
the page where developers register an app.

The account's owner is always signed in and agrees to what the app's registration says. Klaviyo's endpoints answer with
RFC 6749's error codes and these descriptions: https://developers.klaviyo.com/en/docs/troubleshoot_oauth_errors
"""

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.aws.http import Request, Response
from sandbox.klaviyo.account import Account
from sandbox.klaviyo.oauth_grants import ACCESS_TOKEN_LIFETIME, App, Grants, is_verifier, verifies
from sandbox.klaviyo.problems import invalid, method_not_allowed, not_found

PREFIX: Final = "/oauth"
CONTROL_PREFIX: Final = "/sandbox/oauth-apps"


class _Refused(Exception):
    """An error of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        self.response = _json(status, {"error": error, "error_description": description})
        super().__init__(error)


class OAuthServer:
    """Answers requests under ``/oauth`` for the apps of one account."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def answer(self, request: Request) -> Response:
        """Do what a request asks for.

        Raises:
            Problem: 404 or 405; what OAuth itself refuses is an answer.
        """
        handlers = {
            "/oauth/authorize": ("GET", self._authorize),
            "/oauth/token": ("POST", self._token),
            "/oauth/revoke": ("POST", self._revoke),
        }
        if request.path not in handlers:
            raise not_found("The requested URL was not found.")
        method, handle = handlers[request.path]
        if request.method != method:
            raise method_not_allowed(request.method, {method})
        try:
            return handle(request)
        except _Refused as refused:
            return refused.response

    def _authorize(self, request: Request) -> Response:
        asked = _parameters(request.query_string)
        app = self._grants.app(asked.get("client_id", ""))
        if app is None:
            raise _Refused("invalid_client", "Unknown client_id.")
        redirect_uri = asked.get("redirect_uri", "")
        if redirect_uri not in app.redirect_uris:
            raise _Refused("invalid_request", "Redirect URI is not supported by client.")
        answer = self._consent(app, redirect_uri, asked)
        query = urlencode(answer | ({"state": asked["state"]} if "state" in asked else {}))
        joint = "&" if urlsplit(redirect_uri).query else "?"
        return Response(status=302, body=b"", headers={"location": f"{redirect_uri}{joint}{query}"})

    def _consent(self, app: App, redirect_uri: str, asked: Mapping[str, str]) -> dict[str, str]:
        """What the browser carries back to the app: a code, or an error."""
        wanted = frozenset(asked.get("scope", "").split())
        if asked.get("response_type") != "code":
            return {"error": "unsupported_response_type"}
        if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
            return {"error": "invalid_request", "error_description": "Missing 'code_challenge'"}
        if not wanted or wanted - app.scopes:
            return {"error": "invalid_scope", "error_description": "The requested scope is invalid or unknown."}
        granted = wanted if app.consented is None else wanted & app.consented
        if not granted:
            return {"error": "access_denied", "error_description": "The account's owner denied the request."}
        challenge = asked["code_challenge"]
        return {"code": self._grants.issue_code(app, redirect_uri=redirect_uri, scopes=granted, challenge=challenge)}

    def _token(self, request: Request) -> Response:
        app = self._client(request)
        asked = _parameters(request.body.decode("latin-1"))
        match asked.get("grant_type"):
            case "authorization_code":
                return self._exchange(app, asked)
            case "refresh_token":
                return self._refresh(app, asked)
        raise _Refused("unsupported_grant_type", f"grant_type={asked.get('grant_type')} is not supported.")

    def _exchange(self, app: App, asked: Mapping[str, str]) -> Response:
        value, verifier = asked.get("code", ""), asked.get("code_verifier", "")
        code = self._grants.code(value, app)
        if code is None:
            raise _Refused("invalid_grant", "Invalid 'code' in request.")
        if asked.get("redirect_uri") != code.redirect_uri:
            raise _Refused("invalid_grant", "Invalid 'redirect_uri' in request.")
        if not is_verifier(verifier):
            raise _Refused("invalid_request", "Invalid 'code_verifier'")
        if not verifies(verifier, code.challenge):
            raise _Refused("invalid_grant", "Code challenge failed.")
        self._grants.use_up(value)
        return _tokens(*self._grants.issue_tokens(app, code.scopes), code.scopes)

    def _refresh(self, app: App, asked: Mapping[str, str]) -> Response:
        renewed = self._grants.renew(asked.get("refresh_token", ""), app)
        if renewed is None:
            raise _Refused("invalid_grant", "Invalid 'refresh_token' in request.")
        return _tokens(*renewed)

    def _revoke(self, request: Request) -> Response:
        app = self._client(request)
        asked = _parameters(request.body.decode("latin-1"))
        if self._grants.knows(asked.get("token", ""), app):
            self._grants.uninstall(app)
        return _json(200, {})

    def _client(self, request: Request) -> App:
        """The app that authenticates by HTTP Basic, the only way that Klaviyo takes."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            identifier, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            identifier = secret = ""
        app = self._grants.authenticated(identifier, secret) if scheme == "Basic" else None
        if app is None:
            raise _Refused("invalid_client", "The client cannot authenticate.", status=401)
        return app


class AppRegistry:
    """Registers and changes apps under ``/sandbox/oauth-apps``, for who carries the control token.

    ``POST`` takes ``redirect_uris`` and ``scopes`` and answers ``client_id`` and ``client_secret``; ``PATCH
    /sandbox/oauth-apps/{client_id}`` takes ``scopes``, ``consented`` and ``renews_refresh_tokens``; ``DELETE`` has the
    account's owner uninstall the app.
    """

    def __init__(self, account: Account, grants: Grants) -> None:
        self._account = account
        self._grants = grants

    async def answer(self, request: Request) -> Response:
        """Do what a request asks for.

        Raises:
            Problem: 401 without the token, else 400, 404 or 405.
        """
        self._account.admit_control(request)
        identifier = request.path.removeprefix(CONTROL_PREFIX).strip("/")
        if not identifier:
            if request.method != "POST":
                raise method_not_allowed(request.method, {"POST"})
            return self._register(_read(request))
        if (app := self._grants.app(identifier)) is None:
            raise not_found(f"An OAuth app with client id {identifier} does not exist.")
        match request.method:
            case "PATCH":
                self._grants.change(identifier, **_changes(_read(request)))
            case "DELETE":
                self._grants.uninstall(app)
            case method:
                raise method_not_allowed(method, {"PATCH", "DELETE"})
        return Response(status=204, body=b"")

    def _register(self, asked: Mapping[str, Any]) -> Response:
        app = App(
            id=secrets.token_hex(16),
            secret=secrets.token_urlsafe(48),
            redirect_uris=_texts(asked, "redirect_uris"),
            scopes=_texts(asked, "scopes"),
        )
        self._grants.register(app)
        return _json(201, {"client_id": app.id, "client_secret": app.secret})


def _changes(asked: Mapping[str, Any]) -> dict[str, object]:
    changes: dict[str, object] = {name: _texts(asked, name) for name in ("scopes", "consented") if name in asked}
    if "renews_refresh_tokens" in asked:
        changes["renews_refresh_tokens"] = asked["renews_refresh_tokens"] is True
    return changes


def _texts(asked: Mapping[str, Any], name: str) -> frozenset[str]:
    if not isinstance(asked.get(name), list):
        raise invalid(f"An OAuth app has a list '{name}'.", pointer=name)
    return frozenset(map(str, asked[name]))


def _read(request: Request) -> dict[str, Any]:
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise invalid("The body must be a JSON object.", pointer="/")
    return asked


def _parameters(form: str) -> dict[str, str]:
    return dict(parse_qsl(form, keep_blank_values=True))


def _tokens(access: str, refresh: str, scopes: frozenset[str]) -> Response:
    return _json(
        200,
        {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_LIFETIME,
            "refresh_token": refresh,
            "scope": " ".join(sorted(scopes)),
        },
    )


def _json(status: int, document: object) -> Response:
    return Response(status=status, body=json.dumps(document).encode(), headers={"content-type": "application/json"})
