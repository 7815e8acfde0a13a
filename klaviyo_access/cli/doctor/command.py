"""``doctor``: what is wrong with the set-up, and what to do about it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import typer

from klaviyo_access.cli.clock import utc_now
from klaviyo_access.cli.console import print_json, results
from klaviyo_access.cli.doctor import (
    alerts,
    audit_bucket,
    iam_roles,
    keys,
    kms_keys,
    record,
    rotation,
    rotators,
    secrets,
    starts,
)
from klaviyo_access.cli.doctor.caller import CallerSide, SkippedError
from klaviyo_access.cli.doctor.findings import Check, Finding, examine, skipped
from klaviyo_access.cli.doctor.sight import Sight
from klaviyo_access.cli.errors import ExitCode
from klaviyo_access.cli.options import Json, Project, Stack
from klaviyo_access.cli.rendering import RenderedFile
from klaviyo_access.klaviyo.transport import send

CHECKS: Final[Sequence[Check[Sight]]] = (
    *secrets.CHECKS,
    *kms_keys.CHECKS,
    *keys.CHECKS,
    *rotation.CHECKS,
    *rotators.CHECKS,
    *starts.CHECKS,
    *record.CHECKS,
    *audit_bucket.CHECKS,
    *alerts.CHECKS,
    *iam_roles.CHECKS,
)
"""What is looked at of a deployed environment."""

_MARKS: Final = {
    "ok": "[green]ok[/]",
    "warning": "[yellow]warning[/]",
    "failed": "[red]failed[/]",
    "skipped": "[yellow]skipped[/]",
}
_MOST_NAMED: Final = 6


def doctor(
    stack: Stack = None, project: Project = None, rendered: RenderedFile = None, *, as_json: Json = False
) -> None:
    """Examine the set-up, from the settings to the alerts, and name cause and cure of whatever is wrong.

    What is deployed is compared with what the program declares, in the operators' role, which only describes. Nothing
    is changed, and no value is read. Exit 0: all is well, or there are but warnings; 1: something is wrong, or could
    not be looked at; 3: AWS or Klaviyo could not be reached.

    Example: klaviyo-access doctor --stack dev
    """
    findings = look_at(CallerSide(project, stack, rendered=rendered, send=send, clock=utc_now))
    if as_json:
        print_json({"checks": [asdict(finding) for finding in findings]})
    else:
        _print(findings)
    raise typer.Exit(verdict(findings))


def look_at(caller: CallerSide) -> list[Finding]:
    """Make every check: those of this side, then those of what is deployed, where this side allows it."""
    findings = caller.look()
    try:
        sight = caller.sight()
    except SkippedError as why:
        return findings + [skipped(check.name, str(why)) for check in CHECKS]
    cure = f"The operators' role may see it since a later version of the program. {sight.deploy}"
    return findings + [found for check in CHECKS for found in examine(check, sight, cure_of_refusal=cure)]


def verdict(findings: Sequence[Finding]) -> ExitCode:
    """The command's exit code: unreachable before failed or skipped, and these before fine."""
    worst = max(finding.exit_code for finding in findings)
    return ExitCode.FAILED if worst is ExitCode.USAGE else worst


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        results().print(_MARKS[finding.result], end=" ")
        results().print(f"{finding.check}: {_said(finding)}", markup=False, soft_wrap=True)
        if finding.cure:
            results().print(f"   fix: {finding.cure}", markup=False, soft_wrap=True)
    if left := [finding.check for finding in findings if finding.result == "skipped"]:
        results().print(f"Not looked at, so nobody knows: {', '.join(left)}.", markup=False, soft_wrap=True)


def _said(finding: Finding) -> str:
    if not finding.on:
        return finding.detail
    more = len(finding.on) - _MOST_NAMED
    named = ", ".join(finding.on[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{named} {finding.detail}"
