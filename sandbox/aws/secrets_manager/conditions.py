"""The condition keys of Secrets Manager: what a request and a secret put into IAM's decision.

A key that the request does not carry is absent: who names no stage has no ``secretsmanager:VersionStage``.
Source: the service authorization reference for Secrets Manager.
"""

from collections.abc import Mapping
from typing import Any, Final

from sandbox.aws.calls import Call
from sandbox.aws.secrets_manager.state import Secret

OF_PARAMETERS: Final[Mapping[str, Mapping[str, str]]] = {
    "CreateSecret": {
        "Name": "Name",
        "Description": "Description",
        "KmsKeyId": "KmsKeyId",
        "ForceOverwriteReplicaSecret": "ForceOverwriteReplicaSecret",
    },
    "ReplicateSecretToRegions": {"ForceOverwriteReplicaSecret": "ForceOverwriteReplicaSecret"},
    "UpdateSecret": {"Description": "Description", "KmsKeyId": "KmsKeyId"},
    "GetSecretValue": {"VersionId": "VersionId", "VersionStage": "VersionStage"},
    "UpdateSecretVersionStage": {"VersionStage": "VersionStage"},
    "DeleteSecret": {
        "RecoveryWindowInDays": "RecoveryWindowInDays",
        "ForceDeleteWithoutRecovery": "ForceDeleteWithoutRecovery",
    },
    "PutResourcePolicy": {"BlockPublicPolicy": "BlockPublicPolicy"},
    "RotateSecret": {"RotationLambdaARN": "RotationLambdaARN", "RotateImmediately": "RotateImmediately"},
}
"""For each operation: which parameter is which condition key, without the prefix ``secretsmanager:``."""

Context = dict[str, str | list[str]]


def of_request(call: Call) -> Context:
    """The condition keys that the parameters of a call bring."""
    keys = OF_PARAMETERS.get(call.operation, {})
    context: Context = {
        f"secretsmanager:{key}": _text(call.parameters[name]) for name, key in keys.items() if name in call.parameters
    }
    if call.operation == "RotateSecret" and "RotationRules" in call.parameters:
        context["secretsmanager:ModifyRotationRules"] = "true"
    if regions := [asked["Region"] for asked in call.parameters.get("AddReplicaRegions", []) if "Region" in asked]:
        context["secretsmanager:AddReplicaRegions"] = regions
    tags = {tag["Key"]: tag.get("Value", "") for tag in call.parameters.get("Tags", [])}
    context |= {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if tag_keys := [*tags, *call.parameters.get("TagKeys", [])]:
        context["aws:TagKeys"] = tag_keys
    return context


def of_secret(secret: Secret) -> Context:
    """The condition keys that the secret itself brings."""
    context: Context = {
        "secretsmanager:SecretId": secret.arn,
        "secretsmanager:SecretPrimaryRegion": secret.primary_region or secret.region,
    }
    if secret.rotation:
        context["secretsmanager:resource/AllowRotationLambdaArn"] = secret.rotation.lambda_arn
    for key, value in secret.tags.items():
        context[f"aws:ResourceTag/{key}"] = context[f"secretsmanager:ResourceTag/{key}"] = value
    return context


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
