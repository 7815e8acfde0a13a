"""An OAuth app, its hosts, and Klaviyo on the sandbox, with one clock in the test's hands."""

import asyncio
import json
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import httpx2

from klaviyo_access.errors import OAuthUnavailable
from klaviyo_access.oauth import AppCredentials, MemoryTokenStore, OAuthApp, OAuthClient, OAuthTokens, Secret, StateSeal
from sandbox.aws.http import Request, call_application
from sandbox.klaviyo.app import create_app

ACCOUNT = "AbC123"
BACK = "https://shop.example/klaviyo/callback"
SCOPES = ("accounts:read", "lists:read")
BROWSER = "session-of-the-owners-browser"


class Klaviyo(httpx2.BaseTransport):
    """The sandbox's Klaviyo as a transport; ``intercept`` may answer instead, or look at what goes by."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._app = create_app(control_token="control", clock=clock, account_id=ACCOUNT)
        self.seen: list[str] = []
        self.intercept: Callable[[httpx2.Request], httpx2.Response | None] = lambda _: None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.seen.append(f"{request.method} {request.url.path}")
        return self.intercept(request) or self._forward(request)

    def _forward(self, request: httpx2.Request) -> httpx2.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        asked = Request(
            method=request.method,
            raw_path=path,
            query_string=query,
            raw_headers=tuple(request.headers.raw),
            body=request.content,
        )
        answer = asyncio.run(call_application(self._app, asked))
        return httpx2.Response(answer.status, headers=answer.headers, content=answer.body)

    def control(self, method: str, path: str = "", body: Any = None) -> Any:
        """A call to the page where developers register apps."""
        url, headers = f"http://localhost/sandbox/oauth-apps{path}", {"X-Sandbox-Token": "control"}
        answer = self._forward(httpx2.Request(method, url, headers=headers, json=body or {}))
        assert answer.is_success, answer.text
        return json.loads(answer.content or b"null")


@dataclass
class FlakyStore:
    """A store that many hosts share; while it is ``down`` it takes and gives nothing."""

    kept: MemoryTokenStore = field(default_factory=MemoryTokenStore)
    down: bool = False
    saves: list[OAuthTokens | None] = field(default_factory=list)

    def load(self, account: str) -> OAuthTokens | None:
        return self.kept.load(account)

    def save(self, account: str, tokens: OAuthTokens | None) -> None:
        if self.down:
            raise OAuthUnavailable("The store is down")
        self.saves.append(tokens)
        self.kept.save(account, tokens)


class World:
    """One registered app. ``host()`` gives it one more host; all share the store and Klaviyo."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.klaviyo = Klaviyo(lambda: self.now)
        self.store = FlakyStore()
        self.slept: list[float] = []
        self._locks = Path(mkdtemp())
        weakref.finalize(self, rmtree, self._locks)
        self._hosts = 0
        made = self.klaviyo.control("POST", body={"redirect_uris": [BACK], "scopes": SCOPES})
        self.client_id: str = made["client_id"]
        self.client_secret: str = made["client_secret"]

    def set_app(self, **changes: Any) -> None:
        """Change the app's registration, or what the owner agrees to."""
        self.klaviyo.control("PATCH", f"/{self.client_id}", changes)

    def uninstall(self) -> None:
        """The owner removes the app in Klaviyo."""
        self.klaviyo.control("DELETE", f"/{self.client_id}")

    def host(self, *, secret: str | None = None, scopes: tuple[str, ...] = SCOPES) -> OAuthApp:
        """A process of the service, on a host of its own."""
        self._hosts += 1
        credentials = AppCredentials(client_id=self.client_id, client_secret=Secret(secret or self.client_secret))
        client = OAuthClient(
            credentials,
            redirect_uri=BACK,
            scopes=scopes,
            klaviyo_url="http://localhost",
            clock=lambda: self.now,
            transport=self.klaviyo,
        )
        seal = StateSeal(credentials.client_secret, clock=lambda: self.now)
        locks = self._locks / str(self._hosts)
        return OAuthApp(client, seal, self.store, clock=lambda: self.now, sleep=self.sleep, locks=locks)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def consent(self, url: str) -> str:
        """What the owner's browser comes back to, once sent to ``url``."""
        with httpx2.Client(transport=self.klaviyo) as browser:
            return browser.get(url).headers["location"]

    def connected(self) -> OAuthApp:
        """A host with the account connected."""
        app = self.host()
        app.connect(self.consent(app.authorization_url(session=BROWSER)), session=BROWSER)
        self.klaviyo.seen.clear()
        return app

    def works(self, token: Secret) -> bool:
        """Whether the API takes an access token, now that nothing intercepts."""
        self.klaviyo.intercept = lambda _: None
        headers = {"Authorization": f"Bearer {token.reveal()}", "revision": "2026-10-15"}
        self.now += 1  # out of the limit of one request a second
        with httpx2.Client(transport=self.klaviyo) as client:
            return client.get("http://localhost/api/lists", headers=headers).status_code == 200
