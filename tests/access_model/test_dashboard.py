"""What a person is told to tick in Klaviyo's dashboard."""

from pathlib import Path

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.access_model.dashboard import DashboardSteps, dashboard_steps

ROOT = Path(__file__).parents[2]


def steps(role: str, environment: str) -> DashboardSteps:
    return dashboard_steps(AccessModel.load(ROOT / "access.yaml").in_environment(environment).roles[role])


def ticks(steps: DashboardSteps) -> dict[str, str]:
    return {tick.family: str(tick.tick) for tick in steps.ticks}


@pytest.mark.parametrize(
    ("role", "environment", "expected"),
    [
        ("profile-sync", "prod", {"accounts": "Read", "lists": "Full", "profiles": "Full"}),
        ("profile-sync", "dev", {"accounts": "Read", "lists": "Read", "profiles": "Read"}),
        ("event-tracker", "prod", {"accounts": "Read", "events": "Full", "profiles": "Full"}),
        ("custodian", "prod", {"accounts": "Read", "credentials": "Full"}),
        ("custodian", "dev", {"accounts": "Read", "credentials": "Read"}),
    ],
)
def test_each_family_is_read_or_full(role: str, environment: str, expected: dict[str, str]) -> None:
    assert ticks(steps(role, environment)) == expected


def test_what_full_grants_beyond_what_was_asked_is_said() -> None:
    tracker = steps("event-tracker", "prod")

    assert {tick.family: tick.beyond for tick in tracker.ticks if tick.beyond} == {"events": ("events:read",)}
    assert tracker.key_scopes == ("accounts:read", "events:read", "events:write", "profiles:read", "profiles:write")


def test_a_family_that_can_only_be_written_grants_nothing_beyond() -> None:
    privacy = next(tick for tick in steps("admin", "prod").ticks if tick.family == "data-privacy")

    assert (str(privacy.tick), privacy.asked, privacy.beyond) == ("Full", ("data-privacy:write",), ())


def test_read_grants_nothing_beyond() -> None:
    assert {tick.beyond for tick in steps("viewer", "dev").ticks} == {()}


def test_beta_families_are_marked() -> None:
    assert [tick.family for tick in steps("custodian", "prod").ticks if tick.is_beta] == ["credentials"]


def test_what_the_environment_takes_away_and_what_is_excess_is_said() -> None:
    developer = steps("developer", "dev")

    assert developer.taken_away == (
        "events:write",
        "lists:write",
        "profiles:write",
        "templates:write",
        "webhooks:write",
    )
    assert developer.lost_permissions == ("write-profiles", "manage-lists", "track-events", "manage-webhooks")
    assert developer.lost_services == ("app-api",)
    assert [excess.scopes for excess in developer.excess] == [("events:read",), ("templates:read",)]


def test_excess_with_one_reason_is_told_once() -> None:
    (excess,) = steps("viewer", "dev").excess

    assert len(excess.scopes) == 20
    assert excess.reason.startswith("Viewers look into every part")


def test_the_steps_lead_from_the_account_to_a_staged_key() -> None:
    told = steps("marketer", "staging")

    assert "account of staging" in told.steps[0]
    assert '"staging marketer"' in told.steps[1]
    assert "klaviyo-access keys stage marketer --stack staging" in told.steps[-1]


def test_the_link_that_chooses_scopes_is_said_to_be_unverified() -> None:
    told = steps("custodian", "dev")

    assert told.preselect_url == "https://www.klaviyo.com/create-private-api-key?scopes=accounts:read,credentials:read"
    assert "not verified" in told.preselect_note
