"""The fake Klaviyo on a loopback port, and key stores that hand out its keys."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from klaviyo_access.errors import KeyStoreUnavailable
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.keys.store import KeyStore
from sandbox.klaviyo.app import create_app
from sandbox.server import bind

TOKEN = "control"


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an ASGI application; gives its URL."""
    listener = bind(0)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@dataclass(frozen=True)
class Server:
    """A running fake Klaviyo and every request it saw."""

    url: str
    seen: list[tuple[str, str]]

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-Sandbox-Token": TOKEN}
        return httpx.request(method, f"{self.url}/sandbox/keys{path}", headers=headers, json=body).json()

    def key(self, *scopes: str) -> Key:
        return Key(self._control("POST", "", {"name": "test", "scopes": scopes})["key"])

    def disable(self, key: Key) -> None:
        (known,) = (one for one in self._control("GET", "") if one["fingerprint"] == key.fingerprint)
        self._control("PATCH", f"/{known['id']}", {"status": "disabled"})


def clock_that_outruns_limits() -> Callable[[], float]:
    minutes = itertools.count(30_000_000)
    return lambda: next(minutes) * 60.0


@contextmanager
def klaviyo_server(clock: Callable[[], float]) -> Iterator[Server]:
    """Run the fake Klaviyo and record the method and path of every request to its API."""
    app, seen = create_app(control_token=TOKEN, clock=clock, account_id="AbC123"), list[tuple[str, str]]()

    async def recording(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].startswith("/api/"):
            seen.append((scope["method"], scope["path"]))
        await app(scope, receive, send)

    with serving(recording) as url:
        yield Server(url, seen)


@dataclass
class Keys:
    """A source that hands out these keys one after the other, the last one for good; nothing while it is ``down``."""

    endpoint: str
    keys: list[Key]
    fetches: int = field(default=0)
    down: bool = field(default=False)

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:  # noqa: ARG002 - a source's signature
        if self.down:
            raise KeyStoreUnavailable("AWS is down.")
        key = self.keys[min(self.fetches, len(self.keys) - 1)]
        self.fetches += 1
        return KeySnapshot(
            role="viewer", key=key, scopes=(), endpoint=self.endpoint, version_id=f"v{self.fetches}", fetched_at=0.0
        )

    def store(self) -> KeyStore:
        return KeyStore("viewer", source=self)
