"""The tour's way: with the Pulumi CLI where there is one, and an end in one line when a step fails or is stopped."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from sandbox.tour import __main__ as tour_command
from sandbox.tour.commands import Commands, StepFailedError
from sandbox.tour.report import DENIED, IntruderRead, Report
from sandbox.tour.steps import Tour
from sandbox.tour.visits import Visit, Visited


@dataclass(frozen=True, kw_only=True)
class Noted(Commands):
    """Commands that are noted and not run."""

    ran: list[str] = field(default_factory=list)

    def run(self, *command: str, environ: Mapping[str, str] | None = None, stdin: str | None = None) -> None:  # noqa: ARG002 - as the real one takes them
        self.ran.append(" ".join(command))

    def output(self, *command: str, environ: Mapping[str, str] | None = None) -> str:  # noqa: ARG002 - the same
        return "{}"

    def succeeds(self, *command: str) -> bool:  # noqa: ARG002 - the same
        return True


@pytest.fixture
def noted(tmp_path: Path) -> Noted:
    return Noted(project=tmp_path, environ={"SANDBOX_HOME": "home"}, console=Console(quiet=True))


WITH_CLI = ["pulumi stack select local --create", "pulumi up --stack local --yes --skip-preview"]
WITH_ENGINE = ["python -m sandbox.engine up --stack local"]


@pytest.mark.parametrize(("cli", "expected"), [(True, WITH_CLI), (False, WITH_ENGINE)])
def test_the_pulumi_cli_deploys_where_it_is_on_path(
    noted: Noted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: bool, expected: list[str]
) -> None:
    if cli:
        (tmp_path / "pulumi").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    tour = Tour(commands=noted, console=noted.console)
    tour.deploy({})
    assert noted.ran == expected
    noted.ran.clear()
    tour.down()
    destroy = (
        "pulumi destroy --stack local --yes --skip-preview" if cli else "python -m sandbox.engine destroy --stack local"
    )
    assert noted.ran == [destroy, "python -m sandbox stop"]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StepFailedError(["klaviyo-access", "doctor"], 3), 3, "'klaviyo-access doctor' ended with exit code 3"),
        (KeyboardInterrupt(), 130, "Stopped. What was done stays"),
    ],
)
def test_a_tour_that_does_not_end_well_says_so_in_one_line(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Tour) -> Report:
        raise error

    monkeypatch.setattr(Tour, "up", fail)
    assert tour_command.main(["up"]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


KEYS = {"viewer": {"current": {"fingerprint": "a" * 12}}}
REFUSED = IntruderRead("an administrator", "viewer", DENIED)


@pytest.mark.parametrize(
    ("keys", "read", "events", "promised"),
    [
        (KEYS, REFUSED, [{"errorCode": "AccessDenied"}], True),
        ({"viewer": {"current": None}}, REFUSED, [{"errorCode": "AccessDenied"}], False),
        (KEYS, IntruderRead("an administrator", "viewer", "allowed"), [{"errorCode": "AccessDenied"}], False),
        (KEYS, REFUSED, [{}], False),
        (KEYS, REFUSED, [{"errorCode": "ResourceNotFoundException"}], False),
    ],
    ids=["all well", "no key", "an intruder reads", "the trail saw no denial", "another error is no denial"],
)
def test_the_tour_fails_where_it_shows_other_than_the_promise(
    keys: dict[str, dict[str, object]], read: IntruderRead, events: list[dict[str, str]], promised: bool
) -> None:
    report = Report(roles=(), keys=keys, calls=(), visits=(), reads=(read,), events=events)
    assert report.is_as_promised is promised


@pytest.mark.parametrize(("status", "promised"), [(403, True), (201, False), (500, False)])
def test_the_tour_fails_where_a_person_may_other_than_their_role(status: int, promised: bool) -> None:
    visit = Visit(person="vera", role="viewer", request="POST /klaviyo/lists", expected=403)
    report = Report(roles=(), keys={}, calls=(), visits=[Visited("app-api", visit, status, {})], reads=(), events=())
    assert report.is_as_promised is promised


def commands(project: Path) -> Commands:
    return Commands(project=project, environ=dict(os.environ), console=Console(quiet=True))


SERVER = """
import http.server, sys
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(f"Running on http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
server.serve_forever()
"""


def test_a_server_runs_as_long_as_it_is_visited(tmp_path: Path) -> None:
    with commands(tmp_path).serving("python", "-c", SERVER, environ={}) as url:
        assert httpx.get(url).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_server_that_does_not_start_is_a_failed_step_that_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = "import sys; sys.exit('set EXAMPLE_LOGIN_SECRET')"
    with (
        pytest.raises(StepFailedError, match="exit code 1"),
        commands(tmp_path).serving("python", "-c", refusal, environ={}),
    ):
        pass
    assert capsys.readouterr().err == "set EXAMPLE_LOGIN_SECRET\n"
