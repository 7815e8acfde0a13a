"""Rotation: the four steps, retries, what interrupts it, and the schedule.

Quotations are botocore's model text of the operation named.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.secrets_manager.state import DAY, HOUR
from tests.sandbox.secrets_manager_bench import FUNCTION, NOON, Bench, token


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        bench.secret("s")
        bench.put(1)
        yield bench


async def rotator(bench: Bench, event: Json) -> None:
    """A rotation function that does what it should."""
    secret, version = event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        await bench.calling(
            "PutSecretValue",
            SecretId=secret,
            ClientRequestToken=version,
            SecretString="new",
            VersionStages=["AWSPENDING"],
        )
    if event["Step"] == "finishSecret":
        versions = (await bench.calling("DescribeSecret", SecretId=secret))["VersionIdsToStages"]
        current = next((found for found, stages in versions.items() if "AWSCURRENT" in stages), None)
        if current != version:
            leaving = {"RemoveFromVersionId": current} if current else {}
            await bench.calling(
                "UpdateSecretVersionStage",
                SecretId=secret,
                VersionStage="AWSCURRENT",
                MoveToVersionId=version,
                **leaving,
            )


def rotate(bench: Bench, number: int = 2, **parameters: Any) -> Json:
    return bench.call(
        "RotateSecret",
        SecretId="s",
        ClientRequestToken=token(number),
        RotationLambdaARN=FUNCTION,
        **parameters,
    )


def names(bench: Bench) -> list[str]:
    return [name for name, _ in bench.events]


def test_a_rotation_runs_the_four_steps_and_ends_with_its_version_current(bench: Bench) -> None:
    bench.step = rotator
    answer = rotate(bench, RotationRules={"ScheduleExpression": "cron(0 4 1 * ? *)"})
    assert answer["VersionId"] == token(2)
    bench.now += 60
    bench.rotated()
    assert [step["Step"] for step in bench.steps] == ["createSecret", "setSecret", "testSecret", "finishSecret"]
    assert {step["ClientRequestToken"] for step in bench.steps} == {token(2)}
    assert bench.stages() == {1: {"AWSPREVIOUS"}, 2: {"AWSCURRENT"}}
    assert bench.events == [("RotationStarted", answer["ARN"]), ("RotationSucceeded", answer["ARN"])]
    described = bench.call("DescribeSecret", SecretId="s")
    assert described["LastRotatedDate"] == NOON + 60
    assert described["RotationLambdaARN"] == FUNCTION
    assert described["RotationRules"] == {"ScheduleExpression": "cron(0 4 1 * ? *)"}


def held(bench: Bench) -> asyncio.Event:
    """Hold every step until the event is set."""
    gate = asyncio.Event()

    async def wait(_bench: Bench, _event: Json) -> None:
        await gate.wait()

    bench.step = wait
    return gate


def test_rotate_secret_answers_while_the_first_step_still_runs(bench: Bench) -> None:
    gate = held(bench)
    rotate(bench)
    assert bench.stages() == {1: {"AWSCURRENT"}, 2: {"AWSPENDING"}}
    assert rotate_refused(bench, 3).code == "InvalidRequestException"
    assert names(bench) == ["RotationStarted"]
    gate.set()
    bench.rotated()
    assert len(bench.steps) == 4


def test_the_pending_version_has_no_value_until_create_secret_puts_one(bench: Bench) -> None:
    rotate(bench)
    refused = bench.refusal("GetSecretValue", SecretId="s", VersionStage="AWSPENDING")
    assert refused.code == "ResourceNotFoundException"
    assert [found["VersionId"] for found in bench.call("ListSecretVersionIds", SecretId="s")["Versions"]] == [token(1)]
    bench.rotated()


def test_a_rotation_announces_its_version_also_where_the_current_one_is_still_called_pending(bench: Bench) -> None:
    seen: list[Json] = []

    async def look(bench: Bench, _: Json) -> None:
        seen.append((await bench.calling("DescribeSecret", SecretId="s"))["VersionIdsToStages"])

    bench.put(2, "AWSCURRENT", "AWSPENDING")
    bench.step = look
    rotate(bench, 3)
    bench.rotated()
    assert seen[0] == {token(1): ["AWSPREVIOUS"], token(2): ["AWSCURRENT"], token(3): ["AWSPENDING"]}


def test_a_failing_rotation_is_begun_three_times_and_leaves_its_pending_version(bench: Bench) -> None:
    def fail(_bench: Bench, event: Json) -> None:
        if event["Step"] == "testSecret":
            raise AwsError("Unhandled", "KeyRefused")

    bench.step = fail
    rotate(bench)
    bench.rotated()
    assert [step["Step"] for step in bench.steps] == ["createSecret", "setSecret", "testSecret"] * 3
    assert bench.pauses == [1.5, 1.5]
    assert names(bench) == ["RotationStarted", "RotationFailed"]
    assert bench.stages() == {1: {"AWSCURRENT"}, 2: {"AWSPENDING"}}
    assert "LastRotatedDate" not in bench.call("DescribeSecret", SecretId="s")


def test_a_rotation_that_fails_once_succeeds_with_the_same_token(bench: Bench) -> None:
    async def fail_once(bench: Bench, event: Json) -> None:
        if len(bench.steps) == 3:
            raise AwsError("TooManyRequestsException", "Rate exceeded")
        await rotator(bench, event)

    bench.step = fail_once
    rotate(bench)
    bench.rotated()
    assert names(bench) == ["RotationStarted", "RotationSucceeded"]
    assert bench.stages() == {1: {"AWSPREVIOUS"}, 2: {"AWSCURRENT"}}


def test_steps_that_move_nothing_are_a_failed_rotation(bench: Bench) -> None:
    rotate(bench)
    bench.rotated()
    assert names(bench) == ["RotationStarted", "RotationFailed"]


def rotate_refused(bench: Bench, number: int, **parameters: Any) -> AwsError:
    given: Json = {"RotationLambdaARN": FUNCTION, **parameters}
    return bench.refusal("RotateSecret", SecretId="s", ClientRequestToken=token(number), **given)


def test_the_same_token_while_its_rotation_runs_begins_nothing_new(bench: Bench) -> None:
    bench.step = rotator
    first = rotate(bench)
    assert rotate(bench) == first
    bench.rotated()
    assert names(bench) == ["RotationStarted", "RotationSucceeded"]


def test_a_repeated_write_of_the_same_value_abandons_nothing(bench: Bench) -> None:
    async def repeat(bench: Bench, event: Json) -> None:
        await bench.calling("PutSecretValue", SecretId="s", ClientRequestToken=token(1), SecretString="value 1")
        await rotator(bench, event)

    bench.step = repeat
    rotate(bench)
    bench.rotated()
    assert names(bench) == ["RotationStarted", "RotationSucceeded"]


def test_cancelling_stops_before_the_next_step_and_leaves_pending(bench: Bench) -> None:
    """CancelRotateSecret: "If you cancel a rotation in progress, it can leave the VersionStage labels in an unexpected
    state"."""

    async def cancel(bench: Bench, event: Json) -> None:
        await rotator(bench, event)
        answer = await bench.calling("CancelRotateSecret", SecretId="s")
        assert answer["VersionId"] == token(2)

    bench.step = cancel
    rotate(bench, RotationRules={"AutomaticallyAfterDays": 30})
    bench.rotated()
    assert len(bench.steps) == 1
    assert names(bench) == ["RotationStarted"]
    assert bench.stages() == {1: {"AWSCURRENT"}, 2: {"AWSPENDING"}}
    described = bench.call("DescribeSecret", SecretId="s")
    assert described["RotationEnabled"] is False
    assert described["RotationLambdaARN"] == FUNCTION
    assert "NextRotationDate" not in described


def test_a_deleted_secret_is_rotated_no_further(bench: Bench) -> None:
    async def delete(bench: Bench, event: Json) -> None:
        await bench.calling("DeleteSecret", SecretId=event["SecretId"])

    bench.step = delete
    rotate(bench)
    bench.rotated()
    assert len(bench.steps) == 1
    bench.call("RestoreSecret", SecretId="s")
    bench.put(3)
    assert names(bench) == ["RotationStarted"]


@pytest.mark.parametrize(
    ("fails", "outcome"), [(False, "TestRotationSucceeded"), (True, "TestRotationFailed")], ids=["passes", "fails"]
)
def test_rotate_immediately_false_tests_the_configuration_and_removes_its_version(
    bench: Bench, *, fails: bool, outcome: str
) -> None:
    """RotateImmediately: "This test creates an AWSPENDING version of the secret and then removes it"."""

    async def probe(bench: Bench, _event: Json) -> None:
        described = await bench.calling("DescribeSecret", SecretId="s")
        assert described["VersionIdsToStages"][token(2)] == ["AWSPENDING"]
        if fails:
            raise AwsError("Unhandled", "Refused")

    bench.step = probe
    rotate(bench, RotateImmediately=False, RotationRules={"ScheduleExpression": "rate(10 days)"})
    bench.rotated()
    assert [step["Step"] for step in bench.steps] == ["testSecret"]
    assert bench.stages() == {1: {"AWSCURRENT"}}
    assert names(bench) == ["TestRotationStarted", outcome]
    assert bench.call("DescribeSecret", SecretId="s")["RotationEnabled"] is True


@pytest.mark.parametrize(
    ("denied", "text"),
    [
        ("arn:aws:iam::000000000000:role/alice", "is not authorized to perform: lambda:InvokeFunction"),
        ("secretsmanager.amazonaws.com", "Secrets Manager cannot invoke the specified Lambda function."),
    ],
)
def test_rotation_needs_the_function_for_its_caller_and_for_the_service(bench: Bench, denied: str, text: str) -> None:
    """RotateSecret: "You also need lambda:InvokeFunction permissions on the rotation function"."""
    bench.denies = lambda asked: asked.action == "lambda:InvokeFunction" and asked.principal == denied
    refused = rotate_refused(bench, 2)
    assert refused.code == "AccessDeniedException"
    assert text in refused.message
    assert bench.stages() == {1: {"AWSCURRENT"}}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"RotationLambdaARN": ""}, "InvalidRequestException"),
        ({"RotationLambdaARN": "rotator"}, "InvalidParameterException"),
        ({"RotationLambdaARN": FUNCTION.replace("us-east-1", "eu-west-1")}, "InvalidParameterException"),
        ({"RotationRules": {}}, "InvalidParameterException"),
        ({"ExternalSecretRotationMetadata": []}, "UnsupportedOperationException"),
    ],
)
def test_what_rotate_secret_refuses(bench: Bench, parameters: Json, code: str) -> None:
    assert rotate_refused(bench, 2, **parameters).code == code
    assert bench.steps == []


def test_the_schedule_starts_one_rotation_in_its_window(bench: Bench) -> None:
    bench.step = rotator
    rotate(bench, RotateImmediately=False, RotationRules={"ScheduleExpression": "cron(0 4 ? * * *)", "Duration": "2h"})
    bench.rotated()
    midnight = NOON + 12 * HOUR
    assert bench.call("DescribeSecret", SecretId="s")["NextRotationDate"] == midnight + 6 * HOUR
    bench.now = midnight + 4 * HOUR - 1
    bench.tick()
    assert names(bench)[2:] == []
    bench.now += 1
    bench.tick()
    bench.tick()
    assert names(bench)[2:] == ["RotationStarted", "RotationSucceeded"]
    assert bench.call("DescribeSecret", SecretId="s")["NextRotationDate"] == midnight + DAY + 6 * HOUR


def test_a_failed_scheduled_rotation_leaves_its_date_in_the_past_and_wedges_the_next_window(bench: Bench) -> None:
    """NextRotationDate: "If rotation is unsuccessful, this date may be in the past"."""
    rotate(bench, RotateImmediately=False, RotationRules={"ScheduleExpression": "rate(10 days)"})
    bench.rotated()
    bench.events.clear()
    bench.steps.clear()
    bench.now = NOON + 10 * DAY
    bench.tick()
    bench.tick()
    assert names(bench) == ["RotationStarted", "RotationFailed"]
    due = bench.call("DescribeSecret", SecretId="s")["NextRotationDate"]
    bench.now += 10 * DAY
    bench.tick()
    assert names(bench) == ["RotationStarted", "RotationFailed", "RotationFailed"]
    assert bench.call("DescribeSecret", SecretId="s")["NextRotationDate"] == due < bench.now
