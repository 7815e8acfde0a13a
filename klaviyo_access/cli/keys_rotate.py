"""``keys rotate``: ask AWS to take spares into use, and watch until services read them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from klaviyo_access.cli.console import messages, results
from klaviyo_access.cli.errors import ExitCode, StoppedError, UsageError, explain
from klaviyo_access.cli.identity import become_operator, open_session
from klaviyo_access.cli.options import EveryRole, Project, Stack
from klaviyo_access.cli.secrets_manager import RoleSecrets, Secrets
from klaviyo_access.cli.workspace import Workspace, open_workspace
from klaviyo_access.keys.labels import AwsLabel, SecretLabels

_LOOKS_UNTIL_GONE: Final = 3
_PAUSE_SECONDS: Final = 1.0
_TRAIL_LAG: Final = timedelta(minutes=1)

Phase = Literal["running", "rotated", "gone"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one role's rotation ended, or that it goes on.

    Attributes:
        role: the role's name.
        result: ``started`` and ``running`` are no ends: AWS goes on by itself.
        detail: the new key's fingerprint, or why there is none.
        exit_code: what this outcome alone would make of the command.
    """

    role: str
    result: Literal["rotated", "started", "running", "refused", "failed"]
    detail: str
    exit_code: ExitCode = ExitCode.FAILED


def obstacle(secrets: RoleSecrets) -> str:
    """Why a rotation of the role would fail, as its labels show it; empty where nothing is in the way."""
    if not secrets.key.rotator_arn:
        return "rotation is not set up on its secret: deploy the stack."
    pending = secrets.key.labels.pending
    if pending and not pending.has(AwsLabel.CURRENT):
        return (
            "a rotation is under way, or one failed and left AWSPENDING behind: wait for it; if it stays, "
            f"{where_to_look(secrets.key.rotator_arn)}"
        )
    if not secrets.reserve.labels.spares:
        return f"it has no spare: stage one first (klaviyo-access keys stage {secrets.role})."
    return ""


def phase_of(labels: SecretLabels, version: str) -> Phase:
    """Where the rotation that makes ``version`` stands, by the labels of the key secret."""
    made = labels.version(version)
    if made and made.has(AwsLabel.CURRENT):
        return "rotated"
    return "running" if made and made.has(AwsLabel.PENDING) else "gone"


def where_to_look(rotator_arn: str) -> str:
    """Where the rotator says why it failed."""
    return f"the log group /aws/lambda/{rotator_arn.rpartition(':')[2]} says why."


@dataclass(kw_only=True)
class _Rotation:
    """One rotation that was asked for."""

    role: str
    secret: str
    version: str
    rotator_arn: str
    looks_when_gone: int = 0


class Rotations:
    """Rotations of several roles at once.

    Args:
        workspace: the environment.
        secrets: its secrets.
        pause: waits between two looks at the labels; the argument is seconds.
    """

    def __init__(self, workspace: Workspace, secrets: Secrets, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._workspace = workspace
        self._secrets = secrets
        self._pause = pause
        self._asked_at = datetime.now(UTC)
        self._watched: dict[str, _Rotation] = {}
        self.outcomes: list[Outcome] = []

    @property
    def under_way(self) -> list[str]:
        """The roles whose rotation was asked for and has not ended."""
        return list(self._watched)

    def start(self, roles: list[str]) -> None:
        """Ask for the rotation of each role that has nothing in its way."""
        for secrets in self._secrets.of_roles(roles):
            if why := obstacle(secrets):
                self.outcomes.append(Outcome(role=secrets.role, result="refused", detail=why))
                continue
            name = self._workspace.environment.secret_name(secrets.role, "key")
            try:
                version = self._secrets.rotate(name)
            except (ClientError, BotoCoreError) as error:
                self._end_by_error(secrets.role, error)
            else:
                self._watched[secrets.role] = _Rotation(
                    role=secrets.role, secret=name, version=version, rotator_arn=secrets.key.rotator_arn
                )

    def watch(self, *, seconds: float, ended: Callable[[Outcome], None]) -> None:
        """Look at the labels until every rotation ended or ``seconds`` are over; ``ended`` hears of each end."""
        deadline = time.monotonic() + seconds
        while self._watched and time.monotonic() < deadline:
            for rotation in list(self._watched.values()):
                before = len(self.outcomes)
                self._look(rotation)
                for outcome in self.outcomes[before:]:
                    ended(outcome)
            if self._watched:
                self._pause(_PAUSE_SECONDS)

    def leave(self, result: Literal["started", "running"], detail: str, exit_code: ExitCode) -> None:
        """Give what is still under way an outcome that says so."""
        for role in self.under_way:
            self._end(Outcome(role=role, result=result, detail=detail, exit_code=exit_code))

    def _look(self, rotation: _Rotation) -> None:
        try:
            labels = self._secrets.describe(rotation.secret).labels
        except (ClientError, BotoCoreError) as error:
            self._end_by_error(rotation.role, error)
            return
        phase = phase_of(labels, rotation.version)
        # AWS shows AWSPENDING a moment after it answers, so one look without it is no end.
        rotation.looks_when_gone = rotation.looks_when_gone + 1 if phase == "gone" else 0
        if phase == "rotated":
            made = labels.version(rotation.version)
            fingerprint = (made.fingerprint if made else None) or "a key without a label"
            self._end(Outcome(role=rotation.role, result="rotated", detail=fingerprint, exit_code=ExitCode.FINE))
        elif rotation.looks_when_gone >= _LOOKS_UNTIL_GONE:
            self._end(Outcome(role=rotation.role, result="failed", detail=self._why(rotation)))

    def _why(self, rotation: _Rotation) -> str:
        known = self._secrets.why_rotation_failed(rotation.secret, since=self._asked_at - _TRAIL_LAG)
        return known or f"the rotator gave up; {where_to_look(rotation.rotator_arn)}"

    def _end_by_error(self, role: str, error: Exception) -> None:
        explanation = explain(error)
        detail = f"{explanation.cause} {explanation.cure}"
        self._end(Outcome(role=role, result="failed", detail=detail, exit_code=explanation.exit_code))

    def _end(self, outcome: Outcome) -> None:
        self._watched.pop(outcome.role, None)
        self.outcomes.append(outcome)


def rotate(
    roles: Annotated[
        list[str] | None, typer.Argument(metavar="[ROLE]...", help="The roles to rotate.", show_default=False)
    ] = None,
    stack: Stack = None,
    project: Project = None,
    *,
    everyone: EveryRole = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Watch until the new keys are in use.")] = True,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long to watch.")] = 300,
) -> None:
    """Take the oldest spare of each role into use: services read it from then on, and the key before it stays valid.

    AWS runs the role's rotator, which proves the spare at Klaviyo before it makes it current; the command shows
    progress until the new key is current, and says why where it fails. A role without a spare is not asked for.

    Example: klaviyo-access keys rotate viewer marketer --stack dev
    """
    if everyone == bool(roles):
        raise UsageError(
            "A rotation is of some roles by name, or of every role; "
            + ("both were asked for." if everyone else "neither was asked for."),
            cure="Name one role or more, or give --all.",
        )
    workspace = open_workspace(project, stack)
    names = [workspace.role(name).name for name in dict.fromkeys(roles or workspace.roles)]
    session = become_operator(open_session(workspace.environment), workspace.environment)
    rotations = Rotations(workspace, Secrets(session, workspace.environment))
    _run(rotations, names, seconds=timeout if wait else 0)
    for outcome in rotations.outcomes:
        results().print(f"{outcome.role}: {outcome.result}: {outcome.detail}", markup=False, soft_wrap=True)
    raise typer.Exit(max(outcome.exit_code for outcome in rotations.outcomes))


def _run(rotations: Rotations, names: list[str], *, seconds: float) -> None:
    columns = (SpinnerColumn(finished_text="·"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=messages(), disable=not messages().is_terminal) as progress:
        try:
            rotations.start(names)
            rows = {role: progress.add_task(f"{role}: rotating", total=1) for role in rotations.under_way}

            def ended(outcome: Outcome) -> None:
                progress.update(rows[outcome.role], description=f"{outcome.role}: {outcome.result}", completed=1)

            rotations.watch(seconds=seconds, ended=ended)
        except KeyboardInterrupt:
            going_on = ", ".join(rotations.under_way) or "nothing"
            raise StoppedError(
                f"Stopped watching. AWS goes on with the rotation of: {going_on}.",
                cure="'klaviyo-access keys status' shows where it stands.",
            ) from None
    if seconds:
        rotations.leave("running", f"not ended after {seconds:g} s; 'keys status' shows more.", ExitCode.FAILED)
    else:
        rotations.leave("started", "AWS goes on; 'keys status' shows where it stands.", ExitCode.FINE)
