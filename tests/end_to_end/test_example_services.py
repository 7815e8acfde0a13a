"""The example services as their people meet them, each served for real with the credentials of its IAM role."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from sandbox.tour.commands import Commands
from tests.end_to_end.deployed import PROJECT, Deployed

pytestmark = pytest.mark.end_to_end

SECRET = {"EXAMPLE_LOGIN_SECRET": "s" * 32}


@pytest.fixture(scope="module")
def clients(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, httpx.Client]]:
    """Both services, running."""
    folder = tmp_path_factory.mktemp("services")
    exported = deployed.run("-m", "klaviyo_access", "permissions", "--stack", "local", "--json")
    (folder / "permissions.json").write_text(exported.stdout)
    commands = Commands(project=PROJECT, environ=deployed.environ, console=Console(quiet=True))
    with (
        commands.serving("python", "-m", "examples.fastapi_app", environ=settings(deployed, "app-api", folder)) as api,
        commands.serving(
            "python", "-m", "examples.flask_app", environ=settings(deployed, "admin-console", folder)
        ) as console,
        httpx.Client(base_url=api, timeout=60) as to_api,
        httpx.Client(base_url=console, timeout=60) as to_console,
    ):
        yield {"app-api": to_api, "admin-console": to_console}


def settings(deployed: Deployed, service: str, folder: Path) -> dict[str, str]:
    place = {
        "KLAVIYO_ACCESS_PERMISSIONS": str(folder / "permissions.json"),
        "KLAVIYO_ACCESS_AUDIT_SPOOL": str(folder / service),
        "PORT": "0",
    }
    return deployed.as_service(service) | SECRET | place


def signed_in(deployed: Deployed, person: str) -> dict[str, str]:
    token = deployed.run("-m", "examples.login", person, environ=SECRET).stdout.strip()
    return {"Authorization": f"Bearer {token}"}


MAY = {
    ("app-api", "GET", "/klaviyo/profiles"): {"ada": 200, "marie": 200, "dora": 200, "vera": 200, "gus": 401},
    ("app-api", "POST", "/klaviyo/lists"): {"ada": 201, "marie": 201, "dora": 201, "vera": 403, "gus": 401},
    ("admin-console", "GET", "/klaviyo/webhooks"): {"ada": 200, "marie": 403, "dora": 403, "vera": 403, "gus": 401},
    ("admin-console", "POST", "/klaviyo/profiles/01PROFILE/deletion"): {"ada": 202, "marie": 403, "gus": 401},
}


@pytest.mark.parametrize(("asked", "statuses"), MAY.items(), ids=[f"{service} {path}" for service, _, path in MAY])
def test_people_may_do_what_their_role_may(
    deployed: Deployed,
    clients: Mapping[str, httpx.Client],
    asked: tuple[str, str, str],
    statuses: dict[str, int],
) -> None:
    service, method, path = asked
    body = {"name": "VIP"} if path.endswith("lists") else None
    answers = {
        person: clients[service].request(method, path, json=body, headers=signed_in(deployed, person)).status_code
        for person in statuses
    }
    assert answers == statuses


@pytest.mark.parametrize("service", ["app-api", "admin-console"])
def test_who_is_not_signed_in_is_told_so(clients: Mapping[str, httpx.Client], service: str) -> None:
    path = {"app-api": "/klaviyo/profiles", "admin-console": "/klaviyo/webhooks"}[service]
    for headers in ({}, {"Authorization": "Bearer ada.9999999999.forged"}):
        answer = clients[service].get(path, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "No Klaviyo role assigned"})


def test_a_service_does_not_start_with_another_environments_permissions(deployed: Deployed, tmp_path: Path) -> None:
    permissions = tmp_path / "permissions.json"
    exported = deployed.run("-m", "klaviyo_access", "permissions", "--stack", "local", "--json").stdout
    permissions.write_text(json.dumps(json.loads(exported) | {"environment": "dev"}))
    started = deployed.run("-m", "examples.fastapi_app", environ=settings(deployed, "app-api", tmp_path))
    assert started.returncode == 1
    assert "are of 'dev', and KLAVIYO_ACCESS_ENVIRONMENT says 'local'" in started.stderr
