"""``keys adopt``: a key that somebody put into a role's secret before, or by other means, becomes managed."""

from typing import Annotated

import typer

from klaviyo_access.cli.consent import Yes, agree
from klaviyo_access.cli.console import note, results
from klaviyo_access.cli.errors import CommandError, UnreachableError
from klaviyo_access.cli.keys.reasons import meaning
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.options import Project, Stack


def adopt(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role whose secret holds it.", show_default=False)],
    stack: Stack = None,
    project: Project = None,
    *,
    yes: Yes = False,
) -> None:
    """Let the role's rotator manage the key that its secret holds already: bare, or in JSON of any form.

    The rotator reads it, names it by a label, and asks Klaviyo whether it has the role's scopes; you see but its
    fingerprint. The value stays as it is until the next rotation.

    Example: klaviyo-access keys adopt viewer --stack dev
    """
    work = Operations.open(project, stack, role)
    before = work.secrets.of_role(role)
    current = before.key.labels.current
    if current is None:
        raise CommandError(
            f"The secret of {role} holds nothing to adopt.",
            cure=f"Stage a key instead: {work.command(f'keys stage {role}')}.",
        )
    if current.fingerprint:
        results().print(f"{role}: {current.fingerprint} is managed already.")
        return
    agree(
        [
            f"The rotator of {role} takes the key that the secret holds as its own; the value stays as it is.",
            "The next rotation puts JSON in its place, with the new key under 'apiKey'; whoever reads must know that.",
            "The key adopted is then disabled at Klaviyo after its grace.",
        ],
        yes=yes,
    )
    answer = work.rotators.adopt(before)
    if answer.outcome == "nothing to adopt":
        raise CommandError(
            f"The value in the secret of {role} holds no Klaviyo private key, or several.",
            cure=f"Stage a key and rotate: {work.command(f'keys stage {role}')}; services read that one then.",
        )
    if answer.outcome == "no answer":
        raise UnreachableError(
            f"{role}: {answer.fingerprint} is managed now; whether it has the role's scopes, Klaviyo did not say.",
            cure="The daily audit asks again.",
        )
    results().print(f"{role}: {answer.fingerprint} is managed now.")
    if answer.reason:
        raise CommandError(
            f"It is not the key that {role} needs: {meaning(answer.reason)}.",
            cure=f"Stage a good one and rotate: {work.command(f'keys stage {role}')}; then "
            f"{work.command(f'keys rotate {role}')}.",
        )
    if answer.unproved:
        note(f"Without proof, since Klaviyo has no exact question for them: {', '.join(answer.unproved)}.")
    note(f"Next: {work.command(f'keys stage {role}')}, for the first rotation.")
