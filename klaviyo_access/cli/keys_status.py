"""``keys status``: the life of every role's keys, read off labels alone."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.cli.console import print_json, results
from klaviyo_access.cli.identity import become_operator, open_session
from klaviyo_access.cli.options import Json, OneRole, Project, Stack
from klaviyo_access.cli.secrets_manager import RoleSecrets, Secrets
from klaviyo_access.cli.workspace import open_workspace
from klaviyo_access.keys.labels import Disabling, Leaked, Rejected, Retired, SecretLabels, Version


@dataclass(frozen=True, kw_only=True)
class KeyInLife:
    """One key, by its fingerprint, in one stage of its life.

    Attributes:
        fingerprint: None where the version has no label that names its key.
        since: when the stage began; None where no label says so.
        reason: why it was rejected; empty otherwise.
    """

    fingerprint: str | None
    since: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RoleStatus:
    """What the labels of a role's two secrets say; times are UTC.

    Attributes:
        role: the role's name.
        scopes: how many scopes its key has in this environment.
        current: the key that services read.
        spares: staged and waiting, oldest first.
        pending: the key of a rotation under way, or left behind by one.
        previous: the key before the current one.
        retired: superseded, their grace runs.
        disabling: being disabled at Klaviyo.
        rejected: refused, leaked ones among them; never promoted again.
        last_rotation: when AWS last finished a rotation.
        next_rotation: when AWS starts the next by itself.
        advice: what to do next; empty where there is nothing to do.
    """

    role: str
    scopes: int
    current: KeyInLife | None
    spares: tuple[KeyInLife, ...]
    pending: KeyInLife | None
    previous: KeyInLife | None
    retired: tuple[KeyInLife, ...]
    disabling: tuple[KeyInLife, ...]
    rejected: tuple[KeyInLife, ...]
    last_rotation: datetime | None
    next_rotation: datetime | None
    advice: str


def status_of(role: RoleAccess, secrets: RoleSecrets) -> RoleStatus:
    """Read a role's status off its secrets' labels."""
    key, reserve = secrets.key.labels, secrets.reserve.labels
    return RoleStatus(
        role=role.name,
        scopes=len(role.scopes),
        current=_held(key.current, since=secrets.key.last_rotated),
        spares=tuple(KeyInLife(fingerprint=spare.fingerprint, since=spare.time) for _, spare in reserve.spares),
        pending=None if key.pending is key.current else _held(key.pending),
        previous=_held(key.previous),
        retired=_labelled(key, Retired),
        disabling=_labelled(key, Disabling),
        rejected=(*_labelled(key, Leaked), *_labelled(key, Rejected), *_labelled(reserve, Rejected)),
        last_rotation=secrets.key.last_rotated,
        next_rotation=secrets.key.next_rotation,
        advice=_advice(secrets),
    )


def status(stack: Stack = None, project: Project = None, role: OneRole = None, *, as_json: Json = False) -> None:
    """Show each role's key in use, its spares, and the keys on their way out.

    Everything is read off the labels of the role's two secrets: no key is read, and a key appears only as its
    fingerprint, the first 12 digits of its SHA-256.

    Example: klaviyo-access keys status --stack dev --role viewer
    """
    workspace = open_workspace(project, stack)
    chosen = workspace.chosen(role)
    session = become_operator(open_session(workspace.environment), workspace.environment)
    secrets = Secrets(session, workspace.environment).of_roles([one.name for one in chosen])
    rows = [status_of(one, both) for one, both in zip(chosen, secrets, strict=True)]
    if as_json:
        print_json({"stack": workspace.environment.name, "roles": [as_document(row) for row in rows]})
    else:
        _print_table(workspace.environment.name, rows)


def as_document(row: RoleStatus) -> dict[str, Any]:
    """``row`` as JSON: times in ISO 8601, absent things null."""
    return asdict(row, dict_factory=lambda pairs: {name: _plain(value) for name, value in pairs})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _held(version: Version | None, *, since: datetime | None = None) -> KeyInLife | None:
    return KeyInLife(fingerprint=version.fingerprint, since=since) if version else None


def _labelled(labels: SecretLabels, kind: type[Retired | Disabling | Leaked | Rejected]) -> tuple[KeyInLife, ...]:
    found = (label for version in labels for label in version.labels if isinstance(label, kind))
    return tuple(
        KeyInLife(
            fingerprint=label.fingerprint,
            since=label.time if isinstance(label, Retired | Rejected) else None,
            reason=label.reason if isinstance(label, Rejected) else "leaked" * isinstance(label, Leaked),
        )
        for label in found
    )


def _advice(secrets: RoleSecrets) -> str:
    key, spares = secrets.key.labels, secrets.reserve.labels.spares
    if not secrets.key.rotator_arn:
        return "rotation is not set up: deploy the stack"
    if key.pending and key.pending is not key.current:
        return "a rotation is under way, or one failed and left AWSPENDING"
    if key.current is None:
        return "no key yet: rotate" if spares else "no key yet: stage one, then rotate"
    return "" if spares else "no spare: stage one before the next rotation"


def remarks(rows: list[RoleStatus]) -> list[str]:
    """What the table has no room for: keys that are neither in use nor spares, and what to do next."""
    lines = [f"{row.role}: {', '.join(others)}" for row in rows if (others := _others(row))]
    to_do: dict[str, list[str]] = {}
    for row in rows:
        to_do.setdefault(row.advice, []).append(row.role)
    return lines + [f"{', '.join(roles)}: {advice}" for advice, roles in to_do.items() if advice]


def _print_table(stack: str, rows: list[RoleStatus]) -> None:
    table = Table(title=f"Keys of {stack}", title_justify="left")
    for column in ("Role", "Key in use", "Since", "Spares", "Next rotation", "Scopes"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(
            row.role,
            _name(row.current) if row.current else "none",
            _day(row.current.since) if row.current else "",
            str(len(row.spares)),
            _day(row.next_rotation),
            str(row.scopes),
        )
    results().print(table)
    for line in remarks(rows):
        results().print(line, markup=False, soft_wrap=True)


def _others(row: RoleStatus) -> list[str]:
    retired = {key.fingerprint for key in row.retired}
    lines = [f"pending {_name(row.pending)}"] if row.pending else []
    if row.previous and row.previous.fingerprint not in retired:
        lines.append(f"previous {_name(row.previous)}")
    lines += [f"retired {_name(key)}" for key in row.retired]
    lines += [f"disabling {_name(key)}" for key in row.disabling]
    return lines + [f"rejected {_name(key)} ({key.reason})" for key in row.rejected]


def _name(key: KeyInLife) -> str:
    return key.fingerprint or "unnamed"


def _day(time: datetime | None) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d}" if time else ""
