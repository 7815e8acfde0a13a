"""People who use the services: one whose role may do what they ask for, and one whose role may not."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sandbox.tour.commands import Commands


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request that a person sends to a service.

    Attributes:
        person: who, as the examples' login knows people.
        role: the person's role.
        request: method and path.
        body: what is sent with it, None for nothing.
        expected: the status that the role's permissions come to.
    """

    person: str
    role: str
    request: str
    body: Mapping[str, str] | None = None
    expected: int


@dataclass(frozen=True)
class Visited:
    """What a service answered to a visit."""

    service: str
    visit: Visit
    status: int
    answer: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class App:
    """A service that answers people, and who visits it."""

    module: str
    visits: tuple[Visit, ...]


NEW_LIST: Final = {"name": "VIP"}
APPS: Final = {
    "app-api": App(
        module="examples.fastapi_app",
        visits=(
            Visit(person="marie", role="marketer", request="POST /klaviyo/lists", body=NEW_LIST, expected=201),
            Visit(person="vera", role="viewer", request="POST /klaviyo/lists", body=NEW_LIST, expected=403),
        ),
    ),
    "admin-console": App(
        module="examples.flask_app",
        visits=(
            Visit(person="ada", role="admin", request="GET /klaviyo/webhooks", expected=200),
            Visit(person="marie", role="marketer", request="GET /klaviyo/webhooks", expected=403),
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Visitors:
    """Runs the services that answer people, and visits them.

    Attributes:
        commands: runs them in the checkout.
        home: folder of what they need on disk.
    """

    commands: Commands
    home: Path
    login_secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    @property
    def permissions(self) -> Path:
        """The document that a deployment ships."""
        return self.home / "permissions.json"

    def visit(self, service: str, environ: Mapping[str, str]) -> Iterator[Visited]:
        """Serve a service on a free port, with its credentials in ``environ``, while its visitors call."""
        app = APPS[service]
        login = {"EXAMPLE_LOGIN_SECRET": self.login_secret}
        settings = login | {
            "KLAVIYO_ACCESS_PERMISSIONS": str(self.permissions),
            "KLAVIYO_ACCESS_AUDIT_SPOOL": str(self.home / f"audit-{service}"),
            "PORT": "0",
        }
        with self.commands.serving("python", "-m", app.module, environ={**environ, **settings}) as url:
            for visit in app.visits:
                token = self.commands.output("python", "-m", "examples.login", visit.person, environ=login).strip()
                status, answer = _send(url, visit, token)
                yield Visited(service, visit, status, answer)


def _send(url: str, visit: Visit, token: str) -> tuple[int, dict[str, object]]:
    method, _, path = visit.request.partition(" ")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = None if visit.body is None else json.dumps(visit.body).encode()
    request = Request(f"{url}{path}", method=method, headers=headers, data=body)  # noqa: S310 - a loopback address
    response: HTTPResponse | HTTPError
    try:
        response = urlopen(request, timeout=60)  # noqa: S310 - the same
    except HTTPError as refusal:
        response = refusal
    with response:
        return int(response.status or 0), json.load(response)
