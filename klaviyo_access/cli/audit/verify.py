"""``audit verify``: whether an entry was removed, changed, reordered or cut off."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import boto3
import typer
from rich.markup import escape
from rich.table import Table

from klaviyo_access.audit.verification import Line, Report, verify
from klaviyo_access.cli.audit.records import LogGroup, read_files
from klaviyo_access.cli.console import note, print_json, results
from klaviyo_access.cli.errors import ExitCode, UsageError
from klaviyo_access.cli.identity import become_operator, open_session
from klaviyo_access.cli.options import Json, Project, Stack
from klaviyo_access.cli.workspace import open_workspace

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE]...", help="Files with entries, in the order in which they were written; - for stdin."
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        "--log-group",
        metavar="NAME",
        help="The log group with the anchors and, where no FILE is given, the entries. Default: the stack's.",
        show_default=False,
    ),
]
Anchors = Annotated[
    Path | None, typer.Option("--anchors", metavar="FILE", help="A file with anchors.", show_default=False)
]
Mixed = Annotated[bool, typer.Option("--mixed", help="Other programs' lines stand between the entries.")]
AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="No entries at all are fine: none were written yet.")]


def verify_audit(  # noqa: PLR0913 - each is an option of its own
    files: Files = None,
    log_group: Group = None,
    anchors: Anchors = None,
    stack: Stack = None,
    project: Project = None,
    *,
    mixed: Mixed = False,
    allow_empty: AllowEmpty = False,
    as_json: Json = False,
) -> None:
    """Look whether audit entries were removed, changed, reordered, forged or cut off.

    Entries come from files or from a log group. Each is held against its neighbours, and the end of each chain against
    its anchors, without which a cut-off end cannot be seen. With a stack its log group is read, in the operators'
    role. Exit 1: something was found, or no entry; 3: AWS could not be reached.

    Example: klaviyo-access audit verify --stack prod
    """
    group = _group(log_group, stack, project, needed=not files)
    entries: Iterable[Line] = read_files(files) if files else _of(group).entries()
    stated: Iterable[Line] | None = read_files([anchors]) if anchors else group.anchors() if group else None
    report = verify(entries, stated, is_mixed=mixed, is_sorted=bool(files))
    is_whole = report.is_whole and bool(report.streams or allow_empty)
    if as_json:
        print_json({"is_whole": is_whole, **asdict(report)})
    else:
        _print(report, is_anchored=bool(anchors or group))
    if not (report.streams or report.findings or allow_empty):
        note("Where none were written yet, --allow-empty says so; else see whether this is where the services write.")
    raise typer.Exit(ExitCode.FINE if is_whole else ExitCode.FAILED)


def _group(name: str | None, stack: str | None, project: Path | None, *, needed: bool) -> LogGroup | None:
    if not needed and name is None:
        return None
    if stack is None:
        return LogGroup(boto3.Session(), name) if name else None
    environment = open_workspace(project, stack).environment
    session = become_operator(open_session(environment), environment)
    return LogGroup(session, name or environment.application_audit_log_group)


def _of(group: LogGroup | None) -> LogGroup:
    if group is None:
        raise UsageError(
            "Entries are read from files or from a log group, and none was named.",
            cure="Name a FILE, --log-group NAME, or --stack STACK for the log group of that environment.",
        )
    return group


def _print(report: Report, *, is_anchored: bool) -> None:
    table = Table()
    for column in ("Chain", "Entries", "Anchored", "Closed", "Lost", "Suspicious"):
        table.add_column(column)
    for one in report.streams:
        counts = (one.entries, one.anchored, "yes" if one.closed else "no", one.lost, one.suspicious)
        table.add_row(one.stream, *map(str, counts))
    results().print(table)
    for finding in report.findings:
        place = f"line {finding.line}: " if finding.line else ""
        results().print(f"[red]{finding.kind}[/] {escape(f'{finding.stream} {place}{finding.detail}')}", soft_wrap=True)
    if not is_anchored:
        note("Without anchors a cut-off end cannot be seen: add --log-group NAME or --anchors FILE.")
    if report.is_whole:
        results().print(
            "Nothing was removed, changed or reordered."
            if report.streams
            else "There are no entries, so nothing was verified."
        )
