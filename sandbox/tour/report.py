"""What the tour saw, as tables, and whether it is what the project promises."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from klaviyo_access.access_model import RoleAccess

DENIED = "AccessDeniedException"


@dataclass(frozen=True)
class ServiceCall:
    """One call that a service made to Klaviyo."""

    service: str
    role: str
    operation: str
    answer: str


@dataclass(frozen=True)
class IntruderRead:
    """One attempt to read a key by somebody who is no reader of it."""

    who: str
    role: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the tour saw.

    Attributes:
        roles: the environment's roles.
        keys: status of each role's key, as `keys status --json` gives it.
        calls: what the services called.
        reads: what the intruders tried.
        events: the trail's records of GetSecretValue.
    """

    roles: Sequence[RoleAccess]
    keys: Mapping[str, Mapping[str, Any]]
    calls: Sequence[ServiceCall]
    reads: Sequence[IntruderRead]
    events: Sequence[Mapping[str, Any]]

    @property
    def is_as_promised(self) -> bool:
        """Every role has a key, no intruder got one, and the trail holds each of his attempts as denied."""
        denied = sum(1 for event in self.events if event.get("errorCode"))
        return (
            all(key["current"] for key in self.keys.values())
            and all(read.answer == DENIED for read in self.reads)
            and denied >= len(self.reads)
        )


def show(report: Report, console: Console) -> None:
    """Print the report."""
    console.print(_keys(report), _intruders(report), _trail(report))
    console.print(
        "\nTry next:\n"
        '  eval "$(.venv/bin/python -m sandbox env --as operator)"   then any of:\n'
        "  .venv/bin/klaviyo-access keys rotate viewer --stack local      promote the viewer's spare\n"
        "  .venv/bin/klaviyo-access keys status --stack local             see it in use, the old one superseded\n"
        "  .venv/bin/klaviyo-access scopes --role marketer --stack local  what to tick in Klaviyo's dashboard\n"
        "  .venv/bin/klaviyo-access doctor --stack local                  is everything in order?\n"
        "  make down                                            remove it all",
        highlight=False,
        markup=False,
    )


def _keys(report: Report) -> Table:
    table = Table(title="\nEach role's key, who used it, and what Klaviyo answered", title_justify="left")
    for column in ("Role", "Key", "Scopes", "Used by", "Operation", "Klaviyo's answer"):
        table.add_column(column, overflow="fold")
    for role in report.roles:
        calls = [call for call in report.calls if call.role == role.name]
        table.add_row(
            role.name,
            report.keys[role.name]["current"]["fingerprint"],
            ", ".join(role.scopes) if len(role.scopes) <= 6 else f"{len(role.scopes)} scopes",
            "\n".join(call.service for call in calls) or ("the auditor" if role.is_custodian else ""),
            "\n".join(call.operation for call in calls),
            "\n".join(call.answer for call in calls),
        )
    return table


def _intruders(report: Report) -> Table:
    table = Table(title="\nWhoever is no reader is refused", title_justify="left")
    for column in ("Who", "Tried the keys of", "Secrets Manager's answer"):
        table.add_column(column, overflow="fold")
    for who, answer in dict.fromkeys((read.who, read.answer) for read in report.reads):
        roles = [read.role for read in report.reads if (read.who, read.answer) == (who, answer)]
        table.add_row(who, ", ".join(roles), answer)
    return table


def _trail(report: Report) -> Table:
    table = Table(title="\nEvery read is on record (CloudTrail, GetSecretValue)", title_justify="left")
    for column in ("Who", "Allowed", "Denied"):
        table.add_column(column, overflow="fold")
    allowed: Counter[str] = Counter()
    denied: Counter[str] = Counter()
    for event in report.events:
        identity = event["userIdentity"]
        issuer = identity.get("sessionContext", {}).get("sessionIssuer", {}).get("arn", identity.get("arn", "?"))
        (denied if event.get("errorCode") else allowed)[issuer.rpartition(":")[2]] += 1
    for who in sorted(allowed.keys() | denied.keys()):
        table.add_row(who, str(allowed[who]), str(denied[who]))
    return table
