"""The auditor as it is deployed: what it knows and may do, when it runs, who reads the custodian's key, who hears."""

import json
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.isolation.evaluator import Principal, Request, decide
from rotation.auditor.settings import ROLES_FILE, AuditorSettings
from tests.components.recording import Recorder, load_stack

AUDITOR = "arn:aws:iam::333333333333:role/klaviyo/prod/klaviyo-prod-key-auditor"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
HOUR = 3600


def function(recorder: Recorder) -> dict[str, Any]:
    return dict(recorder.of_type("aws:lambda/function:Function")["klaviyo-auditor-function"].inputs)


def readers(recorder: Recorder, secret: str) -> list[str]:
    policy = recorder.of_type("aws:secretsmanager/secretPolicy:SecretPolicy")[f"{secret}-policy"].inputs["policy"]
    (deny,) = [one for one in json.loads(policy)["Statement"] if one["Sid"] == "ReadByReadersAlone"]
    return list(deny["Condition"]["StringNotEquals"]["aws:PrincipalArn"])


def test_the_custodians_key_is_read_by_its_rotator_and_the_auditor_alone(prod: Recorder) -> None:
    rotator = AUDITOR.replace("key-auditor", "custodian-rotator")
    assert readers(prod, "klaviyo/prod/custodian/key") == [rotator, AUDITOR]


def test_the_auditor_reads_no_other_secret(prod: Recorder) -> None:
    secrets = [secret.inputs["name"] for secret in prod.of_type("aws:secretsmanager/secret:Secret").values()]
    assert [name for name in secrets if AUDITOR in readers(prod, name)] == ["klaviyo/prod/custodian/key"]
    policy = json.loads(prod.of_type("aws:iam/rolePolicy:RolePolicy")["klaviyo-auditor-policy"].inputs["policy"])
    (read,) = [one for one in policy["Statement"] if "secretsmanager:GetSecretValue" in one["Action"]]
    assert [arn.rpartition(":")[2] for arn in read["Resource"]] == ["klaviyo/prod/custodian/key"]


def test_whoever_else_reads_the_custodians_key_is_told_of(prod: Recorder) -> None:
    rule = prod.of_type("aws:cloudwatch/eventRule:EventRule")["klaviyo-audit-alerts-custodian-key-stranger"]
    assert AUDITOR in rule.inputs["eventPattern"]


def test_the_auditor_starts_rotations_of_every_role_and_puts_no_value(prod: Recorder) -> None:
    for secret, policy in prod.of_type("aws:secretsmanager/secretPolicy:SecretPolicy").items():
        by_sid = {one["Sid"]: one for one in json.loads(policy.inputs["policy"])["Statement"]}
        named = {sid: AUDITOR in one["Condition"]["StringNotEquals"]["aws:PrincipalArn"] for sid, one in by_sid.items()}
        assert named["RotateByOperatorsAlone"] is secret.endswith("/key-policy")
        assert not any(
            named[sid] for sid in ("WriteByWritersAlone", "LabelByTheRotatorAlone", "ManageByDeployersAlone")
        )


def test_it_runs_once_a_day_one_at_a_time_in_a_role_that_may_start_it_alone(prod: Recorder) -> None:
    (schedule,) = prod.of_type("aws:scheduler/schedule:Schedule").values()
    assert schedule.inputs["scheduleExpression"] == "cron(30 5 * * ? *)"
    target = schedule.inputs["target"]
    assert json.loads(target["input"]) == {"action": "audit"}
    assert [target[name].rpartition(":")[2] for name in ("arn", "roleArn")] == [
        "klaviyo-auditor-function",
        "klaviyo-auditor-schedule-role",
    ]
    trust = json.loads(prod.of_type("aws:iam/role:Role")["klaviyo-auditor-schedule-role"].inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "333333333333"}}
    assert (function(prod)["reservedConcurrentExecutions"], function(prod)["timeout"]) == (1, 900)
    assert function(prod)["name"] == load_stack("prod").environment.auditor_name


def test_its_bundle_says_which_roles_there_are_and_its_settings_read_that(tmp_path: Path, prod: Recorder) -> None:
    code = function(prod)["code"]
    (tmp_path / ROLES_FILE).write_text(code.assets[ROLES_FILE].text)
    settings = AuditorSettings.of(function(prod)["environment"]["variables"], tmp_path)
    access = load_stack("prod").access.in_environment("prod").roles
    assert {role.name: role.scopes for role in settings.roles} == {
        name: frozenset(role.scopes) for name, role in access.items()
    }
    viewer = next(role for role in settings.roles if role.name == "viewer")
    assert (viewer.key, viewer.reserve, viewer.rotator) == (
        "klaviyo/prod/viewer/key",
        "klaviyo/prod/viewer/reserve",
        "klaviyo-prod-viewer-rotator",
    )
    assert settings.custodian is not None
    assert (settings.custodian.name, settings.custodian.may_disable, settings.longest_age.days) == (
        "custodian",
        True,
        38,
    )


@pytest.mark.parametrize(
    ("alarm", "metric", "comparison", "silence"),
    [
        ("urgent", "UrgentFindings", "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("findings", "Findings", "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("silence", "Audits", "LessThanThreshold", "breaching"),
    ],
)
def test_what_it_finds_and_that_it_is_silent_reach_the_topic(
    prod: Recorder, alarm: str, metric: str, comparison: str, silence: str
) -> None:
    found = prod.of_type(ALARM)[f"klaviyo-auditor-{alarm}"].inputs
    assert (found["namespace"], found["metricName"], found["dimensions"]) == (
        "KlaviyoAccess",
        metric,
        {"Prefix": "klaviyo", "Environment": "prod"},
    )
    rotator = prod.of_type("aws:lambda/function:Function")["klaviyo-viewer-rotation-function"].inputs
    for told in (function(prod)["environment"]["variables"], rotator["environment"]["variables"]):
        assert found["dimensions"] == {"Prefix": told["PREFIX"], "Environment": told["ENVIRONMENT"]}
    assert (found["comparisonOperator"], found["treatMissingData"], found["threshold"]) == (comparison, silence, 1)
    assert found["alarmActions"][0].endswith(":klaviyo-audit-alerts-topic")
    assert found["name"].startswith("klaviyo-prod-")


def test_operators_read_the_log_of_every_function_that_the_runbook_sends_them_to(prod: Recorder) -> None:
    held = json.loads(prod.of_type("aws:iam/rolePolicy:RolePolicy")["klaviyo-operators-policy"].inputs["policy"])
    operator = Principal(arn="arn:aws:iam::333333333333:role/o")
    groups = [group.inputs["name"] for group in prod.of_type("aws:cloudwatch/logGroup:LogGroup").values()]
    functions = [name for name in groups if name.startswith("/aws/lambda/")]
    assert {"/aws/lambda/klaviyo-prod-key-auditor", "/aws/lambda/klaviyo-prod-viewer-rotator"} <= set(functions)
    read = {
        name: decide(
            Request(
                principal=operator,
                action="logs:FilterLogEvents",
                resource=f"arn:aws:logs:eu-west-1:333333333333:log-group:{name}",
            ),
            identity_policies={"own": held},
        ).allowed
        for name in groups
    }
    assert read == {name: name in functions for name in groups}


def test_silence_is_told_within_hours_of_the_audit_that_did_not_come(prod: Recorder) -> None:
    """CloudWatch waits for a few periods more than an alarm has; an alarm of a week in all is the longest it takes."""
    found = prod.of_type(ALARM)["klaviyo-auditor-silence"].inputs
    assert (found["statistic"], found["period"]) == ("Sum", HOUR)
    assert 25 <= found["evaluationPeriods"] <= 30


def test_an_audit_that_fails_is_told_at_once(prod: Recorder) -> None:
    found = prod.of_type(ALARM)["klaviyo-auditor-failures"].inputs
    assert (found["namespace"], found["metricName"], found["statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert found["dimensions"] == {"FunctionName": function(prod)["name"]}
    assert (found["comparisonOperator"], found["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (found["period"], found["evaluationPeriods"], found["treatMissingData"]) == (300, 1, "notBreaching")
    assert found["alarmActions"][0].endswith(":klaviyo-audit-alerts-topic")
    assert (found["name"], found["tags"]["environment"]) == ("klaviyo-prod-key-auditor-failed", "prod")
