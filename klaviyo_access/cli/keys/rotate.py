"""``keys rotate``: ask AWS to take spares into use, and watch until services read them."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from klaviyo_access.cli.consent import Yes, agree
from klaviyo_access.cli.console import messages, results
from klaviyo_access.cli.errors import ExitCode, StoppedError, UsageError
from klaviyo_access.cli.keys.rotations import Outcome, Rotations
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.options import EveryRole, Project, Stack


def rotate(  # noqa: PLR0913 - typer makes an option of each argument
    roles: Annotated[
        list[str] | None, typer.Argument(metavar="ROLE", help="The roles to rotate.", show_default=False)
    ] = None,
    stack: Stack = None,
    project: Project = None,
    *,
    everyone: EveryRole = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Watch until the new keys are in use.")] = True,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long to watch.")] = 300,
    yes: Yes = False,
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
    work = Operations.open(project, stack, *(roles or ()))
    names = list(dict.fromkeys(roles or work.workspace.roles))
    agree(
        [
            f"To rotate: {_list(names)}.",
            "The oldest spare of each goes into use, if Klaviyo accepts it; the key before it lives on for its grace.",
        ],
        yes=yes,
    )
    rotations = Rotations(work.secrets)
    try:
        _run(rotations, names, seconds=timeout if wait else 0)
    except KeyboardInterrupt:
        going_on = rotations.under_way
        _print_outcomes(rotations)
        untouched = set(names).difference(going_on, (outcome.role for outcome in rotations.outcomes))
        raise StoppedError(
            f"Stopped watching. AWS goes on with the rotation of: {_list(going_on) or 'nothing'}."
            + (f" Not asked for: {_list(name for name in names if name in untouched)}." if untouched else ""),
            cure=f"'{work.command('keys status')}' shows where it stands.",
        ) from None
    _print_outcomes(rotations)
    raise typer.Exit(max(outcome.exit_code for outcome in rotations.outcomes))


def _run(rotations: Rotations, names: Iterable[str], *, seconds: float) -> None:
    columns = (SpinnerColumn(finished_text="·"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=messages(), disable=not messages().is_terminal) as progress:
        rotations.start(names)
        rows = {role: progress.add_task(f"{role}: rotating", total=1) for role in rotations.under_way}

        def ended(outcome: Outcome) -> None:
            progress.update(rows[outcome.role], description=f"{outcome.role}: {outcome.result}", completed=1)

        rotations.watch(seconds=seconds, ended=ended)
    if seconds:
        rotations.leave("running", f"not ended after {seconds:g} s; AWS goes on.", exit_code=ExitCode.FAILED)
    else:
        rotations.leave("started", "AWS goes on by itself.", exit_code=ExitCode.FINE)


def _print_outcomes(rotations: Rotations) -> None:
    for outcome in rotations.outcomes:
        results().print(f"{outcome.role}: {outcome.result}: {outcome.detail}", markup=False, soft_wrap=True)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
