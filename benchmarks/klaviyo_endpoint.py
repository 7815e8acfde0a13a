"""The sandbox's Klaviyo on a loopback port of this process; its rate limits never end a measurement."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from sandbox.klaviyo.app import create_app
from sandbox.server import bind

PATH = "/api/lists"
HEADERS = {"revision": "2026-10-15"}
_TOKEN = "benchmark"  # noqa: S105 - of an endpoint that lives as long as a measurement


@dataclass(frozen=True)
class KlaviyoEndpoint:
    """A running Klaviyo."""

    url: str

    def new_key(self) -> tuple[str, str]:
        """Make a key that may read lists; its identifier and its value."""
        made = self._control("POST", "", {"name": "benchmark", "scopes": ["lists:read"]})
        return made["id"], made["key"]

    def disable(self, identifier: str) -> None:
        """Disable a key at once."""
        self._control("PATCH", f"/{identifier}", {"status": "disabled"})

    def _control(self, method: str, path: str, body: Any) -> Any:
        headers = {"X-Sandbox-Token": _TOKEN}
        return httpx.request(method, f"{self.url}/sandbox/keys{path}", headers=headers, json=body).json()


@contextmanager
def klaviyo_endpoint() -> Iterator[KlaviyoEndpoint]:
    """Run Klaviyo, in which every request comes a minute after the one before."""
    minutes = itertools.count(30_000_000)
    app = create_app(control_token=_TOKEN, clock=lambda: next(minutes) * 60.0)
    listener = bind(0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield KlaviyoEndpoint(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
