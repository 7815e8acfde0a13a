"""HTTP as ASGI carries it: a whole request, a whole response, and an application called with one."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote

from sandbox.clock import Clock

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request read to its end; ``raw_path`` is as sent, percent-encoding included."""

    method: str
    raw_path: str
    query_string: str
    raw_headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    client: str = "127.0.0.1"

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @cached_property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.query_string, keep_blank_values=True)

    @cached_property
    def headers(self) -> dict[str, str]:
        """Header values by lower-case name; repeated fields are joined by a comma."""
        joined: dict[str, str] = {}
        for name, value in self.raw_headers:
            key = name.decode("latin-1").lower()
            text = value.decode("latin-1")
            joined[key] = f"{joined[key]}, {text}" if key in joined else text
        return joined


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response as a whole."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read a request with its body."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return Request(
        method=scope["method"],
        raw_path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        query_string=scope.get("query_string", b"").decode("latin-1"),
        raw_headers=tuple((bytes(name), bytes(value)) for name, value in scope["headers"]),
        body=bytes(body),
        client=(scope.get("client") or ("127.0.0.1", 0))[0],
    )


async def send_response(send: Send, response: Response, *, head: bool = False) -> None:
    """Send a response whole; ``head`` leaves the body out and the headers as they are."""
    headers = {"date": formatdate(Clock.machine(), usegmt=True)} | {
        name.lower(): value for name, value in response.headers.items()
    }
    if not head:
        headers["content-length"] = str(len(response.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if head else response.body})


async def call_application(application: Application, request: Request) -> Response:
    """Hand a request to an ASGI application in this process and collect what it answers."""
    pending = [{"type": "http.request", "body": request.body, "more_body": False}]
    started: dict[str, Any] = {}
    body = bytearray()

    async def receive() -> MutableMapping[str, Any]:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            body.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": request.method,
        "path": request.path,
        "raw_path": request.raw_path.encode("latin-1"),
        "query_string": request.query_string.encode("latin-1"),
        "headers": list(request.raw_headers),
        "client": (request.client, 0),
        "server": ("127.0.0.1", 0),
    }
    await application(scope, receive, send)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in started["headers"]}
    return Response(status=started["status"], body=bytes(body), headers=headers)
