"""``keys status``: the life of every role's keys, read off labels and dates."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.access_model.environment import PROJECT, read_config
from klaviyo_access.cli.clock import utc_now
from klaviyo_access.cli.console import print_json, results
from klaviyo_access.cli.errors import ExitCode
from klaviyo_access.cli.keys.evidence import evidence_of, listings
from klaviyo_access.cli.keys.lives import KeyInLife, RoleStatus, status_of
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.options import Json, OneRole, Project, Stack
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.cli.times import day, in_utc, span
from klaviyo_access.cli.workspace import Workspace

_WIDEST: Final = 1000


def status(
    stack: Stack = None,
    project: Project = None,
    role: OneRole = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is wrong, and exit with 1 if anything is: for monitoring.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show each role's key in use, its spares, and the keys on their way out with what they wait for.

    Everything is read off the labels and dates of the role's two secrets: no key is read, and a key appears only as its
    fingerprint, the first 12 digits of its SHA-256. How many of the role's scopes are proved it takes from what Klaviyo
    listed to the daily audit (inventory), which is exact; else from what the rotator asks Klaviyo before services read
    a key (probe).

    With --check: which roles have no key or one that is not to be used, fewer than two spares, a rotation that is a day
    overdue or has not ended for an hour, or a replica that is behind. Exit 0: none; 1: some; 3: AWS was not reached.

    Example: klaviyo-access keys status --stack dev --role viewer
    """
    work = Operations.open(project, stack, *([role] if role else []))
    rows = _rows(work, work.workspace.chosen(role))
    if as_json:
        print_json({"stack": work.workspace.environment.name, "roles": [as_document(row) for row in rows]})
    elif check:
        _print_alarms(work.workspace.environment.name, rows)
    else:
        _print_table(work.workspace.environment.name, rows)
    if check and any(row.alarms for row in rows):
        raise typer.Exit(ExitCode.FAILED)


def as_document(row: RoleStatus) -> dict[str, Any]:
    """``row`` as JSON: times in ISO 8601, absent things null."""
    return asdict(row, dict_factory=lambda pairs: {name: _plain(value) for name, value in pairs})


def _rows(work: Operations, roles: list[RoleAccess]) -> list[RoleStatus]:
    names = [role.name for role in roles]
    now, writes = utc_now(), _proves_writes(work)
    listed = listings(work.session, work.workspace.environment, now=now)
    return [
        status_of(
            role,
            secrets,
            readers=_waited_for(work.workspace, role),
            put=put,
            evidence=evidence_of(role, listed.get(_fingerprint(secrets)), writes=writes),
            now=now,
        )
        for role, secrets, put in zip(
            roles, work.secrets.of_roles(names), work.secrets.put_times_of_roles(names), strict=True
        )
    ]


def _waited_for(workspace: Workspace, role: RoleAccess) -> dict[str, str]:
    """The services for which a superseded key of the role is kept: those that do not follow by themselves, if any."""
    reads = {name: str(workspace.access.services[name].reads) for name in role.services}
    return {name: how for name, how in reads.items() if how != "library"} or reads


def _fingerprint(secrets: RoleSecrets) -> str:
    current = secrets.key.labels.current
    return (current and current.fingerprint) or ""


def _proves_writes(work: Operations) -> bool:
    """Whether the stack lets its rotators send malformed writes to prove write scopes."""
    config = read_config(work.workspace.directory, work.workspace.environment.name)
    return str(config.get(f"{PROJECT}:writeProbes")).lower() == "true"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def remarks(rows: list[RoleStatus]) -> list[str]:
    """What the table has no room for: keys that are neither in use nor spares, evidence, and what to do next."""
    lines = [f"{row.role}: {other}" for row in rows for other in _others(row)]
    lines += [f"{row.role}: Klaviyo lists its key without {', '.join(row.absent)}" for row in rows if row.absent]
    lines += _grouped((row.role, _behind(region, status)) for row in rows for region, status in row.behind.items())
    lines += _grouped((row.role, f"without proof: {', '.join(row.unproved)}") for row in rows if row.unproved)
    lines += _grouped((row.role, _source(row.listed)) for row in rows if row.listed)
    return lines + _grouped((row.role, row.advice) for row in rows if row.advice)


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[str]:
    roles_of: dict[str, list[str]] = {}
    for role, said in pairs:
        roles_of.setdefault(said, []).append(role)
    return [f"{', '.join(roles)}: {said}" for said, roles in roles_of.items()]


def _behind(region: str, status: str) -> str:
    return f"the replica in {region} is behind ({status}): services there may read an older key; see 'doctor'"


def _source(listed: datetime) -> str:
    ago = span(utc_now() - listed)
    return f"scopes as Klaviyo listed them to the audit of {in_utc(listed)}, {ago} ago (inventory)"


def _print_alarms(stack: str, rows: list[RoleStatus]) -> None:
    lines = _grouped((row.role, alarm) for row in rows for alarm in row.alarms)
    for line in lines or [f"Nothing is wrong with the keys of {stack}."]:
        results().print(line, markup=False, soft_wrap=True)


def _print_table(stack: str, rows: list[RoleStatus]) -> None:
    table = Table(title=f"Keys of {stack}", title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("Role", "Key in use", "Age", "Spares", "Rotated", "Next", "Proved"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        since = row.current.since if row.current else None
        table.add_row(
            row.role,
            _name(row.current) if row.current else "none",
            span(utc_now() - since) if since else "",
            str(len(row.spares)),
            day(row.last_rotation),
            day(row.next_rotation),
            f"{row.scopes - len(row.unproved) - len(row.absent)} of {row.scopes}" if row.current else "",
        )
    console = results()
    # A fingerprint that is cut names no key: a narrow terminal breaks the lines instead.
    console.width = max(console.width, console.measure(table, options=console.options.update(width=_WIDEST)).maximum)
    console.print(table)
    for line in remarks(rows):
        results().print(line, markup=False, soft_wrap=True)


def _others(row: RoleStatus) -> list[str]:
    on_their_way = {key.fingerprint for key in (*row.retired, *row.disabling, *row.rejected)}
    lines = [f"pending {_name(row.pending)}"] if row.pending else []
    if row.previous and row.previous.fingerprint not in on_their_way:
        lines.append(f"previous {_name(row.previous)}")
    lines += [f"retired {_name(key)}, waits for: {key.waits_for}" for key in row.retired]
    lines += [f"disabling {_name(key)}, waits for: {key.waits_for}" for key in row.disabling]
    return lines + [f"rejected {_name(key)}: {key.meaning}; waits for: {key.waits_for}" for key in row.rejected]


def _name(key: KeyInLife) -> str:
    return key.fingerprint or "unnamed"
