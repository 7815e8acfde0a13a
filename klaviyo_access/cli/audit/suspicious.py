"""``audit suspicious``: the table of what is suspicious, as a service ships it."""

from rich.table import Table

from klaviyo_access.cli.console import print_json, results
from klaviyo_access.cli.options import Json, Project, Stack
from klaviyo_access.cli.workspace import open_workspace


def suspicious(stack: Stack = None, project: Project = None, *, as_json: Json = False) -> None:
    """Say what marks an audit entry as suspicious.

    With --json it is the document that a service's deployment ships and KLAVIYO_ACCESS_SUSPICIOUS names. Only files are
    read.

    Example: klaviyo-access audit suspicious --stack prod --json > suspicious.json
    """
    declared = open_workspace(project, stack).model.suspicious
    rows = {name: one.model_dump(exclude_defaults=True) for name, one in declared.items()}
    if as_json:
        print_json({"suspicious": rows})
        return
    table = Table()
    for column in ("Suspicion", "Marks entries with", "Because"):
        table.add_column(column, overflow="fold")
    for name, row in rows.items():
        because = row.pop("description")
        table.add_row(name, ", ".join(f"{key}: {_shown(value)}" for key, value in row.items()), because)
    results().print(table)


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
