"""The log group of audit entries: a service appends to its own streams there, and can do nothing else."""

import json
from typing import Any

import pytest

from components.policies.application_audit import ERASE, append_audit, verify_audit
from klaviyo_access.isolation.evaluator import Principal, Request, decide
from tests.components.recording import Build, load_stack, whole

ACCOUNT = "333333333333"
GROUP = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/klaviyo/prod/application-audit"
OTHER = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/klaviyo/prod/audit"
ARN = f"arn:aws:iam::{ACCOUNT}:role/klaviyo/prod/klaviyo-prod-app-api"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def allows(action: str, resource: str, *policies: dict[str, Any]) -> bool:
    request = Request(principal=Principal(arn=ARN, session_arn=ARN), action=action, resource=resource, context={})
    identity = {str(number): policy for number, policy in enumerate(policies)}
    return decide(request, identity_policies=identity, resource_policy=None).allowed


APPEND = append_audit(log_group_arn=GROUP, service="app-api")

REQUESTS = [
    ("logs:PutLogEvents", f"{GROUP}:log-stream:entries/app-api/0123456789abcdef", True),
    ("logs:PutLogEvents", f"{GROUP}:log-stream:anchors/app-api/0123456789abcdef", True),
    ("logs:CreateLogStream", f"{GROUP}:log-stream:anchors/app-api/0123456789abcdef", True),
    ("logs:PutLogEvents", f"{GROUP}:log-stream:entries/reporting/0123456789abcdef", False),
    ("logs:PutLogEvents", f"{GROUP}:log-stream:anchors/app-api-2/0123456789abcdef", False),
    ("logs:PutLogEvents", f"{OTHER}:log-stream:entries/app-api/0123456789abcdef", False),
    ("logs:CreateLogGroup", GROUP, False),
    ("logs:GetLogEvents", f"{GROUP}:log-stream:entries/app-api/0123456789abcdef", False),
    ("logs:FilterLogEvents", GROUP, False),
]


@pytest.mark.parametrize(("action", "resource", "expected"), REQUESTS)
def test_a_service_appends_to_its_own_streams_alone(action: str, resource: str, expected: bool) -> None:
    assert allows(action, resource, APPEND) is expected


@pytest.mark.parametrize("action", ERASE)
@pytest.mark.parametrize("resource", [GROUP, f"{GROUP}:*", f"{GROUP}:log-stream:anchors/app-api/0123456789abcdef"])
def test_a_service_never_erases_whatever_else_its_role_may_do(action: str, resource: str) -> None:
    assert allows(action, resource, EVERYTHING)
    assert not allows(action, resource, EVERYTHING, APPEND)


def test_whoever_verifies_reads_and_changes_nothing() -> None:
    policy = verify_audit(log_group_arn=GROUP)
    assert allows("logs:FilterLogEvents", f"{GROUP}:log-stream:entries/app-api/0123456789abcdef", policy)
    assert not allows("logs:PutLogEvents", f"{GROUP}:log-stream:anchors/app-api/0123456789abcdef", policy)
    assert not allows("logs:FilterLogEvents", OTHER, policy)
    assert not any(allows(action, GROUP, policy) for action in ERASE)


def test_the_log_group_has_a_key_of_its_own_and_the_retention_of_the_settings(build: Build) -> None:
    facts = load_stack("prod")
    settings = facts.settings.model_copy(update={"application_audit_retention_days": 731})
    recorder = build(lambda: whole("prod", settings=settings) and None)
    group = recorder.of_type("aws:cloudwatch/logGroup:LogGroup")["klaviyo-application-audit-log"].inputs
    assert (group["name"], group["retentionInDays"]) == ("/klaviyo/prod/application-audit", 731)
    assert group["deletionProtectionEnabled"] is True
    assert group["kmsKeyId"].endswith(":klaviyo/prod/application-audit")
    key = recorder.of_type("aws:kms/key:Key")["klaviyo/prod/application-audit"].inputs
    (use,) = [statement for statement in json.loads(key["policy"])["Statement"] if statement["Sid"] == "EncryptLogs"]
    assert use["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    assert use["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": GROUP}}


def test_every_service_of_the_settings_may_append_and_the_operators_may_verify(build: Build) -> None:
    facts = load_stack("prod")
    recorder = build(lambda: whole("prod") and None)
    policies = {
        resource.inputs["name"]: resource.inputs
        for resource in recorder.of_type("aws:iam/rolePolicy:RolePolicy").values()
        if "klaviyo-audit" in resource.inputs["name"]
    }
    assert set(policies) == {
        "verify-klaviyo-audit",
        *(f"append-klaviyo-audit-{service}" for service in facts.settings.services),
    }
    for service in facts.settings.services:
        policy = json.loads(policies[f"append-klaviyo-audit-{service}"]["policy"])
        assert policy == append_audit(log_group_arn=GROUP, service=service)
    assert policies["verify-klaviyo-audit"]["role"].endswith("klaviyo-operators-role")


def test_suspicious_entries_alarm_the_topic_that_lets_our_alarms_alone_publish(build: Build) -> None:
    recorder = build(lambda: whole("prod") and None)
    (found,) = recorder.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter").values()
    alarm = recorder.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")["klaviyo-suspicions-alarm"]
    made = found.inputs["metricTransformation"]
    assert (found.inputs["logGroupName"], found.inputs["pattern"]) == (
        "/klaviyo/prod/application-audit",
        '{ $.suspicious[0] = "*" }',
    )
    assert (made["namespace"], made["name"]) == (alarm.inputs["namespace"], alarm.inputs["metricName"])
    (topic,) = recorder.of_type("aws:sns/topic:Topic")
    assert [arn.rpartition(":")[2] for arn in alarm.inputs["alarmActions"]] == [topic]
    (policy,) = recorder.of_type("aws:sns/topicPolicy:TopicPolicy").values()
    (publish,) = [one for one in json.loads(policy.inputs["policy"])["Statement"] if one["Sid"] == "PublishAlarm"]
    alarms = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:klaviyo-prod-*"
    assert publish["Condition"] == {"ArnEquals": {"aws:SourceArn": alarms}}
    assert alarm.inputs["name"] == "klaviyo-prod-suspicious-entries"
    key = recorder.of_type("aws:kms/key:Key")["klaviyo/prod/audit"].inputs
    (use,) = [one for one in json.loads(key["policy"])["Statement"] if one["Sid"] == "EncryptAlarms"]
    assert set(use["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
