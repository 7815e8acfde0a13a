"""``keys rollback``: the key before the current one comes back, where services fare worse with the current one."""

from typing import Annotated

import typer

from klaviyo_access.cli.consent import Yes, agree
from klaviyo_access.cli.console import note, results
from klaviyo_access.cli.errors import CommandError, UnreachableError
from klaviyo_access.cli.keys.retire import slow_readers
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.options import Project, Stack
from klaviyo_access.keys.labels import Disabling, SecretLabels, Version


def rollback(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role to roll back.", show_default=False)],
    stack: Stack = None,
    project: Project = None,
    *,
    yes: Yes = False,
) -> None:
    """Make the key before the current one current again, and never promote the current one anew.

    The role's rotator first asks Klaviyo whether the previous key still works. Services follow as they do after a
    rotation. Where Klaviyo refuses the current key, this happens by itself; the command needs no refusal.

    Example: klaviyo-access keys rollback viewer --stack dev
    """
    work = Operations.open(project, stack, role)
    before = work.secrets.of_role(role)
    current, previous = _both(before.key.labels, work, role)
    slow = ", ".join(slow_readers(work.workspace, work.workspace.role(role)))
    agree(
        [
            f"Services of {role} go back from {_name(current)} to {_name(previous)}, if Klaviyo still accepts that.",
            f"{_name(current)} is rejected for good, and disabled at Klaviyo afterwards.",
            *([f"These keep it if they started with it, and fail then, until started anew: {slow}."] if slow else []),
        ],
        yes=yes,
    )
    answer = work.rotators.roll_back(before, current.id)
    match answer.outcome:
        case "rolled back":
            results().print(f"{role}: rolled back to {_name(previous)}; {_name(current)} is rejected.")
            if slow:
                note(f"Next: start these anew, so that they leave {_name(current)}: {slow}")
            if spares := work.secrets.of_role(role).reserve.labels.spares:
                note(f"Spares waiting: {len(spares)}. Next: take one into use: {work.command(f'keys rotate {role}')}")
            else:
                note(f"Next: stage a better key: {work.command(f'keys stage {role}')}")
        case "no answer":
            raise UnreachableError(
                "Klaviyo gave no definite answer to the previous key. Nothing was changed.", cure="Try again."
            )
        case _:
            raise CommandError(
                f"{role} stays on {_name(current)}: {answer.reason or answer.outcome}.",
                cure=f"Stage a good key and rotate: {work.command(f'keys stage {role}')}.",
            )


def _both(labels: SecretLabels, work: Operations, role: str) -> tuple[Version, Version]:
    """The current and the previous version, where the labels allow a roll-back."""
    current, previous = labels.current, labels.previous
    if current is None:
        why = "it has no key yet"
    elif previous is None or previous is current:
        why = "it has had one key only, or the one before is dead already"
    elif previous.verdict:
        why = f"the previous key {_name(previous)} was rejected"
    elif any(isinstance(label, Disabling) for label in previous.labels):
        why = f"the previous key {_name(previous)} is being disabled"
    else:
        return current, previous
    raise CommandError(
        f"A roll-back needs a previous key that may still be used; {role}: {why}.",
        cure=f"Stage another key and take it into use: {work.command(f'keys stage {role}')}; then "
        f"{work.command(f'keys rotate {role}')}.",
    )


def _name(version: Version) -> str:
    return version.fingerprint or "a key without a label"
