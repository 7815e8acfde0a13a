"""``doctor``: what is wrong with the set-up, and what to do about it."""

from dataclasses import asdict

import typer
from rich.markup import escape

from klaviyo_access.cli.checks import Examination, Finding
from klaviyo_access.cli.console import print_json, results
from klaviyo_access.cli.errors import ExitCode
from klaviyo_access.cli.options import Json, Project, Stack
from klaviyo_access.klaviyo.probes import send

_MARKS = {"ok": "[green]ok[/]", "failed": "[red]failed[/]", "skipped": "[dim]skipped[/]"}


def doctor(stack: Stack = None, project: Project = None, *, as_json: Json = False) -> None:
    """Examine the set-up: settings, access model, AWS credentials, account, your role, secrets, Klaviyo, clock.

    Each check says what it found, or names cause and cure. Nothing is changed. Exit 1: a check failed; 3: AWS or
    Klaviyo could not be reached.

    Example: klaviyo-access doctor --stack dev
    """
    findings = Examination(project, stack, send=send).run()
    if as_json:
        print_json({"checks": [asdict(finding) for finding in findings]})
    else:
        _print(findings)
    raise typer.Exit(verdict(findings))


def verdict(findings: list[Finding]) -> ExitCode:
    """The command's exit code: unreachable before failed before fine."""
    worst = max(finding.exit_code for finding in findings)
    return ExitCode.FAILED if worst is ExitCode.USAGE else worst


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        results().print(f"{_MARKS[finding.result]} {finding.check}: {escape(finding.detail)}", soft_wrap=True)
        if finding.cure:
            results().print(f"   fix: {finding.cure}", markup=False, soft_wrap=True)
