"""The tour's way: with the Pulumi CLI where there is one, and an end in one line when a step fails or is stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.tour import __main__ as tour_command
from sandbox.tour.commands import Commands, StepFailedError
from sandbox.tour.report import DENIED, IntruderRead, Report
from sandbox.tour.steps import Tour


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
    report = Report(roles=(), keys=keys, calls=(), reads=(read,), events=events)
    assert report.is_as_promised is promised
