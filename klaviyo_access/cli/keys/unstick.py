"""``keys unstick``: a rotation that died is ended, so that another one can start."""

from typing import Annotated

import typer

from klaviyo_access.cli.consent import Yes, agree
from klaviyo_access.cli.console import note, results
from klaviyo_access.cli.errors import CommandError
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.options import Project, Stack
from klaviyo_access.cli.times import in_utc
from klaviyo_access.keys.labels import AwsLabel


def unstick(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role whose rotation died.", show_default=False)],
    stack: Stack = None,
    project: Project = None,
    *,
    yes: Yes = False,
) -> None:
    """End a rotation that died and left AWSPENDING behind, so that the role can rotate again.

    Services notice nothing. The key that the dead rotation had taken goes the way of a retired one. The role's rotator
    refuses while the rotation may still be at work; the daily audit does the same by itself.

    Example: klaviyo-access keys unstick viewer --stack dev
    """
    work = Operations.open(project, stack, role)
    before = work.secrets.of_role(role)
    pending = before.key.labels.pending
    if pending is None or pending.has(AwsLabel.CURRENT):
        results().print(f"{role}: no rotation is under way; there is nothing to end.")
        return
    taken = pending.fingerprint
    agree(
        [
            f"The rotation of {role} ends, if nobody is at work on it. Services keep the key that they have.",
            f"Its key {taken} is retired, and disabled at Klaviyo after its grace." if taken else "It had no key yet.",
        ],
        yes=yes,
    )
    answer = work.rotators.unstick(before)
    if answer.outcome == "too early":
        when = f" until {in_utc(answer.until)}" if answer.until else ""
        raise CommandError(
            f"The rotation of {role} may still be at work{when}: its last step was a short time ago.",
            cure=f"Wait for it ({work.command('keys status')}), and ask again after that.",
        )
    if answer.outcome == "nothing pending":
        results().print(f"{role}: the rotation ended by itself.")
        return
    results().print(f"{role}: the rotation is over.")
    note(f"Next: {work.command(f'keys rotate {role}')}")
