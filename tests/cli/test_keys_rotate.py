"""``keys rotate``: what is asked of AWS, what is not, and what is said of each end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import boto3
import pytest

from klaviyo_access.access_model.environment import Environment
from klaviyo_access.cli.errors import ExitCode
from klaviyo_access.cli.keys import rotate as keys_rotate
from klaviyo_access.cli.keys.rotations import Outcome, Rotations, obstacle
from klaviyo_access.cli.secrets_manager import RoleSecrets, Secrets, SecretState, failure_in
from klaviyo_access.keys.labels import LABEL_LIMIT, ROTATION_LABELS, SecretLabels
from tests.cli.cli_fakes import ACCOUNT, OPERATOR, ROTATOR, Command, FakeAws

FP = "0123456789ab"
SPARE = f"SPARE:20261101T080000Z:{FP}"
KEY, RESERVE = "klaviyo/dev/viewer/key", "klaviyo/dev/viewer/reserve"

Rotator = Callable[[dict[str, list[str]], str], None]


def promote(labels: dict[str, list[str]], version: str) -> None:
    """A rotator that is done before anybody looks."""
    labels[version] = ["AWSCURRENT", f"KEY:{FP}"]


def stay_pending(labels: dict[str, list[str]], version: str) -> None:
    """A rotator that never ends."""
    labels[version] = ["AWSPENDING"]


def give_up(labels: dict[str, list[str]], version: str) -> None:
    """A rotator that took AWSPENDING off and raised."""


@pytest.fixture
def watched(aws: FakeAws) -> Callable[[Rotator], list[Outcome]]:
    """Rotates viewer, which has a spare, with a rotator of the test's, on a clock that the pauses move."""
    aws.caller = OPERATOR
    environment = Environment(name="dev", region="eu-west-1", account_id=ACCOUNT)
    secrets = Secrets(boto3.Session(region_name="eu-west-1"), environment)

    def rotate(rotator: Rotator) -> list[Outcome]:
        aws.labels[RESERVE] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}
        aws.on_rotate = rotator
        seconds = count()
        start = datetime(2026, 11, 22, tzinfo=UTC)
        run = Rotations(secrets, pause=lambda _: None, clock=lambda: start + timedelta(seconds=next(seconds)))
        run.start(["viewer"])
        run.watch(seconds=60, ended=lambda _: None)
        run.leave("running", "not ended", exit_code=ExitCode.FAILED)
        return run.outcomes

    return rotate


def test_a_role_with_a_spare_is_rotated_by_the_lambda_that_its_secret_has(command: Command, aws: FakeAws) -> None:
    aws.labels[RESERVE] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}
    aws.on_rotate = promote
    result = command("keys", "rotate", "viewer", "--yes", "--stack", "dev")
    assert result.code == 0, result.err
    assert result.out == f"viewer: rotated: {FP}\n"
    assert aws.asked["RotateSecret"].keys() == {"SecretId", "ClientRequestToken"}


def test_several_roles_rotate_at_once_and_one_without_a_spare_is_not_asked_for(command: Command, aws: FakeAws) -> None:
    for role in ("viewer", "reporting"):
        aws.labels[f"klaviyo/dev/{role}/reserve"] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}
    aws.on_rotate = promote
    result = command("keys", "rotate", "viewer", "marketer", "reporting", "--yes", "--stack", "dev")
    assert result.code == 1
    assert sorted(result.out.splitlines()) == [
        "marketer: refused: it has no spare: stage one first (klaviyo-access keys stage marketer --stack dev).",
        f"reporting: rotated: {FP}",
        f"viewer: rotated: {FP}",
    ]
    assert aws.calls.count("RotateSecret") == 2


def test_without_waiting_nothing_is_looked_at_again(command: Command, aws: FakeAws) -> None:
    aws.labels[RESERVE] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}
    aws.on_rotate = stay_pending
    result = command("keys", "rotate", "viewer", "--no-wait", "--yes", "--stack", "dev")
    assert result.code == 0
    assert result.out.startswith("viewer: started: ")
    assert aws.calls[-1] == "RotateSecret"


def test_a_spare_that_was_rejected_is_the_reason_that_is_given(
    aws: FakeAws, watched: Callable[[Rotator], list[Outcome]]
) -> None:
    def reject(labels: dict[str, list[str]], version: str) -> None:
        aws.labels[RESERVE]["v1"] = [f"REJECTED:20261122T080000Z:{FP}:missing:profiles:read"]

    [outcome] = watched(reject)
    assert (outcome.result, outcome.detail) == (
        "failed",
        f"no spare was good enough ({FP}: missing:profiles:read): stage a better one.",
    )


def test_spares_that_were_used_up_on_the_way_are_named(
    aws: FakeAws, watched: Callable[[Rotator], list[Outcome]]
) -> None:
    def reject_and_promote(labels: dict[str, list[str]], version: str) -> None:
        aws.labels[RESERVE] = {"v0": ["AWSCURRENT"], "v1": [f"REJECTED:20261122T080000Z:{'b' * 12}:refused"]}
        promote(labels, version)

    [outcome] = watched(reject_and_promote)
    assert (outcome.result, outcome.detail) == (
        "rotated",
        f"{FP}; rejected on the way: {'b' * 12} (refused); no spare left, stage one",
    )


def test_what_the_trail_says_is_the_reason_where_no_spare_was_rejected(
    aws: FakeAws, watched: Callable[[Rotator], list[Outcome]]
) -> None:
    aws.failures = [failed("reporting", "another secret's"), failed("viewer", "Klaviyo did not answer")]
    [outcome] = watched(give_up)
    assert (outcome.result, outcome.detail) == ("failed", "Klaviyo did not answer")


@pytest.mark.parametrize("free", [0, ROTATION_LABELS])
def test_a_secret_without_room_for_its_labels_is_the_reason(
    free: int, aws: FakeAws, watched: Callable[[Rotator], list[Outcome]]
) -> None:
    aws.labels[KEY] = {"v0": ["AWSCURRENT", *(f"label-{number}" for number in range(LABEL_LIMIT - free - 1))]}
    [outcome] = watched(give_up)
    assert outcome.detail.startswith(
        f"a rotation needs 4 free labels on the key secret, and {free} of AWS's 20 are free, since every "
    )


def test_a_secret_with_just_enough_room_is_not(aws: FakeAws, watched: Callable[[Rotator], list[Outcome]]) -> None:
    labels = (f"label-{number}" for number in range(LABEL_LIMIT - ROTATION_LABELS - 2))
    aws.labels[KEY] = {"v0": ["AWSCURRENT", *labels]}
    aws.failures = [failed("viewer", "Klaviyo did not answer")]
    [outcome] = watched(give_up)
    assert outcome.detail == "Klaviyo did not answer"


def test_where_to_look_is_said_when_nothing_tells_the_reason(
    aws: FakeAws, watched: Callable[[Rotator], list[Outcome]]
) -> None:
    aws.refusals["LookupEvents"] = ("AccessDeniedException", "no")
    [outcome] = watched(give_up)
    assert outcome.detail == "the rotator gave up; the log group /aws/lambda/klaviyo-dev-viewer-rotator says why."


def test_a_rotation_that_left_awspending_behind_ends_when_the_trail_says_that_it_failed(
    aws: FakeAws, watched: Callable[[Rotator], list[Outcome]]
) -> None:
    aws.failures = [failed("viewer", "")]
    [outcome] = watched(stay_pending)
    assert outcome.result == "failed"
    assert "log group" in outcome.detail


def test_a_rotation_that_does_not_end_in_time_is_called_running(watched: Callable[[Rotator], list[Outcome]]) -> None:
    [outcome] = watched(stay_pending)
    assert (outcome.result, outcome.exit_code) == ("running", 1)


def test_a_refusal_by_aws_is_one_roles_outcome_with_its_own_exit_code(
    aws: FakeAws, watched: Callable[[Rotator], list[Outcome]]
) -> None:
    aws.refusals["RotateSecret"] = ("ThrottlingException", "slow down")
    [outcome] = watched(promote)
    assert (outcome.result, outcome.exit_code) == ("failed", 3)


def test_a_stop_says_that_aws_goes_on(command: Command, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.labels[RESERVE] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}
    aws.on_rotate = stay_pending

    def stop(self: Rotations, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Rotations, "watch", stop)
    result = command("keys", "rotate", "viewer", "--yes", "--stack", "dev")
    assert result.code == 130
    assert "AWS goes on with the rotation of: viewer." in result.err


@pytest.mark.parametrize(
    ("key", "reserve", "rotator", "said"),
    [
        ({}, {"v1": [SPARE]}, ROTATOR, ""),
        ({}, {"v1": [SPARE]}, "", "rotation is not set up"),
        ({}, {}, ROTATOR, "no spare"),
        ({}, {"v1": [SPARE, f"REJECTED:20261101T080000Z:{FP}:refused"]}, ROTATOR, "no spare"),
        ({"v1": ["AWSCURRENT"], "v2": ["AWSPENDING"]}, {"v1": [SPARE]}, ROTATOR, "AWSPENDING"),
        ({"v1": ["AWSCURRENT", "AWSPENDING"]}, {"v1": [SPARE]}, ROTATOR, ""),
    ],
)
def test_what_stands_in_the_way_is_read_off_the_labels(
    key: dict[str, list[str]], reserve: dict[str, list[str]], rotator: str, said: str
) -> None:
    secrets = RoleSecrets(
        role="viewer",
        key=SecretState(labels=SecretLabels.of(key), rotator_arn=rotator),
        reserve=SecretState(labels=SecretLabels.of(reserve)),
    )
    found = obstacle(secrets, stack="dev")
    assert said in found
    assert bool(found) == bool(said)


def failed(role: str, message: str) -> dict[str, Any]:
    """A RotationFailed record of the trail."""
    arn = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:klaviyo/dev/{role}/key-AbC123"
    return {"eventName": "RotationFailed", "additionalEventData": {"SecretId": arn}, "errorMessage": message}


@pytest.mark.parametrize(
    ("name", "found"),
    [("klaviyo/dev/viewer/key", "why"), ("klaviyo/dev/view", None), ("klaviyo/dev/viewer/ke", None)],
)
def test_a_record_of_another_secret_says_nothing(name: str, found: str | None) -> None:
    assert failure_in([failed("viewer", "why")], name) == found


def test_a_stop_prints_the_roles_that_ended_and_names_those_that_go_on(command: Command, aws: FakeAws) -> None:
    for role in ("viewer", "reporting"):
        aws.labels[f"klaviyo/dev/{role}/reserve"] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}

    def promote_the_first(labels: dict[str, list[str]], version: str) -> None:
        if aws.calls.count("RotateSecret") > 1:
            raise KeyboardInterrupt
        promote(labels, version)

    aws.on_rotate = promote_the_first
    result = command("keys", "rotate", "marketer", "viewer", "reporting", "admin", "--yes", "--stack", "dev")
    assert result.code == 130
    assert result.out == (
        "marketer: refused: it has no spare: stage one first (klaviyo-access keys stage marketer --stack dev).\n"
    )
    assert "AWS goes on with the rotation of: viewer. Not asked for: reporting, admin." in result.err
    assert "'klaviyo-access keys status --stack dev'" in result.err


def test_a_stop_while_watching_prints_what_ended_before(
    command: Command, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("viewer", "reporting"):
        aws.labels[f"klaviyo/dev/{role}/reserve"] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}

    def promote_viewer(labels: dict[str, list[str]], version: str) -> None:
        (promote if labels is aws.labels[KEY] else stay_pending)(labels, version)

    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    aws.on_rotate = promote_viewer
    monkeypatch.setattr(keys_rotate, "Rotations", partial(Rotations, pause=stop))
    result = command("keys", "rotate", "viewer", "reporting", "--yes", "--stack", "dev")
    assert (result.code, result.out) == (130, f"viewer: rotated: {FP}\n")
    assert "AWS goes on with the rotation of: reporting." in result.err


@pytest.mark.parametrize(("typed", "code", "asked"), [("y\n", 0, 1), ("\n", 1, 0)])
def test_on_a_terminal_it_says_what_happens_and_asks(
    command: Command, aws: FakeAws, typed: str, code: int, asked: int
) -> None:
    aws.labels[RESERVE] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}
    aws.on_rotate = promote
    result = command("keys", "rotate", "viewer", "--stack", "dev", stdin=None, typed=typed)
    assert result.code == code
    assert "To rotate: viewer." in result.err
    assert aws.calls.count("RotateSecret") == asked


def test_without_a_terminal_nothing_rotates_unless_yes_is_given(command: Command, aws: FakeAws) -> None:
    aws.labels[RESERVE] = {"v0": ["AWSCURRENT"], "v1": [SPARE]}
    result = command("keys", "rotate", "viewer", "--stack", "dev")
    assert result.code == 2
    assert "To rotate: viewer." in result.err
    assert "Add --yes" in result.err
    assert "RotateSecret" not in aws.calls
