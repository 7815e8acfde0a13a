"""``scopes``: what to tick, what is taken away, what is excess."""

from pathlib import Path

from klaviyo_access.access_model import AccessModel
from klaviyo_access.access_model.dashboard import DashboardSteps, Excess, dashboard_steps
from klaviyo_access.cli.scopes import remarks
from tests.cli.cli_fakes import ROLES, Command

ACCESS_YAML = Path(__file__).parents[2] / "access.yaml"


def test_a_role_shows_numbered_steps_and_read_or_full_for_each_family(command: Command) -> None:
    result = command("scopes", "--role", "profile-sync", "--stack", "local")
    assert result.code == 0, result.err
    lines = [[cell.strip() for cell in line.split("│")] for line in result.out.splitlines()]
    assert [line.split()[0] for line in result.out.splitlines() if line[:1].isdigit()] == [
        f"{number}." for number in range(1, 8)
    ]
    rows = [line[1:3] for line in lines if len(line) == 6]
    assert rows == [["accounts", "Read"], ["lists", "Full"], ["profiles", "Full"]]


def test_what_an_environment_takes_away_is_said(command: Command) -> None:
    result = command("scopes", "--role", "profile-sync", "--stack", "dev")
    assert "Taken away by the ceiling of dev in access.yaml: lists:write, profiles:write." in result.out
    assert "Services that lack a scope: profile-sync." in result.out


def test_json_lists_every_role_with_stable_keys(command: Command) -> None:
    result = command("scopes", "--stack", "dev", "--json")
    assert result.code == 0, result.err
    assert result.err == ""
    assert [role["role"] for role in result.json["roles"]] == list(ROLES)
    assert {"ticks", "steps", "key_scopes", "taken_away", "lost_permissions", "excess"} <= set(result.json["roles"][0])


def test_excess_comes_with_its_reason() -> None:
    page = DashboardSteps(
        role="viewer",
        environment="dev",
        key_name="",
        ticks=(),
        key_scopes=(),
        steps=(),
        preselect_url="",
        preselect_note="",
        taken_away=(),
        lost_permissions=("send campaigns",),
        lost_services=(),
        excess=(Excess(reason="the console lists them", scopes=("forms:read", "tags:read")),),
    )
    assert remarks(page) == [
        "Its people cannot: send campaigns.",
        "Excess: forms:read, tags:read. Why: the console lists them.",
    ]


def test_a_scope_that_comes_along_is_explained_and_not_said_to_be_taken_away() -> None:
    role = AccessModel.load(ACCESS_YAML).in_environment("prod").roles["admin"]
    said = remarks(dashboard_steps(role))
    assert said[0] == (
        "Comes along, though nothing needs it: events:read. Klaviyo's dashboard gives no write without read."
    )
    taken = next(line for line in said if line.startswith("Taken away by the ceiling of prod"))
    assert "events:read" not in taken
    assert "brands:read" in taken
