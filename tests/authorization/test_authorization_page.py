"""The page about authorization: each of its Python blocks runs as it stands, and does what the page says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from klaviyo_access.access_model import AccessModel
from klaviyo_access.authorization import Permissions

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "authorization.md").read_text("utf-8")
BLOCKS = {
    section.partition("\n")[0]: body
    for section in PAGE.split("\n## ")
    for body in re.findall(r"^```py\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
}

Names = dict[str, Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Names]:
    """Runs the block under a heading as a service in prod, and returns the names that it defines."""
    permissions = Permissions.of(AccessModel.load(PROJECT / "access.yaml"), environment="prod")
    (tmp_path / "permissions.json").write_text(json.dumps(permissions.document()))
    monkeypatch.setenv("KLAVIYO_ACCESS_PERMISSIONS", str(tmp_path / "permissions.json"))
    monkeypatch.setenv("KLAVIYO_ACCESS_ENVIRONMENT", "prod")
    monkeypatch.setenv("KLAVIYO_ACCESS_AUDIT_SPOOL", str(tmp_path / "audit"))

    def run(heading: str) -> Names:
        names: Names = {"__name__": "service"}
        exec(compile(BLOCKS[heading], heading, "exec"), names)  # noqa: S102 - the page's own snippet
        return names

    return run


def test_every_block_of_the_page_is_known_here() -> None:
    assert len(BLOCKS) == PAGE.count("```py\n") == 6


SIGNED_IN = {
    "FastAPI": {"token": "secret-of-marie"},
    "Starlette": {"role-from-our-proxy": "marketer"},
}


@pytest.mark.parametrize(("heading", "headers"), SIGNED_IN.items(), ids=SIGNED_IN)
def test_the_asgi_services_answer_as_the_page_says(
    run: Callable[[str], Names], heading: str, headers: dict[str, str]
) -> None:
    with TestClient(run(heading)["app"]) as client:
        assert client.post("/klaviyo/campaigns").json() == {"error": "No Klaviyo role assigned"}
        assert client.post("/klaviyo/campaigns", headers=headers).status_code == 200


def test_the_flask_service_answers_as_the_page_says(run: Callable[[str], Names]) -> None:
    client: FlaskClient = run("Flask")["app"].test_client()
    assert client.post("/klaviyo/campaigns").json == {"error": "No Klaviyo role assigned"}
    assert client.post("/klaviyo/campaigns", headers={"token": "secret-of-marie"}).status_code == 200


def test_functions_are_guarded_as_the_page_says(
    run: Callable[[str], Names], capsys: pytest.CaptureFixture[str]
) -> None:
    run("Everything else")
    assert capsys.readouterr().out == "Role 'viewer' does not have the permission 'send-campaigns'.\n"


def test_a_route_is_open_for_a_reason_as_the_page_says(run: Callable[[str], Names]) -> None:
    with TestClient(run("What is refused, and when")["app"]) as client:
        assert client.get("/klaviyo/health").status_code == 200


def test_decisions_are_recorded_as_the_page_says(run: Callable[[str], Names]) -> None:
    names = run("On record")
    assert names["access"].record == names["audit"].record
