"""Secrets Manager as real clients see it: through the gateway, with its IAM, KMS, Lambda and trail."""

import io
import json
import uuid
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.running_sandbox import ACCOUNT, Sandbox, document
from tests.sandbox.secrets_manager_bench import rotations_ended

ROTATOR = """
import boto3

def handler(event, context):
    client = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        client.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString="rotated", VersionStages=["AWSPENDING"]
        )
    if event["Step"] == "finishSecret":
        versions = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
        client.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""


@pytest.fixture
def name() -> str:
    return f"tests/{uuid.uuid4().hex}/key"


def allowed(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    """The code and the message that a client's call is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_secret_makes_the_round_trip_in_pythons_types(sandbox: Sandbox, name: str) -> None:
    client = sandbox.client("secretsmanager")
    created = client.create_secret(Name=name, SecretBinary=b"\x00\xff", Tags=[{"Key": "role", "Value": "viewer"}])
    read = client.get_secret_value(SecretId=created["ARN"])
    assert (read["SecretBinary"], read["VersionId"]) == (b"\x00\xff", created["VersionId"])
    described = client.describe_secret(SecretId=name)
    assert isinstance(described["CreatedDate"], datetime)
    assert described["LastAccessedDate"].astimezone(UTC).hour == 0
    with pytest.raises(client.exceptions.ResourceExistsException):
        client.create_secret(Name=name)
    filters = [{"Key": "name", "Values": [name]}]
    pages = client.get_paginator("list_secrets").paginate(Filters=filters)
    assert [secret["ARN"] for page in pages for secret in page["SecretList"]] == [created["ARN"]]


def test_identity_and_resource_policy_decide_together(sandbox: Sandbox, name: str) -> None:
    deployer = sandbox.client("secretsmanager")
    arn = deployer.create_secret(Name=name, SecretString="x")["ARN"]
    reader = sandbox.role(allowed("secretsmanager:GetSecretValue", resource=arn))
    stranger = sandbox.role(allowed("secretsmanager:*"))
    bystander = sandbox.role()
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": reader}},
    }
    deployer.put_resource_policy(SecretId=name, ResourcePolicy=document(deny), BlockPublicPolicy=True)
    assert sandbox.client("secretsmanager", reader).get_secret_value(SecretId=arn)["SecretString"] == "x"
    code, message = refusal(sandbox.client("secretsmanager", stranger).get_secret_value, SecretId=arn)
    assert (code, "explicit deny in a resource-based policy" in message) == ("AccessDeniedException", True)
    assert sandbox.client("secretsmanager", stranger).describe_secret(SecretId=arn)["ARN"] == arn
    for secret_id in (name, f"{name}-absent"):
        found, _ = refusal(sandbox.client("secretsmanager", bystander).describe_secret, SecretId=secret_id)
        assert found == "AccessDeniedException"


def test_a_reader_needs_the_key_for_this_very_secret(sandbox: Sandbox, name: str) -> None:
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    delegate = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    key = sandbox.client("kms").create_key(Policy=document(delegate))["KeyMetadata"]["Arn"]
    deployer = sandbox.client("secretsmanager")
    arn, other = (deployer.create_secret(Name=f"{name}{n}", SecretString="x", KmsKeyId=key)["ARN"] for n in range(2))
    decrypt = allowed("kms:Decrypt", resource=key) | {
        "Condition": {
            "StringEquals": {
                "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
                "kms:EncryptionContext:SecretARN": arn,
            }
        }
    }
    with_key = sandbox.client("secretsmanager", sandbox.role(allowed("secretsmanager:*"), decrypt))
    without = sandbox.client("secretsmanager", sandbox.role(allowed("secretsmanager:*")))
    assert with_key.get_secret_value(SecretId=arn)["SecretString"] == "x"
    for client, secret_id in ((with_key, other), (without, arn)):
        assert refusal(client.get_secret_value, SecretId=secret_id) == (
            "AccessDeniedException",
            "Access to KMS is not allowed",
        )


def test_a_rotation_runs_through_the_deployed_function_and_leaves_its_events(sandbox: Sandbox, name: str) -> None:
    client, functions = sandbox.client("secretsmanager"), sandbox.client("lambda")
    arn = client.create_secret(Name=name, SecretString="first")["ARN"]
    function = deploy(sandbox)
    code, message = refusal(client.rotate_secret, SecretId=arn, RotationLambdaARN=function)
    assert code == "AccessDeniedException"
    assert message.startswith("Secrets Manager cannot invoke the specified Lambda function.")
    functions.add_permission(
        FunctionName=function,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=ACCOUNT,
    )
    client.rotate_secret(SecretId=arn, RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30})
    sandbox.run(rotations_ended())
    assert client.get_secret_value(SecretId=arn)["SecretString"] == "rotated"
    assert client.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"] == "first"
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"].values()
    assert sorted(stages) == [["AWSCURRENT"], ["AWSPREVIOUS"]]
    assert service_events(sandbox, arn) == ["RotationStarted", "RotationSucceeded"]


def deploy(sandbox: Sandbox) -> str:
    """Deploy the rotation function; its ARN."""
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("rotator.py", ROTATOR)
    role = sandbox.role(allowed("secretsmanager:*"), service="lambda.amazonaws.com")
    created = sandbox.client("lambda").create_function(
        FunctionName=f"rotator-{uuid.uuid4().hex[:12]}",
        Runtime="python3.13",
        Handler="rotator.handler",
        Role=role,
        Timeout=30,
        Code={"ZipFile": bundle.getvalue()},
    )
    return str(created["FunctionArn"])


def service_events(sandbox: Sandbox, arn: str) -> list[str]:
    """The names of the events about a secret that no caller made, oldest first."""
    pages = sandbox.client("cloudtrail").get_paginator("lookup_events").paginate()
    records = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
    return [
        record["eventName"]
        for record in reversed(records)
        if record["eventType"] == "AwsServiceEvent" and record["additionalEventData"]["SecretId"] == arn
    ]
