"""Rotation of secrets by a Lambda function: its steps, what interrupts it, what is left, and its schedule."""

from collections.abc import Mapping
from datetime import UTC, timedelta

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.rotations import Rotator, Step, script, steps
from tests.conformance.secret import CURRENT, PENDING, PREVIOUS, Secret, create, refusal

pytestmark = pytest.mark.every_reading
HOW = "user guide, how rotation works"
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
WEDGED = (
    "If the AWSPENDING staging label is present but not attached to the same version as AWSCURRENT, "
    "then any later invocation of RotateSecret assumes that a previous rotation request is still "
    "in progress and returns an error."
)


def told(account: Account, **script_of: object) -> Secret:
    """A secret whose rotation function does as it is told; see ``rotation_function``."""
    return create(account, SecretString="first", Description=script(**script_of))


def failed(account: Account, rotator: Rotator) -> tuple[Secret, str]:
    """A secret whose rotation failed for good, and the version that has AWSPENDING."""
    secret = told(account, fail={"testSecret": 99})
    rotator.rotate(secret)
    rotator.events(secret, "RotationFailed")
    return secret, next(version for version, stages in secret.stages().items() if PENDING in stages)


@documented(HOW, "the function is called with createSecret, setSecret, testSecret, finishSecret, under one token")
def test_a_rotation_calls_its_four_steps_under_one_token(secret: Secret, rotator: Rotator) -> None:
    token = rotator.rotated(secret)
    assert [(step.name, step.token) for step in steps(secret)] == [(name, token) for name in STEPS]


@pytest.mark.settles("step-names")
@documented(HOW, "the event's Step is createSecret in the templates and create_secret in the newer text")
def test_a_step_is_spelled_in_one_way(account: Account, secret: Secret, rotator: Rotator) -> None:
    rotator.rotated(secret)
    spelled = [step.spelling for step in steps(secret)]
    assert spelled in (STEPS, ["create_secret", "set_secret", "test_secret", "finish_secret"])
    account.settle("step-names", "camel" if spelled == STEPS else "snake")


@documented(HOW, "finishSecret moves AWSCURRENT to the new version, and AWSPREVIOUS follows")
def test_a_rotated_secret_has_its_new_value_and_the_one_before(secret: Secret, rotator: Rotator) -> None:
    token = rotator.rotated(secret)
    assert (secret.read(), secret.read(VersionStage=PREVIOUS)) == (f"value of {token}", "first")


@cites(
    "RotateSecret",
    "When rotation is successful, the AWSPENDING staging label might be attached to the same version as the "
    "AWSCURRENT version, or it might not be attached to any version.",
)
def test_pending_is_nowhere_else_after_a_rotation(secret: Secret, rotator: Rotator) -> None:
    token = rotator.rotated(secret)
    assert {version for version, stages in secret.stages().items() if PENDING in stages} <= {token}


@cites("RotateSecret", "A unique identifier for the new version of the secret.")
def test_the_token_of_a_rotation_is_the_id_of_its_version(secret: Secret, rotator: Rotator) -> None:
    token = "0b37cbc2-5d4f-4b80-8d32-a1a1c3b8b6f7"
    assert rotator.rotate(secret, ClientRequestToken=token) == token
    assert secret.account.until(lambda: CURRENT in secret.stages().get(token, ()), "the new version")


@documented(HOW, "AWSPENDING is on a version without a value before createSecret puts one")
def test_the_pending_version_has_no_value_before_create_secret(secret: Secret, rotator: Rotator) -> None:
    rotator.rotated(secret)
    assert [step.value for step in steps(secret)] == ["empty", "filled", "filled", "filled"]


@cites("DescribeSecret", "The last date and time that Secrets Manager rotated the secret.")
@cites("DescribeSecret", "Specifies whether automatic rotation is turned on for this secret.")
def test_a_rotated_secret_is_described_with_its_rotation(secret: Secret, rotator: Rotator) -> None:
    rotator.rotated(secret)
    described = secret.described()
    assert (described["RotationEnabled"], described["RotationLambdaARN"]) == (True, rotator.arn)
    assert described["LastRotatedDate"] >= described["CreatedDate"]


@documented(HOW, "AWS records RotationStarted and RotationSucceeded as service events, without a caller")
def test_a_rotation_leaves_its_start_and_its_success_in_the_trail(secret: Secret, rotator: Rotator) -> None:
    rotator.rotated(secret)
    assert rotator.events(secret, "RotationSucceeded") == ["RotationStarted", "RotationSucceeded"]


@documented(HOW, "the first rotation of a secret without a value gives it one")
def test_a_secret_without_a_value_gets_its_first_by_rotation(empty: Secret, rotator: Rotator) -> None:
    token = rotator.rotated(empty)
    assert empty.read() == f"value of {token}"


@documented("user guide, troubleshoot rotation", "a step that raises fails the rotation, which is tried again")
def test_a_rotation_that_fails_once_is_tried_again_and_succeeds(account: Account, rotator: Rotator) -> None:
    secret = told(account, fail={"testSecret": 1})
    rotator.rotate(secret)
    assert rotator.events(secret, "RotationSucceeded") == ["RotationStarted", "RotationSucceeded"]
    assert [step.name for step in steps(secret)][-2:] == ["testSecret", "finishSecret"]
    assert secret.read(VersionStage=PREVIOUS) == "first"


@pytest.mark.settles("retry")
@documented("user guide, troubleshoot rotation", "a rotation that fails is tried again; no document says how")
def test_a_rotation_is_tried_again_in_one_way(account: Account, rotator: Rotator) -> None:
    secret = told(account, fail={"testSecret": 1})
    rotator.rotate(secret)

    def again() -> Step | None:
        done = steps(secret)
        return done[3] if len(done) > 3 else None

    next_step, first = account.until(again, "the second attempt"), steps(secret)[0]
    seen = ("resumed" if next_step.name != "createSecret" else "again") if next_step.token == first.token else "renewed"
    account.settle("retry", seen)


@cites(
    "RotateSecret",
    "When rotation is unsuccessful, the AWSPENDING staging label might be attached to an empty secret version.",
)
def test_a_failed_rotation_leaves_pending_and_changes_nothing_current(account: Account, rotator: Rotator) -> None:
    secret, pending = failed(account, rotator)
    assert secret.stages()[pending] == {PENDING}
    assert secret.read() == "first"
    assert "LastRotatedDate" not in secret.described()


@cites("RotateSecret", WEDGED)
def test_pending_that_was_left_refuses_the_next_rotation(account: Account, rotator: Rotator) -> None:
    secret, _ = failed(account, rotator)
    assert secret.refused("rotate_secret") == "InvalidRequestException"


@cites("RotateSecret", WEDGED)
def test_pending_that_a_hand_has_put_refuses_a_rotation(secret: Secret, rotator: Rotator) -> None:
    secret.put("pending", PENDING)
    assert secret.refused("rotate_secret", RotationLambdaARN=rotator.arn) == "InvalidRequestException"


@documented("user guide, troubleshoot rotation", "remove AWSPENDING from the version to rotate again")
def test_a_rotation_begins_again_once_pending_is_taken_off(account: Account, rotator: Rotator) -> None:
    secret, pending = failed(account, rotator)
    secret.move(PENDING, source=pending)
    secret.client.update_secret(SecretId=secret.arn, Description="{}")
    assert rotator.rotated(secret) != pending


@cites("CancelRotateSecret", "Failing to clean up a cancelled rotation can block you from starting future rotations.")
def test_cancelling_does_not_take_pending_off(account: Account, rotator: Rotator) -> None:
    secret, pending = failed(account, rotator)
    secret.client.cancel_rotate_secret(SecretId=secret.arn)
    assert secret.stages()[pending] == {PENDING}
    assert secret.refused("rotate_secret") == "InvalidRequestException"


@cites("CancelRotateSecret", "Turns off automatic rotation")
@cites(
    "DescribeSecret",
    "If the secret previously had rotation turned on, but it is now turned off, this field shows the previous "
    "rotation schedule and rotation function.",
)
def test_cancelling_switches_rotation_off_and_keeps_its_settings(secret: Secret, rotator: Rotator) -> None:
    rotator.rotated(secret)
    secret.client.cancel_rotate_secret(SecretId=secret.arn)
    described = secret.described()
    assert (described["RotationEnabled"], described["RotationLambdaARN"]) == (False, rotator.arn)
    assert "NextRotationDate" not in described


@cites("CancelRotateSecret", "To turn on automatic rotation again, call RotateSecret.")
def test_a_cancelled_rotation_is_switched_on_again_without_naming_its_function(
    secret: Secret, rotator: Rotator
) -> None:
    rotator.rotated(secret)
    secret.client.cancel_rotate_secret(SecretId=secret.arn)
    secret.client.rotate_secret(SecretId=secret.arn)
    assert secret.described()["RotationEnabled"] is True


@documented(
    "user guide, troubleshoot rotation", "a value that is put during a rotation makes AWS abandon it: RotationAbandoned"
)
def test_a_foreign_write_abandons_the_rotation(account: Account, rotator: Rotator) -> None:
    secret = told(account, foreign="setSecret")
    rotator.rotate(secret)
    assert rotator.events(secret, "RotationAbandoned") == ["RotationStarted", "RotationAbandoned"]
    assert secret.read() == "foreign"
    assert "finishSecret" not in {step.name for step in steps(secret)}


@pytest.mark.settles("abandoned-pending")
@documented(
    "user guide, troubleshoot rotation", "AWS abandons the rotation; no document says what becomes of AWSPENDING"
)
def test_an_abandoned_rotation_leaves_pending_or_takes_it_off(account: Account, rotator: Rotator) -> None:
    secret = told(account, foreign="setSecret")
    token = rotator.rotate(secret)
    rotator.events(secret, "RotationAbandoned")
    pending = [version for version, stages in secret.stages().items() if PENDING in stages]
    assert pending in ([], [token])
    account.settle("abandoned-pending", "stays" if pending else "removed")


@cites(
    "RotateSecret",
    "Secrets Manager tests the rotation configuration by running the testSecret step of the Lambda rotation function.",
)
def test_a_rotation_that_is_not_immediate_tests_its_configuration_alone(secret: Secret, rotator: Rotator) -> None:
    rotator.rotate(secret, immediately=False, RotationRules={"ScheduleExpression": "rate(10 days)"})
    secret.account.until(lambda: steps(secret), "the test of the configuration")
    rotator.events(secret, "TestRotationSucceeded")
    assert [step.name for step in steps(secret)] == ["testSecret"]
    assert secret.read() == "first"


@cites("RotateSecret", "This test creates an AWSPENDING version of the secret and then removes it.")
def test_the_test_of_a_configuration_leaves_no_version(secret: Secret, rotator: Rotator) -> None:
    before = secret.stages()
    rotator.rotate(secret, immediately=False, RotationRules={"ScheduleExpression": "rate(10 days)"})
    tested = secret.account.until(lambda: steps(secret), "the test of the configuration")
    assert tested[0].token not in before
    secret.account.until(lambda: secret.stages() == before, "the end of the version")


@pytest.mark.settles("tested-version")
@cites("RotateSecret", "This test creates an AWSPENDING version of the secret and then removes it.")
def test_the_version_of_a_configuration_test_is_empty_or_a_copy(
    account: Account, secret: Secret, rotator: Rotator
) -> None:
    rotator.rotate(secret, immediately=False, RotationRules={"ScheduleExpression": "rate(10 days)"})
    tested = account.until(lambda: steps(secret), "the test of the configuration")
    account.settle("tested-version", "empty" if tested[0].value == "empty" else "copy")


@documented("user guide, rotation events", "a test of the configuration that fails leaves TestRotationFailed")
def test_a_configuration_that_fails_its_test_says_so_in_the_trail(account: Account, rotator: Rotator) -> None:
    secret = told(account, fail={"testSecret": 99})
    rotator.rotate(secret, immediately=False, RotationRules={"ScheduleExpression": "rate(10 days)"})
    assert rotator.events(secret, "TestRotationFailed") == ["TestRotationStarted", "TestRotationFailed"]


@cites(
    "RotateSecret",
    "You tried to enable rotation on a secret that doesn't already have a Lambda function ARN configured and you "
    "didn't include such an ARN as a parameter in this call.",
)
def test_a_first_rotation_names_its_function(secret: Secret) -> None:
    assert secret.refused("rotate_secret") == "InvalidRequestException"


@cites(
    "RotateSecret",
    "If you don't include the configuration parameters, the operation starts a rotation with the values already "
    "stored in the secret.",
)
def test_a_later_rotation_needs_no_function_named(secret: Secret, rotator: Rotator) -> None:
    first = rotator.rotated(secret)
    second = secret.client.rotate_secret(SecretId=secret.arn)["VersionId"]
    secret.account.until(lambda: CURRENT in secret.stages().get(second, ()), "the second rotation")
    assert secret.stages()[first] == {PREVIOUS}


BAD_RULES = {
    "days and an expression": {"AutomaticallyAfterDays": 30, "ScheduleExpression": "rate(30 days)"},
    "more often than every four hours": {"ScheduleExpression": "rate(3 hours)"},
    "minutes": {"ScheduleExpression": "cron(30 4 * * ? *)"},
    "a window into the next day": {"ScheduleExpression": "cron(0 20 * * ? *)", "Duration": "6h"},
}


@cites("RotateSecret", "with AutomaticallyAfterDays or ScheduleExpression, but not both.")
@cites("RotateSecret", "You can rotate a secret as often as every four hours.")
@cites("RotateSecret", "The window must not extend into the next rotation window or the next UTC day.")
@pytest.mark.parametrize("rules", BAD_RULES.values(), ids=BAD_RULES)
def test_a_schedule_that_cannot_be_is_refused(secret: Secret, rotator: Rotator, rules: Mapping[str, object]) -> None:
    refused = refusal(
        secret.client.rotate_secret, SecretId=secret.arn, RotationLambdaARN=rotator.arn, RotationRules=rules
    )
    assert refused in {"InvalidParameterException", "ValidationException"}


@cites("DescribeSecret", "The next rotation is scheduled to occur on or before this date.")
def test_a_schedule_shows_its_next_date(secret: Secret, rotator: Rotator) -> None:
    rotator.rotate(
        secret, immediately=False, RotationRules={"ScheduleExpression": "cron(0 4 * * ? *)", "Duration": "2h"}
    )
    due = secret.described()["NextRotationDate"]
    assert 0 < (due - secret.described()["CreatedDate"]).total_seconds() <= 26 * 3600


@cites(
    "RotateSecret",
    "Manually updating the secret value by calling PutSecretValue or UpdateSecret is considered a valid rotation.",
)
def test_a_value_put_by_hand_postpones_a_schedule_in_days(account: Account, secret: Secret, rotator: Rotator) -> None:
    assert is_postponed(account, secret, rotator, {"AutomaticallyAfterDays": 10})


@cites("RotateSecret", "use a ScheduleExpression with cron() for granular control over rotation windows.")
def test_a_value_put_by_hand_postpones_no_cron(account: Account, secret: Secret, rotator: Rotator) -> None:
    in_two_weeks = secret.described()["CreatedDate"].astimezone(UTC) + timedelta(days=14)
    rules = {"ScheduleExpression": f"cron(0 0 {min(in_two_weeks.day, 28)} * ? *)"}
    assert not is_postponed(account, secret, rotator, rules)


@pytest.mark.settles("rate-after-put")
@cites(
    "RotateSecret",
    "Manually updating the secret value by calling PutSecretValue or UpdateSecret is considered a valid rotation.",
)
def test_a_value_put_by_hand_postpones_a_rate_or_does_not(account: Account, secret: Secret, rotator: Rotator) -> None:
    postponed = is_postponed(account, secret, rotator, {"ScheduleExpression": "rate(10 days)"})
    account.settle("rate-after-put", "postponed" if postponed else "kept")


def is_postponed(account: Account, secret: Secret, rotator: Rotator, rules: Mapping[str, object]) -> bool:
    """Whether a value that is put three days later moves the next rotation."""
    rotator.rotate(secret, immediately=False, RotationRules=rules)
    account.until(lambda: steps(secret), "the test of the configuration")
    client = account.client("secretsmanager")
    before = client.describe_secret(SecretId=secret.arn)["NextRotationDate"]
    account.pass_days(3)
    client = account.client("secretsmanager")
    client.put_secret_value(SecretId=secret.arn, SecretString="by hand")
    return bool(client.describe_secret(SecretId=secret.arn)["NextRotationDate"] > before)
