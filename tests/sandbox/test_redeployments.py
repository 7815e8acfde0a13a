"""A service on ECS is deployed anew by the rule and the function of the program, with that function's rights alone."""

import io
import json
import uuid
import zipfile
from typing import Any

import pytest

from components.alerts.detections import key_changed
from components.functions.bundle import bundle_files
from components.functions.redeployment import deploy_anew
from tests.end_to_end.deployed import PROJECT
from tests.sandbox.running_sandbox import ACCOUNT, Sandbox

SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:klaviyo/local/admin/key-AbCdEf"
SERVICE_EVENT, CALL = "AWS Service Event via CloudTrail", "AWS API Call via CloudTrail"


def moved(label: str = "AWSCURRENT", secret: str = SECRET, **more: str) -> dict[str, Any]:
    return {
        "eventName": "UpdateSecretVersionStage",
        "requestParameters": {"secretId": secret, "versionStage": label},
        **more,
    }


def ended(name: str, secret: str = SECRET) -> dict[str, Any]:
    return {"eventName": name, "additionalEventData": {"SecretId": secret}}


@pytest.mark.parametrize(
    ("kind", "detail", "expected"),
    [
        (SERVICE_EVENT, ended("RotationSucceeded"), True),
        (SERVICE_EVENT, ended("RotationFailed"), False),
        (SERVICE_EVENT, ended("RotationSucceeded", f"{SECRET}-2"), False),
        (CALL, moved(), True),
        (CALL, moved("AWSPENDING"), False),
        (CALL, moved(secret=f"{SECRET}-2"), False),
        (CALL, moved(errorCode="AccessDeniedException"), False),
    ],
)
def test_a_changed_key_is_told_from_other_events(
    sandbox: Sandbox, kind: str, detail: dict[str, Any], expected: bool
) -> None:
    event = {
        "id": "1",
        "detail-type": kind,
        "source": "aws.secretsmanager",
        "account": ACCOUNT,
        "time": "2026-11-22T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }
    pattern = json.dumps(key_changed(secret_arns=[SECRET]))
    answer = sandbox.client("events").test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
    assert answer["Result"] is expected


@pytest.fixture(scope="module")
def services(sandbox: Sandbox) -> str:
    """A cluster with two services; its name."""
    name, ecs = f"apps-{uuid.uuid4().hex[:8]}", sandbox.client("ecs")
    ecs.create_cluster(clusterName=name)
    task = ecs.register_task_definition(family=name, containerDefinitions=[{"name": "a", "image": "a", "memory": 16}])
    for service in ("console", "other"):
        ecs.create_service(
            cluster=name,
            serviceName=service,
            taskDefinition=task["taskDefinition"]["taskDefinitionArn"],
            desiredCount=0,
        )
    return name


def test_the_function_starts_the_named_deployment_and_may_start_no_other(sandbox: Sandbox, services: str) -> None:
    policy = deploy_anew([f"arn:aws:ecs:us-east-1:{ACCOUNT}:service/{services}/console"], "arn:aws:logs:::x")
    role = sandbox.role(*policy["Statement"], service="lambda.amazonaws.com")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as bundle:
        for file in bundle_files(PROJECT, "rotation.redeployer"):
            bundle.write(PROJECT / file, file)
    places = {name: {"cluster": services, "service": name} for name in ("console", "other")}
    functions = sandbox.client("lambda")
    functions.create_function(
        FunctionName=services,
        Runtime="python3.13",
        Role=role,
        Handler="rotation.redeployer.handler",
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"ECS_SERVICES": json.dumps(places)}},
        Timeout=30,
    )

    def ask(service: str) -> Any:
        event = json.dumps({"action": "redeploy", "service": service}).encode()
        return json.loads(functions.invoke(FunctionName=services, Payload=event)["Payload"].read())

    assert ask("console")["outcome"] == "started"
    assert "AccessDenied" in ask("other")["errorMessage"]
    events = sandbox.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "UpdateService"}]
    )["Events"]
    asked = [json.loads(event["CloudTrailEvent"]) for event in events]
    forced = {one["requestParameters"]["service"] for one in asked if one["requestParameters"]["forceNewDeployment"]}
    assert forced == {"console", "other"}
