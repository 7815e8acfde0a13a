"""``keys rotate``: ask AWS to take spares into use, and watch until services read them."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from klaviyo_access.cli.console import messages, results
from klaviyo_access.cli.errors import ExitCode, StoppedError, UsageError
from klaviyo_access.cli.identity import become_operator, open_session
from klaviyo_access.cli.options import EveryRole, Project, Stack
from klaviyo_access.cli.rotations import Outcome, Rotations
from klaviyo_access.cli.secrets_manager import Secrets
from klaviyo_access.cli.workspace import open_workspace


def rotate(
    roles: Annotated[
        list[str] | None, typer.Argument(metavar="ROLE", help="The roles to rotate.", show_default=False)
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
    rotations = Rotations(Secrets(session, workspace.environment))
    _run(rotations, names, seconds=timeout if wait else 0)
    for outcome in rotations.outcomes:
        results().print(f"{outcome.role}: {outcome.result}: {outcome.detail}", markup=False, soft_wrap=True)
    raise typer.Exit(max(outcome.exit_code for outcome in rotations.outcomes))


def _run(rotations: Rotations, names: Iterable[str], *, seconds: float) -> None:
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
        rotations.leave(
            "running", f"not ended after {seconds:g} s; 'keys status' shows more.", exit_code=ExitCode.FAILED
        )
    else:
        rotations.leave("started", "AWS goes on; 'keys status' shows where it stands.", exit_code=ExitCode.FINE)
