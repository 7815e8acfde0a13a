"""Before a command changes something: it says what will happen, and asks."""

import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from klaviyo_access.cli.console import note
from klaviyo_access.cli.errors import CommandError, UsageError

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Go on without being asked.")]


def agree(plan: Iterable[str], *, yes: bool) -> None:
    """Say what will happen, and go on only where the user agrees.

    Args:
        plan: what will happen, a line each.
        yes: whether he agreed already, by ``--yes``.

    Raises:
        UsageError: there is no terminal to ask on, and no ``--yes``.
        CommandError: he does not agree.
    """
    for line in plan:
        note(line)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "The command asks before it does what is said above, and standard input is no terminal.",
            cure="Add --yes if that is what you want. Nothing was changed.",
        )
    if not confirmed():
        raise CommandError("You did not agree. Nothing was changed.", cure="Answer 'y' to go on, or give --yes.")


def confirmed() -> bool:
    """Ask whether to go on; everything but yes is no."""
    sys.stderr.write("Go on? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        sys.stderr.write("\n")  # Ctrl-D leaves the cursor behind the question
    return answer.strip().lower() in {"y", "yes"}
