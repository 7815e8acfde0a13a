"""``keys rollback`` and ``keys unstick``: what is asked of a rotator, what is not, and what is said of its answer."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from klaviyo_access.cli.keys import rotators
from tests.cli.cli_fakes import ACCESS_MODEL, Command, FakeAws, lay_out

OLD, NEW = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
TIME = "20261101T080000Z"
KEY = "klaviyo/dev/viewer/key"
VERSION = "11111111-2222-4333-8444-555555555555"

Answer = Mapping[str, Any]


@pytest.fixture
def rotated(aws: FakeAws) -> FakeAws:
    """Viewer has a key in use and the one before it."""
    aws.labels[KEY] = {
        VERSION: ["AWSCURRENT", f"KEY:{NEW}"],
        "v1": ["AWSPREVIOUS", f"KEY:{OLD}", f"RETIRED:{TIME}:{OLD}"],
    }
    return aws


@pytest.fixture
def stuck(rotated: FakeAws) -> FakeAws:
    """A rotation of viewer died after its key was proved."""
    rotated.labels[KEY]["v3"] = ["AWSPENDING", "KEY:cccccccccccc"]
    return rotated


def always(answer: Answer) -> Callable[[Answer], dict[str, Any]]:
    """A rotator that answers so, whatever it is asked for."""
    return lambda _event: dict(answer)


def test_a_roll_back_names_the_version_that_the_operator_saw(command: Command, rotated: FakeAws) -> None:
    rotated.on_invoke = always({"action": "rollback", "outcome": "rolled back", "fingerprint": NEW})
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert (result.code, result.out) == (0, f"viewer: rolled back to {OLD}; {NEW} is rejected.\n")
    assert rotated.events == [{"action": "rollback", "version": VERSION}]
    assert f"Services of viewer go back from {NEW} to {OLD}" in result.err
    assert "keys stage viewer --stack dev" in result.err


def test_after_a_roll_back_a_waiting_spare_is_next(command: Command, rotated: FakeAws) -> None:
    rotated.labels["klaviyo/dev/viewer/reserve"] = {"v0": ["AWSCURRENT"], "v1": [f"SPARE:{TIME}:cccccccccccc"]}
    rotated.on_invoke = always({"outcome": "rolled back"})
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert "Spares waiting: 1. Next: take one into use: klaviyo-access keys rotate viewer --stack dev" in result.err
    assert "keys stage" not in result.err


def test_services_that_keep_the_rejected_key_are_named_before_and_after(command: Command, rotated: FakeAws) -> None:
    lay_out("access.yaml", ACCESS_MODEL.replace("reads: library", "reads: injected"))
    rotated.on_invoke = always({"outcome": "rolled back"})
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert "fail then, until started anew: app-api (injected)." in result.err
    assert f"Next: start these anew, so that they leave {NEW}: app-api (injected)" in result.err


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ({"outcome": "no answer"}, 3, "Klaviyo gave no definite answer"),
        (
            {"outcome": "nothing to fall back on", "reason": "rolled-back; the previous key is no better"},
            1,
            f"viewer stays on {NEW}: rolled-back; the previous key is no better.",
        ),
        ({"errorType": "EventRefusedError", "errorMessage": "The version is not the current one."}, 1, "not the curr"),
        ({"errorType": "StoreError", "errorMessage": "Secrets Manager failed."}, 3, "Secrets Manager failed"),
        ({"errorMessage": "Task timed out"}, 1, "/aws/lambda/klaviyo-dev-viewer-rotator"),
    ],
)
def test_each_other_answer_to_a_roll_back_is_explained(
    command: Command, rotated: FakeAws, answer: Answer, code: int, said: str
) -> None:
    rotated.on_invoke = always(answer)
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert (result.code, result.out) == (code, "")
    assert said in result.err


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({}, "it has no key yet"),
        ({"v1": ["AWSCURRENT", f"KEY:{NEW}"]}, "it has had one key only"),
        (
            {
                "v1": ["AWSPREVIOUS", f"KEY:{OLD}", f"REJECTED:{TIME}:{OLD}:refused"],
                "v2": ["AWSCURRENT", f"KEY:{NEW}"],
            },
            f"the previous key {OLD} was rejected",
        ),
        (
            {"v1": ["AWSPREVIOUS", f"KEY:{OLD}", f"DISABLING:{OLD}"], "v2": ["AWSCURRENT", f"KEY:{NEW}"]},
            f"the previous key {OLD} is being disabled",
        ),
    ],
)
def test_a_roll_back_to_nothing_is_not_asked_for(
    command: Command, aws: FakeAws, labels: dict[str, list[str]], why: str
) -> None:
    aws.labels[KEY] = labels
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert result.code == 1
    assert why in result.err
    assert "Invoke" not in aws.calls


@pytest.mark.parametrize("name", ["rollback", "unstick"])
def test_without_a_terminal_nothing_is_done_unless_yes_is_given(command: Command, stuck: FakeAws, name: str) -> None:
    result = command("keys", name, "viewer", "--stack", "dev")
    assert result.code == 2
    assert "Add --yes" in result.err
    assert "Invoke" not in stuck.calls


@pytest.mark.parametrize(("typed", "code", "asked"), [("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0), ("", 1, 0)])
def test_on_a_terminal_it_asks_and_everything_but_yes_is_no(
    command: Command, rotated: FakeAws, typed: str, code: int, asked: int
) -> None:
    rotated.on_invoke = always({"outcome": "rolled back"})
    result = command("keys", "rollback", "viewer", "--stack", "dev", stdin=None, typed=typed)
    assert result.code == code
    assert result.err.index("go back from") < result.err.index("Go on? [y/N]")
    assert len(rotated.events) == asked


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr(rotators, "_PAUSE_SECONDS", 0)


@pytest.mark.usefixtures("impatient")
def test_a_rotator_that_is_busy_is_waited_for(command: Command, rotated: FakeAws) -> None:
    rotated.on_invoke = always({"outcome": "rolled back"})
    rotated.busy = 2
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert (result.code, rotated.busy) == (0, 0)
    assert result.err.count("The rotator of viewer is busy; waiting for it.") == 1


@pytest.mark.usefixtures("impatient")
def test_a_rotator_that_stays_busy_has_changed_nothing(command: Command, rotated: FakeAws) -> None:
    rotated.busy = 1_000
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert result.code == 3
    assert "that of viewer stays busy. Nothing was changed." in result.err


def test_stopping_while_the_rotator_works_does_not_claim_that_nothing_changed(
    command: Command, rotated: FakeAws
) -> None:
    def interrupted(_event: Answer) -> dict[str, Any]:
        raise KeyboardInterrupt

    rotated.on_invoke = interrupted
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert result.code == 130
    assert "may have done what it was asked for" in result.err
    assert "keys status --stack dev" in result.err


def test_a_secret_without_a_rotator_is_told_to_be_deployed(
    command: Command, rotated: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeAws, "_DescribeSecret", lambda aws, _: {"VersionIdsToStages": aws.labels[KEY]})
    result = command("keys", "rollback", "viewer", "--yes", "--stack", "dev")
    assert result.code == 1
    assert "the role's secret has none" in result.err


def test_a_dead_rotation_is_ended_and_said_what_becomes_of_its_key(command: Command, stuck: FakeAws) -> None:
    stuck.on_invoke = always({"outcome": "unstuck", "fingerprint": "cccccccccccc"})
    result = command("keys", "unstick", "viewer", "--yes", "--stack", "dev")
    assert (result.code, result.out) == (0, "viewer: the rotation is over.\n")
    assert stuck.events == [{"action": "unstick"}]
    assert "Its key cccccccccccc is retired" in result.err


def test_a_rotation_that_may_be_at_work_is_left_alone_and_said_until_when(command: Command, stuck: FakeAws) -> None:
    stuck.on_invoke = always({"outcome": "too early", "until": "2026-11-22T16:05:00+00:00"})
    result = command("keys", "unstick", "viewer", "--yes", "--stack", "dev")
    assert result.code == 1
    assert "may still be at work until 2026-11-22 16:05 UTC" in result.err


def test_where_no_rotation_is_under_way_nobody_is_asked(command: Command, rotated: FakeAws) -> None:
    rotated.labels[KEY][VERSION].append("AWSPENDING")  # as AWS leaves the first one for a moment
    result = command("keys", "unstick", "viewer", "--stack", "dev")
    assert (result.code, result.out) == (0, "viewer: no rotation is under way; there is nothing to end.\n")
    assert "Invoke" not in rotated.calls


def test_an_unknown_role_is_told_before_aws_is_asked(command: Command, aws: FakeAws) -> None:
    result = command("keys", "rollback", "viewr", "--yes", "--stack", "dev")
    assert result.code == 2
    assert "Did you mean 'viewer'?" in result.err
    assert aws.calls == []
