"""``cost``: what a stack costs a month, line by line."""

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Table

from klaviyo_access.access_model.environment import PROJECT, read_config
from klaviyo_access.cli.console import note, print_json, results
from klaviyo_access.cli.cost.bill import Line, Usage, bill
from klaviyo_access.cli.cost.counted_stack import CountedStack
from klaviyo_access.cli.cost.prices import NOTED, PRICES, REGION, Price
from klaviyo_access.cli.errors import UsageError
from klaviyo_access.cli.options import Json, Project, Stack
from klaviyo_access.cli.rendering import RenderedFile, rendered_resources
from klaviyo_access.cli.workspace import Workspace, open_workspace

_MOST = 10**12
_WIDE = 120
"""Columns that the whole table needs; in fewer its cells would break in every word."""

Processes = Annotated[int, typer.Option(min=0, max=_MOST, help="Processes of each service.")]
ReadsADay = Annotated[
    int, typer.Option(min=0, max=_MOST, help="How often a process asks for its key; the library does every 15 minutes.")
]
AccountEvents = Annotated[
    int,
    typer.Option(min=0, max=_MOST, help="Management events of the whole account in a month, which the trail keeps."),
]
ActiveRegions = Annotated[int, typer.Option(min=1, max=100, help="Regions in which the account has such events.")]
OtherTrail = Annotated[
    bool, typer.Option("--other-trail", help="The account has a trail already, so that this one's events are charged.")
]
AuditEntries = Annotated[int, typer.Option(min=0, max=_MOST, help="Audit entries of all services in a month.")]
Alerts = Annotated[int, typer.Option(min=0, max=_MOST, help="Alerts in a month.")]


def cost(  # noqa: PLR0913 - each argument is an option that changes one assumption
    stack: Stack = None,
    project: Project = None,
    rendered: RenderedFile = None,
    *,
    processes: Processes = Usage.processes,
    reads_a_day: ReadsADay = Usage.reads_a_day,
    account_events: AccountEvents = Usage.account_events,
    active_regions: ActiveRegions = Usage.active_regions,
    audit_entries: AuditEntries = Usage.audit_entries,
    alerts: Alerts = Usage.alerts,
    other_trail: OtherTrail = False,
    as_json: Json = False,
) -> None:
    """Say what a stack costs a month on AWS, line by line, from the resources that the program declares.

    At AWS's list prices of us-east-1, without free tiers, discounts and tax. What no resource says is assumed; each
    assumption is an option. Only files are read: AWS is not asked.

    Example: klaviyo-access cost --stack dev --processes 4
    """
    workspace = open_workspace(project, stack)
    usage = Usage(
        readers=readers(workspace),
        processes=processes,
        reads_a_day=reads_a_day,
        account_events=account_events,
        active_regions=active_regions,
        first_trail=not other_trail,
        audit_entries=audit_entries,
        alerts=alerts,
    )
    resources = rendered_resources(workspace.directory, workspace.environment.name, rendered)
    try:
        lines, by_hand = bill(resources, usage), CountedStack(resources).keys_by_hand
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"The rendering holds what the program does not write: {error}.",
            cure="Give a rendering of this project, made by this version of it.",
        ) from None
    if as_json:
        print_json(as_document(workspace.environment.name, lines, usage) | {"keys_by_hand": round(by_hand, 1)})
    else:
        _print(lines, usage, region=workspace.environment.region)
        note(f"By hand: {by_hand:.1f} keys a month, made in Klaviyo's dashboard and staged, one for each rotation.")


def readers(workspace: Workspace) -> int:
    """How many keys the services that run in the stack read, each service counted with each of its roles."""
    running = read_config(workspace.directory, workspace.environment.name).get(f"{PROJECT}:services") or {}
    return sum(len(access.roles) for name, access in workspace.access.services.items() if name in running)


def as_document(stack: str, lines: list[Line], usage: Usage) -> dict[str, Any]:
    """The bill as JSON: amounts in US dollars, as text, so that no digit is lost."""
    return {
        "stack": stack,
        "currency": "USD",
        "prices": {"region": REGION, "noted": NOTED},
        "assumptions": asdict(usage),
        "lines": [
            {
                **asdict(line),
                "unit": PRICES[line.price].unit,
                "page": PRICES[line.price].page,
                "dollars": _cents(line.dollars),
            }
            for line in lines
        ],
        "total": _cents(_total(lines)),
    }


def _total(lines: list[Line]) -> Decimal:
    return sum((line.dollars for line in lines), Decimal(0))


def _cents(dollars: Decimal) -> str:
    return f"{dollars:.2f}"


def _print(lines: list[Line], usage: Usage, *, region: str) -> None:
    console = results()
    narrow = console.width < _WIDE
    table = Table()
    for column in ("Service", "What", "Quantity", "$ a month", *(() if narrow else ("Price", "Because"))):
        table.add_column(column, justify="right" if column in {"Quantity", "$ a month"} else "left")
    for line in lines:
        why = () if narrow else (_each(PRICES[line.price]), line.because)
        table.add_row(line.service, line.what, f"{line.quantity:,}", _cents(line.dollars), *why)
    console.print(table)
    console.print(f"Total: ${_cents(_total(lines))} a month")
    if narrow:
        note(f"Price and reason of each line are shown from {_WIDE} columns on, and by --json.")
    note(
        f"List prices of {REGION}, noted on {NOTED}, without free tiers, discounts and tax; this stack is in {region}."
    )
    for page in sorted({PRICES[line.price].page for line in lines}):
        note(f"  {page}")
    note(f"Assumed, each an option: {', '.join(_options(usage))}.")
    note(f"Services read {usage.readers} keys, as the stack's settings have it.")


def _options(usage: Usage) -> Iterator[str]:
    """The assumptions as a user types them."""
    for name in ("processes", "reads_a_day", "account_events", "active_regions", "audit_entries", "alerts"):
        yield f"--{name.replace('_', '-')} {getattr(usage, name)}"
    yield "no --other-trail" if usage.first_trail else "--other-trail"


def _each(price: Price) -> str:
    if price.units > 1:
        return f"${price.dollars:f} for {price.units:,} {price.unit}"
    return f"${price.dollars:f} per {price.unit}"
