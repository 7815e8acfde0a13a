"""What is deployed, in the engine's state and in AWS, without what is generated: two of these can be compared."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_GENERATED = (
    re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    re.compile(r"(?<=/key-)[A-Za-z0-9]{6}\b|(?<=/reserve-)[A-Za-z0-9]{6}\b"),
    re.compile(r"(?<=127\.0\.0\.1:)\d+"),
    re.compile(r"\b(?:AROA|AIPA|ANPA)[A-Z0-9]{12,}\b"),
    re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"),
)

_RECORDED = ("type", "custom", "inputs", "outputs", "parent", "protect", "delete", "initErrors")

Snapshot = dict[str, dict[Any, Any]]


def plain(value: Any) -> Any:
    """A value with one word for everything that is generated; documents in texts are taken apart."""
    text = json.dumps(value, sort_keys=True, default=str)
    for pattern in _GENERATED:
        text = pattern.sub("generated", text)
    return json.loads(text)


def in_state(folder: Path) -> Snapshot:
    """What the engine, or the CLI, has on record: each resource by its URN, and what is pending."""
    (file,) = [*folder.glob("local.json"), *folder.glob(".pulumi/stacks/*/local.json")]
    exported = json.loads(file.read_text())
    deployment = exported.get("deployment") or exported["checkpoint"]["latest"]
    resources = {
        each["urn"]: plain({name: each.get(name) for name in _RECORDED})
        | {"dependencies": sorted(each.get("dependencies") or ())}
        for each in deployment["resources"]
    }
    if ".pulumi" in file.parts:  # the CLI keeps the mark of a creation until `pulumi refresh`, and goes on beside it
        return {"resources": resources}
    return {"resources": resources, "pending": dict(enumerate(deployment.get("pending_operations") or ()))}


def in_aws(client: Any) -> Snapshot:
    """What AWS has; ``client`` makes the deployer's client of a service."""
    secrets, iam, functions = client("secretsmanager"), client("iam"), client("lambda")
    return {
        "secrets": {one["Name"]: _of_secret(secrets, one) for one in _all(secrets, "list_secrets", "SecretList")},
        "roles": {one["RoleName"]: _of_role(iam, one) for one in _all(iam, "list_roles", "Roles")},
        "functions": {
            one["FunctionName"]: _of_function(functions, one) for one in _all(functions, "list_functions", "Functions")
        },
        "keys": _of_keys(client("kms")),
        "rules": _of_rules(client("events")),
        "log groups": {
            one["logGroupName"]: plain({"kept": one.get("retentionInDays"), "key": one.get("kmsKeyId")})
            for one in _all(client("logs"), "describe_log_groups", "logGroups")
        },
    }


def _all(client: Any, operation: str, member: str, **arguments: str) -> list[Any]:
    return [one for page in client.get_paginator(operation).paginate(**arguments) for one in page.get(member, [])]


def _of_secret(secrets: Any, one: Mapping[str, Any]) -> Any:
    described = secrets.describe_secret(SecretId=one["ARN"])
    policy = secrets.get_resource_policy(SecretId=one["ARN"]).get("ResourcePolicy", "{}")
    kept = ("Description", "KmsKeyId", "RotationEnabled", "RotationLambdaARN", "RotationRules", "Tags")
    return plain({name: described.get(name) for name in kept} | {"policy": json.loads(policy)})


def _of_role(iam: Any, one: Mapping[str, Any]) -> Any:
    name = one["RoleName"]
    inline = {
        policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in _all(iam, "list_role_policies", "PolicyNames", RoleName=name)
    }
    return plain({"path": one["Path"], "trust": one["AssumeRolePolicyDocument"], "inline": inline})


def _of_function(functions: Any, one: Mapping[str, Any]) -> Any:
    name = one["FunctionName"]
    kept = ("Role", "Handler", "Runtime", "CodeSha256", "Environment", "Timeout", "MemorySize")
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    at_once = functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    return plain(
        {key: one.get(key) for key in kept}
        | {"policy": {one["Sid"]: one for one in policy["Statement"]}, "at once": at_once}
    )


def _of_keys(kms: Any) -> dict[str, Any]:
    """By description and number: one that was lost would be one too many."""
    aliases = {
        one["TargetKeyId"]: one["AliasName"] for one in _all(kms, "list_aliases", "Aliases") if "TargetKeyId" in one
    }
    found = []
    for one in _all(kms, "list_keys", "Keys"):
        described = kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"]
        policy = json.loads(kms.get_key_policy(KeyId=one["KeyId"], PolicyName="default")["Policy"])
        found.append([described["Description"], described["KeyState"], aliases.get(one["KeyId"]), plain(policy)])
    return {str(number): each for number, each in enumerate(sorted(found, key=json.dumps))}


def _of_rules(events: Any) -> dict[str, Any]:
    return {
        one["Name"]: plain(
            {
                "pattern": one.get("EventPattern"),
                "state": one["State"],
                "targets": [target["Arn"] for target in events.list_targets_by_rule(Rule=one["Name"])["Targets"]],
            }
        )
        for one in _all(events, "list_rules", "Rules")
    }


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """Where two snapshots differ, a line each."""
    if isinstance(found, dict) and isinstance(expected, dict):
        names = sorted({*found, *expected})
        return [
            line
            for name in names
            for line in differences(found.get(name, "missing"), expected.get(name, "missing"), f"{where}/{name}")
        ]
    return [] if found == expected else [f"{where}: {found!r}, instead of {expected!r}"]
