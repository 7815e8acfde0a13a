"""Log groups with deletion protection or another KMS key: what CloudWatch Logs does, and whose permission it takes."""

import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.engine.providers import ProviderError
from sandbox.provider.servicer import AwsProvider
from tests.sandbox.provider_bench import Bench
from tests.sandbox.running_sandbox import Sandbox
from tests.sandbox.stack_bench import environment


@pytest.fixture
def logs(sandbox: Sandbox) -> Any:
    return sandbox.client("logs")


def refused(call: Any, **asked: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**asked)
    return str(error.value.response["Error"]["Code"])


def protection(logs: Any, name: str) -> bool:
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return bool(group["deletionProtectionEnabled"])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("{ $.finding = * }", [1]),
        ('{ $.level = "INFO" }', [0]),
        ("{ $.level = * }", [0, 1]),
        ("START", [2]),
        ("", [0, 1, 2]),
    ],
)
def test_a_pattern_finds_the_events_that_match_it_and_no_others(logs: Any, pattern: str, found: list[int]) -> None:
    name = f"/filtered/{uuid.uuid4().hex}"
    said = ['{"level": "INFO"}', '{"level": "WARNING", "finding": "no-key"}', "START RequestId: 1"]
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in said]
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
    shown = logs.filter_log_events(logGroupName=name, filterPattern=pattern)["events"]
    assert [said.index(event["message"]) for event in shown] == found


@pytest.mark.parametrize("at_birth", [True, False])
@pytest.mark.parametrize("by_arn", [True, False])
def test_a_protected_group_and_its_streams_are_deleted_only_once_the_protection_is_taken_away(
    logs: Any, at_birth: bool, by_arn: bool
) -> None:
    name = f"/protected/{at_birth}-{by_arn}"
    logs.create_log_group(logGroupName=name, **({"deletionProtectionEnabled": True} if at_birth else {}))
    assert protection(logs, name) is at_birth
    identifier = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["logGroupArn"] if by_arn else name
    logs.put_log_group_deletion_protection(logGroupIdentifier=identifier, deletionProtectionEnabled=True)
    assert protection(logs, name)
    stream = {"logGroupName": name, "logStreamName": "one"}
    logs.create_log_stream(**stream)
    assert refused(logs.delete_log_stream, **stream) == "ValidationException"
    assert refused(logs.delete_log_group, logGroupName=name) == "ValidationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier=identifier, deletionProtectionEnabled=False)
    logs.delete_log_stream(**stream)
    logs.delete_log_group(logGroupName=name)


def test_a_group_that_is_not_there_is_not_protected(logs: Any) -> None:
    asked = {"logGroupIdentifier": "/none", "deletionProtectionEnabled": True}
    assert refused(logs.put_log_group_deletion_protection, **asked) == "ResourceNotFoundException"


def test_the_provider_protects_a_group_and_lets_go_of_it_again(
    logs: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(sandbox).items():
        monkeypatch.setenv(name, value)
    bench = Bench(AwsProvider(), {"region": "us-east-1", "skipMetadataApiCheck": "true"})
    inputs = {"name": "/provided", "deletionProtectionEnabled": True}
    made = bench.create("aws:cloudwatch/logGroup:LogGroup", inputs)
    assert protection(logs, "/provided")
    with pytest.raises(ProviderError, match="deletion protection"):
        bench.delete(made)
    bench.update(made, inputs | {"deletionProtectionEnabled": False})
    assert not protection(logs, "/provided")
    bench.delete(made)


def test_a_group_gets_another_kms_key_or_none_and_only_from_whoever_may(logs: Any, sandbox: Sandbox) -> None:
    first, other = (f"arn:aws:kms:us-east-1:000000000000:key/{name}" for name in ("first", "other"))
    logs.create_log_group(logGroupName="/encrypted", kmsKeyId=first)

    def key() -> str | None:
        (group,) = logs.describe_log_groups(logGroupNamePrefix="/encrypted")["logGroups"]
        found: str | None = group.get("kmsKeyId")
        return found

    engineer = sandbox.client_of(sandbox.sign_in("engineer"), "logs")
    asked = {"logGroupName": "/encrypted", "kmsKeyId": other}
    assert refused(engineer.associate_kms_key, **asked) == "AccessDeniedException"
    assert key() == first
    logs.associate_kms_key(**asked)
    assert key() == other
    logs.disassociate_kms_key(logGroupName="/encrypted")
    assert key() is None
    assert refused(logs.associate_kms_key, **asked | {"logGroupName": "/none"}) == "ResourceNotFoundException"
