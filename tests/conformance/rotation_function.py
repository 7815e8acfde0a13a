"""The rotation function of the conformance tests: does as the secret's description says, and notes in tags what came.

The description is JSON: ``fail`` maps a step to how often it fails, ``foreign`` names the step that puts a value which
belongs to no rotation, ``idle`` puts and moves nothing.
"""

import json
import time
from typing import Any

import boto3


def handler(event: dict[str, Any], _context: object) -> None:
    client = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    step = _camel(event["Step"])
    described = client.describe_secret(SecretId=secret)
    script = json.loads(described.get("Description", "{}"))
    earlier = sum(tag["Value"].startswith(f"{step} ") for tag in described.get("Tags", []))
    note = f"{step} {token} {event['Step']} {_value(client, secret, token)}"
    client.tag_resource(SecretId=secret, Tags=[{"Key": f"step-{time.time_ns():020d}", "Value": note}])
    if earlier < script.get("fail", {}).get(step, 0):
        raise RuntimeError(f"{step} fails as told")
    if script.get("foreign") == step:
        client.put_secret_value(SecretId=secret, SecretString="foreign")
    if step == "createSecret" and not script.get("idle"):
        client.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString=f"value of {token}", VersionStages=["AWSPENDING"]
        )
    if step == "finishSecret" and not script.get("idle"):
        _finish(client, secret, token)


def _finish(client: Any, secret: str, token: str) -> None:
    versions = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    current = next((version for version, stages in versions.items() if "AWSCURRENT" in stages), None)
    if current != token:
        leaving = {"RemoveFromVersionId": current} if current else {}
        client.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, **leaving)


def _value(client: Any, secret: str, token: str) -> str:
    """Whether the version of a step has a value."""
    try:
        client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
    except client.exceptions.ResourceNotFoundException:
        return "empty"
    return "filled"


def _camel(step: str) -> str:
    first, *others = step.split("_")
    return first + "".join(word.capitalize() for word in others)
