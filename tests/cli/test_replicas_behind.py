"""A region whose replica is behind may read an older key: who looks is told, and only a leaked key is ended."""

import json

import pytest

from klaviyo_access.cli.keys import disposal
from tests.cli.cli_fakes import Command, FakeAws

KEY, RESERVE = "klaviyo/dev/viewer/key", "klaviyo/dev/viewer/reserve"
OLD, NEW, BAD, TIME = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "20261101T080000Z"


@pytest.fixture
def behind(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """Viewer was rotated from ``OLD`` to ``NEW``, and one of two regions did not get it."""
    monkeypatch.setattr(disposal, "_PAUSE_SECONDS", 0)
    aws.replicas = {"us-east-1": "Failed", "us-west-2": "InSync"}
    aws.labels[KEY] = {"v1": ["AWSPREVIOUS", f"KEY:{OLD}"], "v2": ["AWSCURRENT", f"KEY:{NEW}"]}
    aws.labels[RESERVE] = {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{BAD}"]}
    aws.on_invoke = lambda event: {"outcome": "dead" if event["action"] == "prove-dead" else "disabling"}
    return aws


def test_no_superseded_key_is_retired(command: Command, behind: FakeAws) -> None:
    result = command("keys", "retire", "viewer", "--yes", "--stack", "dev")
    assert (result.code, behind.events) == (1, [])
    assert f"is not in sync in us-east-1 (Failed): services there may read {OLD} still" in result.err
    assert "klaviyo-access doctor --stack dev" in result.err


@pytest.mark.parametrize(
    ("key", "reserve"),
    [([f"LEAKED:{OLD}"], []), (None, [f"REJECTED:{TIME}:{BAD}:refused"])],
    ids=["leaked", "a spare that no region ever read"],
)
def test_what_leaked_or_was_never_in_use_is_retired(
    command: Command, behind: FakeAws, key: list[str] | None, reserve: list[str]
) -> None:
    behind.labels[KEY]["v1"] = ["AWSPREVIOUS", f"KEY:{OLD}", *key] if key else ["AWSPREVIOUS"]
    behind.labels[RESERVE] = {"r0": ["AWSCURRENT"], "r1": reserve}
    result = command("keys", "retire", "viewer", "--yes", "--stack", "dev")
    assert result.code == 0, result.err


def test_a_leaked_key_goes_and_the_region_that_will_fail_is_named_before(command: Command, behind: FakeAws) -> None:
    result = command("keys", "leaked", OLD, "--stack", "dev")
    assert "Services in us-east-1 FAIL if they read it" in result.err
    assert behind.events == []


def test_a_leaked_spare_lets_no_region_fail(command: Command, behind: FakeAws) -> None:
    assert "FAIL" not in command("keys", "leaked", BAD, "--stack", "dev").err
    assert behind.events == []


def test_the_status_shows_the_region(command: Command, behind: FakeAws) -> None:
    result = command("keys", "status", "--role", "viewer", "--stack", "dev")
    assert "viewer: the replica in us-east-1 is behind (Failed)" in result.out
    document = json.loads(command("keys", "status", "--role", "viewer", "--json", "--stack", "dev").out)
    assert document["roles"][0]["behind"] == {"us-east-1": "Failed"}
