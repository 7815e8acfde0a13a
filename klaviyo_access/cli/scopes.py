"""``scopes``: what to tick in Klaviyo's dashboard for each role's key, what the environment takes away, and why."""

from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from klaviyo_access.access_model.dashboard import DashboardSteps, FamilyTick, dashboard_steps
from klaviyo_access.cli.console import print_json, results
from klaviyo_access.cli.options import Json, OneRole, Project, Stack
from klaviyo_access.cli.workspace import open_workspace


def scopes(stack: Stack = None, project: Project = None, role: OneRole = None, *, as_json: Json = False) -> None:
    """Say how to make each role's key in Klaviyo's dashboard: which families to tick, and with Read or Full.

    Also what the environment's ceiling takes from a role, what its people and services lose by it, and which scopes
    nobody needs, each with its reason. Only files are read: neither AWS nor Klaviyo is asked.

    Example: klaviyo-access scopes --role viewer --stack dev
    """
    workspace = open_workspace(project, stack)
    pages = [dashboard_steps(one) for one in workspace.chosen(role)]
    if as_json:
        print_json({"stack": workspace.environment.name, "roles": [asdict(page) for page in pages]})
        return
    console = results()
    for page in pages:
        console.rule(f"{page.role} in {page.environment}", align="left")
        for number, step in enumerate(page.steps, start=1):
            console.print(f"{number}. {step}", markup=False, soft_wrap=True)
        print_ticks(page, console)
        console.print(f"Or open {page.preselect_url}\n  {page.preselect_note}", markup=False, soft_wrap=True)
        for line in remarks(page):
            console.print(line, markup=False, soft_wrap=True)
        console.print()


def print_ticks(page: DashboardSteps, console: Console) -> None:
    """Print the families to tick."""
    table = Table()
    for column in ("Family", "Choose", "For", "Comes along"):
        table.add_column(column)
    for tick in page.ticks:
        table.add_row(_family(tick), f"[bold]{tick.tick}[/]", _accesses(tick.asked), _accesses(tick.beyond))
    console.print(table)


def remarks(page: DashboardSteps) -> list[str]:
    """What is to be known of the role beside its ticks, a sentence a line."""
    along = [scope for tick in page.ticks for scope in tick.beyond]
    gone = [scope for scope in page.taken_away if scope not in along]
    lines = [
        f"Comes along, though nothing needs it: {', '.join(along)}. Klaviyo's dashboard gives no write without read."
        if along
        else "",
        f"Taken away by the ceiling of {page.environment} in access.yaml: {', '.join(gone)}." if gone else "",
        f"Its people cannot: {', '.join(page.lost_permissions)}." if page.lost_permissions else "",
        f"Services that lack a scope: {', '.join(page.lost_services)}." if page.lost_services else "",
        *(f"Excess: {', '.join(excess.scopes)}. Why: {excess.reason}." for excess in page.excess),
    ]
    return [line for line in lines if line]


def _family(tick: FamilyTick) -> str:
    return escape(f"{tick.family} (beta)" if tick.is_beta else tick.family)


def _accesses(granted: Iterable[str]) -> str:
    return ", ".join(scope.partition(":")[2] for scope in granted)
