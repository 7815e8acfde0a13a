"""``permissions``: what each role's people may do in an environment, as a table and as the document services ship."""

from rich.table import Table

from klaviyo_access.authorization.permissions import Permissions
from klaviyo_access.cli.console import print_json, results
from klaviyo_access.cli.options import Json, Project, Stack
from klaviyo_access.cli.workspace import open_workspace


def permissions(stack: Stack = None, project: Project = None, *, as_json: Json = False) -> None:
    """Say what the people of each role may do in the environment, and what its ceiling takes from them.

    With --json it is the document that a service's deployment ships and KLAVIYO_ACCESS_PERMISSIONS names. Only files
    are read: neither AWS nor Klaviyo is asked.

    Example: klaviyo-access permissions --stack dev --json > permissions.json
    """
    workspace = open_workspace(project, stack)
    held = Permissions.of(workspace.model, environment=workspace.environment.name)
    if as_json:
        print_json(held.document())
        return
    table = Table(title=f"Permissions in {held.environment}", title_justify="left")
    for column in ("Role", "May", "May not here, for the environment's ceiling"):
        table.add_column(column, overflow="fold")
    for role, granted in held.granted.items():
        if granted or held.lost[role]:
            table.add_row(role, ", ".join(sorted(granted)), ", ".join(sorted(held.lost[role])))
    results().print(table)
