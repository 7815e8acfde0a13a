"""``permissions``: the table people read, and the document a service's deployment ships."""

import json
from pathlib import Path

from klaviyo_access.authorization import Permissions
from tests.cli.cli_fakes import Command


def test_the_document_is_what_a_service_loads(command: Command, tmp_path: Path) -> None:
    result = command("permissions", "--stack", "dev", "--json")
    assert (result.code, result.err) == (0, "")
    shipped = tmp_path / "permissions.json"
    shipped.write_text(json.dumps(result.json))
    permissions = Permissions.load(shipped, environ={"KLAVIYO_ACCESS_ENVIRONMENT": "dev"})
    assert (permissions.allows("marketer", "view-reports"), permissions.allows("marketer", "send-campaigns")) == (
        True,
        False,
    )


def test_the_table_says_what_the_ceiling_takes_away(command: Command) -> None:
    result = command("permissions", "--stack", "dev")
    assert result.code == 0, result.err
    rows = {
        cells[1]: cells[2:4]
        for line in result.out.splitlines()
        if len(cells := [cell.strip() for cell in line.split("│")]) == 5
    }
    assert rows["viewer"] == ["read-profiles, view-reports", ""]
    assert rows["service"] == ["read-profiles", "track-events, write-profiles"]
    assert "custodian" not in rows


def test_the_help_says_how_to_ship_it(command: Command) -> None:
    result = command("permissions", "--help")
    assert "Example: klaviyo-access permissions --stack dev --json > permissions.json" in result.out
