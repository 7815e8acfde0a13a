"""What an environment is made of, read off the recorded inputs of its resources."""

import json
from typing import Any

import pytest

from components.key_rotation import schedule
from components.policies import REASONS_FOR_EVERY_RESOURCE
from tests.components.recording import Build, Recorder, whole

ROLES = {
    "admin",
    "marketer",
    "developer",
    "viewer",
    "service",
    "profile-sync",
    "event-tracker",
    "reporting",
    "custodian",
}
DOCUMENTS = ("policy", "assumeRolePolicy")


def documents(recorder: Recorder) -> list[tuple[str, dict[str, Any]]]:
    return [
        (resource.name, json.loads(resource.inputs[field]))
        for resource in recorder.resources
        for field in DOCUMENTS
        if isinstance(resource.inputs.get(field), str)
    ]


def test_every_role_has_a_key_and_a_reserve_by_explicit_name(dev: Recorder) -> None:
    names = {secret.inputs["name"] for secret in dev.of_type("aws:secretsmanager/secret:Secret").values()}
    assert names == {f"klaviyo/dev/{role}/{kind}" for role in ROLES for kind in ("key", "reserve")}


def test_no_secret_value_enters_the_program(prod: Recorder) -> None:
    types = {resource.type for resource in prod.resources}
    assert not {token for token in types if "SecretVersion" in token}
    assert not [resource for resource in prod.resources if "secretString" in resource.inputs]


def test_every_secret_is_encrypted_with_the_environments_own_key(dev: Recorder) -> None:
    key = "arn:aws:test:eu-west-1:111111111111:klaviyo-encryption-key"
    used = {secret.inputs["kmsKeyId"] for secret in dev.of_type("aws:secretsmanager/secret:Secret").values()}
    assert used == {key}
    assert dev.of_type("aws:kms/key:Key")["klaviyo-encryption-key"].inputs["enableKeyRotation"] is True


def test_every_secret_has_a_policy_that_blocks_public_access(dev: Recorder) -> None:
    policies = dev.of_type("aws:secretsmanager/secretPolicy:SecretPolicy")
    assert set(policies) == {f"klaviyo-{role}-{kind}-policy" for role in ROLES for kind in ("key", "reserve")}
    assert all(policy.inputs["blockPublicPolicy"] is True for policy in policies.values())


def test_a_rotator_runs_one_at_a_time_and_knows_only_its_own_role(dev: Recorder) -> None:
    functions = dev.of_type("aws:lambda/function:Function")
    assert set(functions) == {f"klaviyo-{role}-rotation-function" for role in ROLES}
    for role in ROLES:
        inputs = functions[f"klaviyo-{role}-rotation-function"].inputs
        variables = inputs["environment"]["variables"]
        assert inputs["reservedConcurrentExecutions"] == 1
        assert inputs["handler"] == "rotation.rotator.handler"
        assert variables["ROLE"] == role
        assert variables["KEY_SECRET_ARN"].endswith(f":klaviyo-{role}-key")
        assert variables["RESERVE_SECRET_ARN"].endswith(f":klaviyo-{role}-reserve")


def test_only_secrets_manager_of_this_account_invokes_a_rotator(dev: Recorder) -> None:
    permissions = dev.of_type("aws:lambda/permission:Permission")
    assert len(permissions) == len(ROLES)
    for permission in permissions.values():
        assert permission.inputs["principal"] == "secretsmanager.amazonaws.com"
        assert permission.inputs["sourceAccount"] == "111111111111"


def test_enabling_rotation_never_rotates_at_once(dev: Recorder) -> None:
    rotations = dev.of_type("aws:secretsmanager/secretRotation:SecretRotation")
    assert len(rotations) == len(ROLES)
    assert all(rotation.inputs["rotateImmediately"] is False for rotation in rotations.values())


@pytest.mark.parametrize(("every", "months"), [("month", "*"), ("quarter", "1/3")])
def test_a_schedule_keeps_to_days_that_every_month_has_and_to_one_utc_day(every: Any, months: str) -> None:
    schedules = {role: schedule(role, every).removeprefix("cron(").removesuffix(")").split() for role in ROLES}
    for minute, hour, day, month, weekday, year in schedules.values():
        assert (minute, month, weekday, year) == ("0", months, "?", "*")
        assert 0 <= int(hour) <= 20
        assert 1 <= int(day) <= 28
    assert len({tuple(parts) for parts in schedules.values()}) > len(ROLES) / 2


def test_every_role_of_iam_has_a_path_and_a_name_of_its_environment(prod: Recorder) -> None:
    for role in prod.of_type("aws:iam/role:Role").values():
        assert role.inputs["path"] == "/klaviyo/prod/"
        assert role.inputs["name"].startswith("klaviyo-prod-")
        assert len(role.inputs["name"]) <= 64


def test_whatever_takes_tags_is_tagged_with_owner_environment_and_compliance(prod: Recorder) -> None:
    for resource in prod.resources:
        tags = resource.inputs.get("tags")
        if tags is not None:
            assert tags["owner"] == "platform"
            assert tags["environment"] == "prod"
            assert tags["compliance"] == "soc2 gdpr"
    for role in ROLES:
        secret = prod.of_type("aws:secretsmanager/secret:Secret")[f"klaviyo-{role}-key"]
        assert secret.inputs["tags"]["role"] == role


def test_a_statement_on_every_resource_has_its_reason(prod: Recorder) -> None:
    reached = {
        statement["Sid"]
        for _, document in documents(prod)
        for statement in document["Statement"]
        if statement.get("Resource") in ("*", ["*"])
    }
    assert reached == REASONS_FOR_EVERY_RESOURCE.keys()


def test_no_statement_allows_every_action(prod: Recorder) -> None:
    allowed = [
        action
        for _, document in documents(prod)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    ]
    assert not [action for action in allowed if action == "*" or action.endswith(":*")]


def test_the_trail_covers_all_regions_and_is_validated_and_encrypted(prod: Recorder) -> None:
    trail = prod.of_type("aws:cloudtrail/trail:Trail")["klaviyo-audit-trail"].inputs
    assert trail["isMultiRegionTrail"] is True
    assert trail["enableLogFileValidation"] is True
    assert trail["kmsKeyId"].endswith(":klaviyo-audit-encryption-key")
    assert trail["cloudWatchLogsGroupArn"].endswith(":klaviyo-audit-log:*")


def test_every_detection_sees_reads_and_reaches_the_topic(prod: Recorder) -> None:
    rules = prod.of_type("aws:cloudwatch/eventRule:EventRule")
    targets = prod.of_type("aws:cloudwatch/eventTarget:EventTarget")
    secrets = {f"{role}-{kind}-stranger" for role in ROLES for kind in ("key", "reserve")}
    assert {name.removeprefix("klaviyo-audit-alerts-") for name in rules} == {
        *secrets,
        "rotation-failed",
        "trail-tampered",
        "alerts-tampered",
        "batch-read",
    }
    for name, rule in rules.items():
        assert rule.inputs["state"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
        assert len(rule.inputs["eventPattern"]) <= 2048
        assert targets[f"{name}-target"].inputs["arn"].endswith(":klaviyo-audit-alerts-topic")


def test_the_audit_bucket_is_closed_versioned_encrypted_and_forgets_by_age_alone(prod: Recorder) -> None:
    def only(type_token: str) -> dict[str, Any]:
        (resource,) = prod.of_type(type_token).values()
        return dict(resource.inputs)

    public = only("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    assert [public[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls")] == [True] * 3
    assert public["restrictPublicBuckets"] is True
    assert only("aws:s3/bucketVersioning:BucketVersioning")["versioningConfiguration"] == {"status": "Enabled"}
    assert only("aws:s3/bucketOwnershipControls:BucketOwnershipControls")["rule"] == {
        "objectOwnership": "BucketOwnerEnforced"
    }
    (rule,) = only("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")["rules"]
    assert rule["expiration"] == {"days": 400}
    encryption = only("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    (default,) = encryption["rules"]
    assert default["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert default["bucketKeyEnabled"] is False


def test_two_environments_in_one_program_do_not_collide(build: Build) -> None:
    def both() -> None:
        whole("dev", "blue")
        whole("staging", "green")

    recorder = build(both)
    names = [(resource.type, resource.name) for resource in recorder.resources]
    assert len(names) == len(set(names))
    physical = [
        (resource.type, resource.inputs["name"]) for resource in recorder.resources if "name" in resource.inputs
    ]
    assert {kind for kind, name in physical if physical.count((kind, name)) > 1} <= {"aws:iam/rolePolicy:RolePolicy"}
