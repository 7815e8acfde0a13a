"""A fake Klaviyo in the test's own process."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.klaviyo.app import create_app

TOKEN = "control"
REVISION = {"revision": "2026-10-15"}


@dataclass
class Fake:
    """A fake Klaviyo in this process, with a clock that stands until a test moves it."""

    now: float = 1_800_000_000.0
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        self.app = create_app(control_token=TOKEN, clock=lambda: self.now, account_id="AbC123")

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                content = b"" if body is None else json.dumps(body).encode()
                return await client.request(method, path, headers=dict(headers or {}), content=content)

        return asyncio.run(exchange())

    def control(self, method: str, path: str, body: Any = None, *, token: str = TOKEN) -> httpx.Response:
        return self.send(method, path, headers={"X-Sandbox-Token": token}, body=body)

    def key(self, *scopes: str) -> str:
        made = self.control("POST", "/sandbox/keys", {"name": "test", "scopes": scopes})
        return str(made.json()["key"])

    def call(self, method: str, path: str, key: str, *, body: Any = None) -> httpx.Response:
        return self.send(method, path, headers={"Authorization": f"Klaviyo-API-Key {key}", **REVISION}, body=body)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    (error,) = answer.json()["errors"]
    assert answer.headers["content-type"] == "application/vnd.api+json"
    assert error["status"] == answer.status_code
    return dict(error)
