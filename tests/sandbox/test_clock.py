"""``python -m sandbox clock``: all of the sandbox lives later, its callers do not, and what is due happens."""

import json
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.clock import Clock, ClockError, read_span
from tests.sandbox.ended_sandbox import Process, until
from tests.sandbox.remembered_stories import deploy

DAY = 86400


@pytest.mark.parametrize(
    ("span", "seconds"), [("+31d", 31 * DAY), ("+90s", 90), ("+1.5h", 5400), ("+2w", 14 * DAY), ("-1m", -60)]
)
def test_a_span_is_a_sign_a_number_and_a_unit(span: str, seconds: float) -> None:
    assert read_span(span) == seconds


@pytest.mark.parametrize("span", ["31d", "+d", "+1y", "+1d2h", "", "+nand", "+1e9d"])
def test_another_span_is_refused(span: str) -> None:
    with pytest.raises(ClockError, match=r"as in \+31d"):
        read_span(span)


def test_the_clock_goes_forward_and_ten_years_at_the_most() -> None:
    clock = Clock()
    clock.move(DAY)
    clock.move(DAY)
    assert clock.offset == 2 * DAY
    for seconds in (-1.0, 20 * 366 * DAY):
        with pytest.raises(ClockError):
            clock.move(seconds)
    assert clock.offset == 2 * DAY


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A sandbox that was set up, moved 31 days ahead and killed, and has started again."""
    process = Process(tmp_path_factory.mktemp("clock") / "home")
    process.start()
    _set_up(process)
    moved = process.run("clock", "+31d")
    assert (moved.returncode, "31 days" in moved.stdout) == (0, True)
    with pytest.raises(ClientError, match="ExpiredToken"):
        process.client("sts").get_caller_identity()
    process.end(signal.SIGKILL)
    process.start()
    process.forget_credentials()
    yield process
    process.run("stop")


def _set_up(process: Process) -> None:
    secrets, kms = process.client("secretsmanager"), process.client("kms")
    arn = deploy(process, "rotator")
    for name, days in (("scheduled", 30), ("not-due", 60)):
        secrets.create_secret(Name=name, SecretString="old")
        rules = {"AutomaticallyAfterDays": days}
        secrets.rotate_secret(SecretId=name, RotationLambdaARN=arn, RotationRules=rules, RotateImmediately=False)
    for name, days in (("gone", 7), ("waiting", 30)):
        secrets.create_secret(Name=name, SecretString="x")
        secrets.delete_secret(SecretId=name, RecoveryWindowInDays=days)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=days)
        process.notes[name] = key
    process.notes["key"] = process.control("POST", "/sandbox/keys", {"name": "old", "scopes": ["lists:read"]})
    for name in ("scheduled", "not-due"):
        until(lambda: len(secrets.describe_secret(SecretId=name)["VersionIdsToStages"]) == 1)  # noqa: B023 - asked at once


def _is_a_month_ahead(moment: datetime | float) -> bool:
    seconds = moment if isinstance(moment, float) else moment.timestamp()
    return timedelta(days=30, hours=23) < timedelta(seconds=seconds - time.time()) < timedelta(days=31, hours=1)


def test_the_offset_outlives_the_process_and_is_shown(later: Process) -> None:
    shown = json.loads(later.run("clock", "--json").stdout)
    assert shown["secondsAhead"] == 31 * DAY
    assert _is_a_month_ahead(shown["now"])


@pytest.mark.parametrize("span", ["-31d", "-1s"])
def test_backwards_is_refused_with_the_reason(later: Process, span: str) -> None:
    refused = later.run("clock", span)
    assert (refused.returncode, "forward only" in refused.stderr, "future" in refused.stderr) == (1, True, True)
    assert "Traceback" not in refused.stderr


def test_callers_sign_by_the_machines_clock_and_see_the_sandboxs(later: Process) -> None:
    """botocore warns of no skew: the Date of answers stays the machine's; what they tell is later."""
    answer = later.client("secretsmanager").create_secret(Name="new", SecretString="x")
    date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert abs(date.timestamp() - time.time()) < 600
    assert _is_a_month_ahead(later.client("secretsmanager").describe_secret(SecretId="new")["CreatedDate"])


def _kms(process: Process) -> Any:
    return process.client("kms").create_key()["KeyMetadata"]["CreationDate"]


def _role(process: Process) -> Any:
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trusting = json.dumps({"Version": "2012-10-17", "Statement": trust})
    return process.client("iam").create_role(RoleName="new", AssumeRolePolicyDocument=trusting)["Role"]["CreateDate"]


def _object(process: Process) -> Any:
    process.client("s3").create_bucket(Bucket="new")
    process.client("s3").put_object(Bucket="new", Key="k", Body=b"")
    return process.client("s3").head_object(Bucket="new", Key="k")["LastModified"]


def _event(process: Process) -> Any:
    process.client("sns").create_topic(Name="new")
    named = [{"AttributeKey": "EventName", "AttributeValue": "CreateTopic"}]
    return process.client("cloudtrail").lookup_events(LookupAttributes=named)["Events"][0]["EventTime"]


def _function(process: Process) -> Any:
    answer = process.client("lambda").invoke(FunctionName="rotator", Payload=b"{}")
    return json.loads(answer["Payload"].read())["time"]


def _klaviyo_key(process: Process) -> Any:
    made = process.control("POST", "/sandbox/keys", {"name": "new", "scopes": ["lists:read"]})
    shown = {key["id"]: key["created"] for key in process.control("GET", "/sandbox/keys")}
    assert datetime.fromisoformat(shown[process.notes["key"]["id"]]).timestamp() < time.time()
    return datetime.fromisoformat(shown[made["id"]])


@pytest.mark.parametrize("made", [_kms, _role, _object, _event, _function, _klaviyo_key])
def test_every_part_lives_by_it(later: Process, made: Any) -> None:
    assert _is_a_month_ahead(made(later))


def test_what_is_due_happened(later: Process) -> None:
    secrets = later.client("secretsmanager")
    names = {secret["Name"] for secret in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]}
    assert {"gone", "waiting"}.isdisjoint(names)
    until(lambda: secrets.get_secret_value(SecretId="scheduled")["SecretString"] == "new")
    assert secrets.get_secret_value(SecretId="not-due")["SecretString"] == "old"
    rotated = secrets.describe_secret(SecretId="scheduled")
    assert _is_a_month_ahead(rotated["LastRotatedDate"])
    kms = later.client("kms")
    for name in ("gone", "waiting"):
        with pytest.raises(kms.exceptions.NotFoundException):
            kms.describe_key(KeyId=later.notes[name])
    assert [alias for alias in kms.list_aliases()["Aliases"] if alias["AliasName"] in {"alias/gone"}] == []
