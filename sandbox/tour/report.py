"""What the tour saw, as tables, and whether it is what the project promises."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from klaviyo_access.access_model import RoleAccess
from sandbox.tour.visits import Visited

DENIED = "AccessDeniedException"

NEXT = """
Try next, as an operator:
  eval "$(.venv/bin/python -m sandbox env --as operator)"
  .venv/bin/klaviyo-access doctor --stack local                  is everything in order?
  .venv/bin/klaviyo-access keys rotate viewer --stack local      promote the viewer's oldest spare
  .venv/bin/klaviyo-access keys status --stack local             see it in use, and the one before
  .venv/bin/klaviyo-access scopes --role marketer --stack local  what to tick in Klaviyo's dashboard
  make down                                                      remove it all"""


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
        visits: what people asked of the services that answer people.
        reads: what the intruders tried.
        events: the trail's records of GetSecretValue.
    """

    roles: Sequence[RoleAccess]
    keys: Mapping[str, Mapping[str, Any]]
    calls: Sequence[ServiceCall]
    visits: Sequence[Visited]
    reads: Sequence[IntruderRead]
    events: Sequence[Mapping[str, Any]]

    @property
    def is_as_promised(self) -> bool:
        """Every role has a key, each person what their role may, no intruder a key, and the trail his denials."""
        denied = sum(_is_denied(event) for event in self.events)
        return (
            all(key["current"] for key in self.keys.values())
            and all(visited.status == visited.visit.expected for visited in self.visits)
            and all(read.answer == DENIED for read in self.reads)
            and denied >= len(self.reads)
        )


def show(report: Report, console: Console) -> None:
    """Print the report."""
    console.print(_keys(report), _calls(report), _visits(report), _intruders(report), _trail(report))
    console.print(NEXT, highlight=False, markup=False, soft_wrap=True)


def _keys(report: Report) -> Table:
    table = _table("Each role has a key of its own", "Role", "Key", "Spares", "Scopes")
    for role in report.roles:
        key = report.keys[role.name]
        table.add_row(role.name, key["current"]["fingerprint"], str(len(key["spares"])), _in_short(role.scopes))
    return table


def _calls(report: Report) -> Table:
    table = _table("Every service calls Klaviyo with it", "Service", "Role", "Operation", "Klaviyo's answer")
    for call in report.calls:
        table.add_row(call.service, call.role, call.operation, call.answer)
    return table


def _visits(report: Report) -> Table:
    table = _table("People may do what their role may", "Service", "Person", "Asked for", "The service's answer")
    for visited in report.visits:
        visit = visited.visit
        said = visited.answer.get("message", "done")
        table.add_row(
            visited.service, f"{visit.person} ({visit.role})", visit.request, escape(f"{visited.status}: {said}")
        )
    return table


def _intruders(report: Report) -> Table:
    table = _table("Whoever is no reader is refused", "Who", "Tried the keys of", "Answer")
    for who, answer in dict.fromkeys((read.who, read.answer) for read in report.reads):
        roles = [read.role for read in report.reads if (read.who, read.answer) == (who, answer)]
        table.add_row(who, ", ".join(roles), answer)
    return table


def _trail(report: Report) -> Table:
    table = _table("Every read is on record (CloudTrail: GetSecretValue)", "Who", "Allowed", "Denied")
    allowed: Counter[str] = Counter()
    denied: Counter[str] = Counter()
    for event in report.events:
        issuer = event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]
        (denied if _is_denied(event) else allowed)[issuer.rpartition(":role/")[2]] += 1
    for who in sorted(allowed.keys() | denied.keys()):
        table.add_row(who, str(allowed[who]), str(denied[who]))
    return table


def _is_denied(event: Mapping[str, Any]) -> bool:
    return str(event.get("errorCode", "")).startswith("AccessDenied")


def _in_short(scopes: Sequence[str]) -> str:
    """Scopes as access.yaml may write them: `profiles:*` for both."""
    families: dict[str, list[str]] = {}
    for scope in scopes:
        family, _, access = scope.partition(":")
        families.setdefault(family, []).append(access)
    return ", ".join(f"{family}:{'*' if len(both) == 2 else both[0]}" for family, both in families.items())


def _table(title: str, *columns: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
