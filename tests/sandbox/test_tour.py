"""The tour's way: with the Pulumi CLI where there is one, and an end in one line when a step fails or is stopped."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from sandbox.tour import __main__ as tour_command
from sandbox.tour.commands import Commands, StepFailedError
from sandbox.tour.report import DENIED, IntruderRead, Report
from sandbox.tour.steps import Tour, WrongToolError
from sandbox.tour.visits import Visit, Visited

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Noted(Commands):
    """Commands that are noted and not run."""

    ran: list[str] = field(default_factory=list)

    def run(self, *command: str, environ: Mapping[str, str] | None = None, stdin: str | None = None) -> None:  # noqa: ARG002 - as the real one takes them
        self.ran.append(" ".join(command))

    def output(self, *command: str, environ: Mapping[str, str] | None = None) -> str:  # noqa: ARG002 - the same
        return "{}"

    def succeeds(self, *command: str, environ: Mapping[str, str] | None = None) -> bool:  # noqa: ARG002 - the same
        return True


@pytest.fixture
def noted(tmp_path: Path) -> Noted:
    (tmp_path / "home").mkdir()
    return Noted(project=tmp_path, environ={"SANDBOX_HOME": "home", "PATH": ""}, console=Console(quiet=True))


@pytest.fixture
def with_cli(noted: Noted, tmp_path: Path) -> Noted:
    """A Pulumi CLI is on PATH."""
    (tmp_path / "pulumi").touch(mode=0o755)
    return replace(noted, environ={**noted.environ, "PATH": str(tmp_path)})


def test_the_pulumi_cli_deploys_and_destroys_where_it_is_on_path(with_cli: Noted) -> None:
    tour = Tour(commands=with_cli, console=with_cli.console)
    tour.deploy({})
    tour.down()
    assert with_cli.ran == [
        "pulumi stack select local --create",
        "pulumi up --stack local --yes --skip-preview --suppress-outputs",
        "pulumi destroy --stack local --yes --skip-preview --suppress-outputs",
        "python -m sandbox stop",
    ]


def test_the_sandboxs_engine_deploys_and_destroys_where_there_is_no_pulumi_cli(noted: Noted) -> None:
    tour = Tour(commands=noted, console=noted.console)
    tour.deploy({})
    tour.down()
    assert noted.ran == [
        "python -m sandbox.engine up --stack local",
        "python -m sandbox.engine destroy --stack local",
        "python -m sandbox stop",
    ]


def test_removing_nothing_runs_nothing_and_says_so(noted: Noted) -> None:
    (noted.project / "home").rmdir()
    console = Console(file=io.StringIO())
    Tour(commands=noted, console=console).down()
    assert noted.ran == []
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "Nothing to remove.\n"


def test_a_stack_stays_with_the_engine_that_deployed_it(with_cli: Noted) -> None:
    (with_cli.project / "home/state").mkdir()
    (with_cli.project / "home/state/local.json").touch()
    Tour(commands=with_cli, console=with_cli.console).deploy({})
    assert with_cli.ran == ["python -m sandbox.engine up --stack local"]


def test_a_stack_of_a_pulumi_cli_that_is_gone_is_left_alone(noted: Noted) -> None:
    (noted.project / "home/state/.pulumi/stacks").mkdir(parents=True)
    tour = Tour(commands=noted, console=noted.console)
    with pytest.raises(WrongToolError, match="Put it on PATH again"):
        tour.deploy({})
    with pytest.raises(WrongToolError, match="Put it on PATH again"):
        tour.down()
    assert noted.ran == []


STEP = """
import os, signal, sys, time
def end(*_):
    time.sleep(0.3)
    os.write(1, b"ended well\\n")  # the signal may come while print is at work, which is not to be entered twice
    sys.exit(0)
signal.signal(signal.SIGINT, end)
print("ready", flush=True)
time.sleep(60)
"""
TOUR = """
import os, signal, sys
from pathlib import Path
from rich.console import Console
from sandbox.tour.commands import Commands
signal.signal(signal.SIGINT, signal.default_int_handler)  # who started the tests in the background ignores it
commands = Commands(project=Path.cwd(), environ=dict(os.environ), console=Console(quiet=True))
try:
    commands.run("python", "-c", sys.argv[1])
except KeyboardInterrupt:
    print("the tour ends after it", flush=True)
"""


def test_a_step_that_is_interrupted_gets_the_time_to_end_well() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TOUR, STEP], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.stdout.read().splitlines() == ["ended well", "the tour ends after it"]


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
