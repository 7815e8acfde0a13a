"""Services whose platform injects their key are deployed anew once it has changed, and nothing more of ECS is done."""

import json
from typing import Any

import pytest

from components.alerts.detections import key_changed
from components.functions.redeployment import deploy_anew
from components.settings import Settings
from klaviyo_access.isolation.evaluator import Principal, Request, decide
from tests.components.recording import Build, Recorder, load_stack, whole
from tests.components.test_runbook import ROWS

PLACE = {"cluster": "apps", "service": "console"}
SERVICE = "arn:aws:ecs:eu-west-1:111111111111:service/apps/console"
LOG = "arn:aws:logs:eu-west-1:111111111111:log-group:/aws/lambda/klaviyo-dev-redeployer"


def settings(**redeploy: Any) -> Settings:
    given = load_stack("dev").settings
    injected = {"platform": "ecs-injected", **redeploy}
    return Settings.model_validate(
        given.model_dump(by_alias=True, exclude_unset=True) | {"services": {"admin-console": injected}}
    )


@pytest.fixture
def deployed(build: Build) -> Recorder:
    return build(lambda: whole("dev", settings=settings(redeploy=PLACE)) and None)


def test_without_a_setting_nothing_is_deployed_anew(build: Build) -> None:
    recorder = build(lambda: whole("dev", settings=settings()) and None)
    assert not [resource for resource in recorder.resources if "redeploy" in resource.name]


def test_a_changed_key_of_its_role_starts_the_named_deployment(deployed: Recorder) -> None:
    rule = deployed.of_type("aws:cloudwatch/eventRule:EventRule")["klaviyo-redeployment-admin-console"].inputs
    (succeeded, moved) = json.loads(rule["eventPattern"])["detail"]["$or"]
    secrets = {*succeeded["additionalEventData"]["SecretId"], *moved["requestParameters"]["secretId"]}
    assert [arn.rpartition(":")[2] for arn in secrets] == ["klaviyo/dev/admin/key"]
    target = deployed.of_type("aws:cloudwatch/eventTarget:EventTarget")["klaviyo-redeployment-admin-console-target"]
    assert json.loads(target.inputs["input"]) == {"action": "redeploy", "service": "admin-console"}
    function = deployed.of_type("aws:lambda/function:Function")["klaviyo-redeployment-function"].inputs
    assert json.loads(function["environment"]["variables"]["ECS_SERVICES"]) == {"admin-console": PLACE}
    assert function["handler"] == "rotation.redeployer.handler"
    policy = json.loads(
        deployed.of_type("aws:iam/rolePolicy:RolePolicy")["klaviyo-redeployment-policy"].inputs["policy"]
    )
    redeploy, log = policy["Statement"]
    assert (redeploy["Effect"], redeploy["Action"], redeploy["Resource"]) == ("Allow", ["ecs:UpdateService"], [SERVICE])
    assert (log["Effect"], log["Action"]) == ("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"])
    assert [arn.rpartition("111111111111:")[2] for arn in log["Resource"]] == ["klaviyo-redeployment-log:*"]


def test_a_deployment_that_fails_is_told_and_the_runbook_says_what_to_do(deployed: Recorder) -> None:
    alarm = deployed.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")["klaviyo-redeployment-failures"].inputs
    function = deployed.of_type("aws:lambda/function:Function")["klaviyo-redeployment-function"].inputs
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/Lambda", "Errors")
    assert alarm["dimensions"] == {"FunctionName": function["name"]}
    assert alarm["alarmActions"][0].endswith(":klaviyo-audit-alerts-topic")
    assert alarm["name"] == "klaviyo-dev-redeployment-failed"
    assert "update-service" in ROWS["redeployment-failed"]


def test_a_rotation_and_a_roll_back_count_as_a_change() -> None:
    succeeded, moved = key_changed(secret_arns=["arn:b", "arn:a"])["detail"]["$or"]
    assert succeeded == {
        "eventName": ["RotationSucceeded"],
        "additionalEventData": {"SecretId": ["arn:a", "arn:b"]},
    }
    assert moved["requestParameters"] == {"secretId": ["arn:a", "arn:b"], "versionStage": ["AWSCURRENT"]}
    assert moved["errorCode"] == [{"exists": False}]


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("ecs:UpdateService", SERVICE, True),
        ("ecs:UpdateService", f"{SERVICE}-2", False),
        ("ecs:DeleteService", SERVICE, False),
        ("iam:PassRole", "arn:aws:iam::111111111111:role/x", False),
        ("logs:PutLogEvents", f"{LOG}:log-stream:s", True),
        ("logs:PutLogEvents", f"{LOG}-2:log-stream:s", False),
        ("secretsmanager:DescribeSecret", "arn:aws:secretsmanager:eu-west-1:111111111111:secret:a-AbCdEf", False),
    ],
)
def test_it_deploys_those_services_and_does_nothing_else(action: str, resource: str, expected: bool) -> None:
    request = Request(principal=Principal(arn="arn:aws:iam::111111111111:role/r"), action=action, resource=resource)
    assert decide(request, identity_policies={"own": deploy_anew([SERVICE], LOG)}).allowed is expected
