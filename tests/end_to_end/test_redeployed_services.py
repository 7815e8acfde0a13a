"""A service on ECS into which the key is injected: deployed anew after each rotation, and its old key left alive."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest

from klaviyo_access.keys.secret import fingerprint
from tests.end_to_end.small_project import ACCESS, SETTINGS, SmallProject, small_project

pytestmark = pytest.mark.end_to_end

SCOPES = "accounts:read,profiles:read"
INJECTED = ACCESS.replace("reads: library", "reads: injected")
REDEPLOYED = SETTINGS.replace(
    "{platform: lambda}", "{platform: ecs-injected, redeploy: {cluster: apps, service: desk}}"
)
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallProject]:
    folder = tmp_path_factory.mktemp("injected")
    with small_project("embedded", folder, access=INJECTED, settings=REDEPLOYED) as made:
        yield made


def client(project: SmallProject, service: str) -> Any:
    signed_in = project.signed_in["deployer"]
    return boto3.client(
        service,
        endpoint_url=signed_in["AWS_ENDPOINT_URL"],
        region_name=signed_in["AWS_REGION"],
        aws_access_key_id=signed_in["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=signed_in["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=signed_in["AWS_SESSION_TOKEN"],
    )


def run_desk(ecs: Any) -> None:
    """Start the service as its owner would, and beside it one that has nothing to do with keys."""
    ecs.create_cluster(clusterName="apps")
    task = ecs.register_task_definition(family="desk", containerDefinitions=[{"name": "a", "image": "a", "memory": 16}])
    definition = task["taskDefinition"]["taskDefinitionArn"]
    for name in ("desk", "other"):
        ecs.create_service(cluster="apps", serviceName=name, taskDefinition=definition, desiredCount=0)


def deployments(ecs: Any) -> dict[str, str]:
    """The id of each service's newest deployment."""
    services = ecs.describe_services(cluster="apps", services=["desk", "other"])["services"]
    return {one["serviceName"]: one["deployments"][0]["id"] for one in services}


def wait_for(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what() and time.monotonic() < deadline:
        time.sleep(0.2)
    return what()


def requests_of_the_redeployer(project: SmallProject) -> list[dict[str, Any]]:
    """What it asked of ECS, oldest first, by CloudTrail."""
    asked = [{"AttributeKey": "EventName", "AttributeValue": "UpdateService"}]
    events = client(project, "cloudtrail").lookup_events(LookupAttributes=asked)["Events"]
    entries = [json.loads(event["CloudTrailEvent"]) for event in reversed(events)]
    return [entry for entry in entries if "redeployer" in entry["userIdentity"]["arn"]]


def retired(project: SmallProject) -> list[dict[str, Any]]:
    status = json.loads(project.operate("keys", "status", "--role", "support", "--json"))
    keys: list[dict[str, Any]] = status["roles"][0]["retired"]
    return keys


def end(project: SmallProject, version: str) -> dict[str, Any]:
    """What the rotator answers to the auditor's wish to have a superseded key disabled."""
    event = json.dumps({"action": "begin-disable", "secret": "key", "version": version})
    answer = client(project, "lambda").invoke(FunctionName="klaviyo-local-support-rotator", Payload=event)
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    return said


def pass_days(project: SmallProject, days: int) -> None:
    """Let days pass, and everybody sign in again."""
    project.run(sys.executable, "-m", "sandbox", "clock", f"+{days}d")
    project.signed_in.clear()
    project.run(sys.executable, "-c", "")


def test_its_tasks_are_replaced_after_a_rotation_and_the_old_key_waits_for_them(project: SmallProject) -> None:
    ecs = client(project, "ecs")
    run_desk(ecs)
    old = project.new_key(SCOPES)
    project.operate("keys", "stage", "support", stdin=old)
    project.operate("keys", "rotate", "support", "--yes")
    assert wait_for(lambda: len(requests_of_the_redeployer(project)) > 0)
    project.stage("support", SCOPES)
    before, calls = deployments(ecs), len(requests_of_the_redeployer(project))

    project.operate("keys", "rotate", "support", "--yes")

    assert wait_for(lambda: deployments(ecs)["desk"] != before["desk"])
    assert deployments(ecs)["other"] == before["other"]
    request = requests_of_the_redeployer(project)[calls]
    assert "errorCode" not in request
    assert request["requestParameters"] == {"cluster": "apps", "service": "desk", "forceNewDeployment": True}
    [waiting] = retired(project)
    assert waiting["fingerprint"] == fingerprint(old)
    assert datetime.fromisoformat(request["eventTime"]) >= datetime.fromisoformat(waiting["since"])
    assert waiting["waits_for"].endswith("the end of its grace of 7 d, for desk (injected)")

    described = client(project, "secretsmanager").describe_secret(SecretId="klaviyo/local/support/key")
    stages = described["VersionIdsToStages"]
    [version] = [one for one, labels in stages.items() if any(label.startswith("RETIRED:") for label in labels)]
    answer = end(project, version)
    assert answer["outcome"] == "too early"
    assert datetime.fromisoformat(answer["until"]) == datetime.fromisoformat(waiting["until"])
    pass_days(project, 6)
    assert end(project, version)["outcome"] == "too early"
    pass_days(project, 2)
    assert end(project, version)["outcome"] == "disabling"
