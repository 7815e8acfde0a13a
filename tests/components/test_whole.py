"""What an environment is made of, read off the recorded inputs of its resources."""

import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from components.policies.statements import REASONS_FOR_EVERY_RESOURCE
from components.secrets.key_rotation import schedule
from components.settings import parse_settings
from components.snippets import snippets
from tests.components.recording import Build, Recorder, load_stack, whole

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
ROLE_ARN = "arn:aws:iam::111111111111:role/ci/deployer"
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
    key = "arn:aws:test:eu-west-1:111111111111:klaviyo/dev/keys"
    used = {secret.inputs["kmsKeyId"] for secret in dev.of_type("aws:secretsmanager/secret:Secret").values()}
    assert used == {key}
    assert dev.of_type("aws:kms/key:Key")["klaviyo/dev/keys"].inputs["enableKeyRotation"] is True


def test_every_secret_has_a_policy_that_blocks_public_access(dev: Recorder) -> None:
    policies = dev.of_type("aws:secretsmanager/secretPolicy:SecretPolicy")
    assert set(policies) == {f"klaviyo/dev/{role}/{kind}-policy" for role in ROLES for kind in ("key", "reserve")}
    assert all(policy.inputs["blockPublicPolicy"] is True for policy in policies.values())


def test_a_rotator_runs_one_at_a_time_and_knows_only_its_own_role(dev: Recorder) -> None:
    functions = dev.of_type("aws:lambda/function:Function")
    assert set(functions) == {f"klaviyo-{role}-rotation-function" for role in ROLES} | {"klaviyo-auditor-function"}
    for role in ROLES:
        inputs = functions[f"klaviyo-{role}-rotation-function"].inputs
        variables = inputs["environment"]["variables"]
        assert inputs["reservedConcurrentExecutions"] == 1
        assert inputs["handler"] == "rotation.rotator.handler"
        assert variables["ROLE"] == role
        assert variables["KEY_SECRET_ARN"].endswith(f":klaviyo/dev/{role}/key")
        assert variables["RESERVE_SECRET_ARN"].endswith(f":klaviyo/dev/{role}/reserve")


def test_only_secrets_manager_of_this_account_and_the_rule_of_its_role_invoke_a_rotator(dev: Recorder) -> None:
    permissions = dev.of_type("aws:lambda/permission:Permission")
    assert len(permissions) == 2 * len(ROLES)
    for role in ROLES:
        of_service = permissions[f"klaviyo-{role}-rotation-permission"].inputs
        of_rule = permissions[f"klaviyo-{role}-rotation-canary-permission"].inputs
        assert (of_service["principal"], of_service["sourceAccount"]) == (
            "secretsmanager.amazonaws.com",
            "111111111111",
        )
        assert of_rule["principal"] == "events.amazonaws.com"
        assert of_rule["sourceArn"].endswith(f":klaviyo-{role}-rotation-canary")


def test_a_new_key_is_tried_once_its_own_rotation_succeeded(dev: Recorder) -> None:
    rules = dev.of_type("aws:cloudwatch/eventRule:EventRule")
    targets = dev.of_type("aws:cloudwatch/eventTarget:EventTarget")
    for role in ROLES:
        rule, target = (
            rules[f"klaviyo-{role}-rotation-canary"].inputs,
            targets[f"klaviyo-{role}-rotation-canary-target"],
        )
        (secret,) = json.loads(rule["eventPattern"])["detail"]["additionalEventData"]["SecretId"]
        assert json.loads(rule["eventPattern"])["detail"]["eventName"] == ["RotationSucceeded"]
        assert secret.endswith(f":klaviyo/dev/{role}/key")
        assert json.loads(target.inputs["input"]) == {"action": "first-canary"}
        assert target.inputs["arn"].endswith(f":klaviyo-{role}-rotation-function")


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


def test_a_statement_on_every_resource_has_its_reason(far_prod: Recorder) -> None:
    reached = {
        statement["Sid"]
        for _, document in documents(far_prod)
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
    assert trail["kmsKeyId"].endswith(":klaviyo/prod/audit")
    assert trail["cloudWatchLogsGroupArn"].endswith(":klaviyo-audit-log:*")


def test_every_detection_sees_reads_and_reaches_the_topic(prod: Recorder) -> None:
    rules = prod.of_type("aws:cloudwatch/eventRule:EventRule")
    targets = prod.of_type("aws:cloudwatch/eventTarget:EventTarget")
    secrets = {f"{role}-{kind}-stranger" for role in ROLES for kind in ("key", "reserve")}
    elsewhere = {"klaviyo-watch-roles-rule"}
    rules = {name: rule for name, rule in rules.items() if not name.endswith("-canary") and name not in elsewhere}
    assert {name.removeprefix("klaviyo-audit-alerts-") for name in rules} == {
        *secrets,
        "rotation-failed",
        "trail-tampered",
        "takeover",
        "alerts-tampered",
        "entries-tampered",
        "batch-read",
        "secrets-touched",
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


TAGGABLE = {
    "aws:cloudtrail/trail:Trail",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:lambda/function:Function",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
}


def test_whatever_takes_tags_is_tagged_with_owner_environment_and_compliance(prod: Recorder) -> None:
    taggable = [resource for resource in prod.resources if resource.type in TAGGABLE]
    assert {resource.type for resource in taggable} == TAGGABLE
    for resource in taggable:
        tags = resource.inputs["tags"]
        assert (tags["owner"], tags["environment"], tags["compliance"]) == ("platform", "prod", "soc2 gdpr")
    for role in ROLES:
        for name, type_token in (
            (f"klaviyo/prod/{role}/key", "aws:secretsmanager/secret:Secret"),
            (f"klaviyo-{role}-rotation-function", "aws:lambda/function:Function"),
        ):
            assert prod.of_type(type_token)[name].inputs["tags"]["role"] == role


def test_the_recovery_window_is_the_settings_and_none_where_all_may_be_destroyed(build: Build, prod: Recorder) -> None:
    local = build(lambda: whole("local") and None)
    for recorder, days in ((prod, 30), (local, 0)):
        secrets = recorder.of_type("aws:secretsmanager/secret:Secret").values()
        assert {secret.inputs["recoveryWindowInDays"] for secret in secrets} == {days}
    (bucket,) = prod.of_type("aws:s3/bucket:Bucket").values()
    assert bucket.inputs["forceDestroy"] is False


def test_alerts_are_encrypted_and_reach_every_address(prod: Recorder) -> None:
    (topic,) = prod.of_type("aws:sns/topic:Topic").values()
    assert topic.inputs["kmsMasterKeyId"].endswith(":klaviyo/prod/audit")
    subscriptions = prod.of_type("aws:sns/topicSubscription:TopicSubscription").values()
    assert [(it.inputs["protocol"], it.inputs["endpoint"]) for it in subscriptions] == [
        ("email", "klaviyo-alerts@example.com")
    ]


def test_logs_are_encrypted_and_kept_as_long_as_the_settings_say(prod: Recorder) -> None:
    groups = prod.of_type("aws:cloudwatch/logGroup:LogGroup")
    own = {
        "klaviyo-audit-log": "klaviyo/prod/audit",
        "klaviyo-application-audit-log": "klaviyo/prod/application-audit",
    }
    assert len(groups) == len(ROLES) + len(own) + 1
    for name, group in groups.items():
        key = own.get(name, "klaviyo/prod/keys")
        assert group.inputs["kmsKeyId"].endswith(f":{key}")
        assert group.inputs["retentionInDays"] == 400


def test_a_rotator_is_told_scopes_klaviyo_and_how_much_proof(build: Build) -> None:
    facts = load_stack("dev")
    settings = facts.settings.model_copy(update={"require_proof": "all", "write_probes": True})
    recorder = build(lambda: whole("dev", settings=settings) and None)
    variables = recorder.of_type("aws:lambda/function:Function")["klaviyo-service-rotation-function"].inputs[
        "environment"
    ]["variables"]
    assert variables["SCOPES"] == "accounts:read,profiles:read"
    assert variables["KLAVIYO_URL"] == "https://a.klaviyo.com"
    assert variables["REQUIRE_PROOF"] == "all"
    assert variables["WRITE_PROBES"] == "true"
    assert variables["GRACE_SECONDS"] == "86400"
    assert variables["ENVIRONMENT"] == "dev"


def test_operators_are_whom_the_settings_name(prod: Recorder) -> None:
    role = prod.of_type("aws:iam/role:Role")["klaviyo-operators-role"].inputs
    (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::333333333333:role/people/platform-engineer"]}
    assert role["name"] == "klaviyo-prod-key-operator"


def test_deployers_break_glass_and_root_alone_manage_every_secret(prod: Recorder) -> None:
    managers = [
        "arn:aws:iam::333333333333:role/ci/klaviyo-deployer",
        "arn:aws:iam::333333333333:role/emergency/break-glass",
        "arn:aws:iam::333333333333:root",
    ]
    for policy in prod.of_type("aws:secretsmanager/secretPolicy:SecretPolicy").values():
        by_sid = {statement["Sid"]: statement for statement in json.loads(policy.inputs["policy"])["Statement"]}
        assert by_sid["ManageByDeployersAlone"]["Condition"] == {
            "StringNotEquals": {"aws:PrincipalArn": sorted(managers)}
        }


def test_keys_rotate_every_quarter_unless_the_settings_say_month() -> None:
    defaults = parse_settings("dev", {"owner": "o", "deployers": [ROLE_ARN], "operators": [f"{ROLE_ARN}2"]})
    assert defaults.rotate_every == "quarter"
    assert load_stack("prod").settings.rotate_every == "month"


def test_the_lines_to_paste_name_the_key_and_hold_none() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:klaviyo/dev/viewer/key-AbCdEf"
    lines = snippets(load_stack("dev").environment, {"viewer": arn})["viewer"]
    assert json.loads(lines["ecs"]) == {"name": "KLAVIYO_API_KEY", "valueFrom": f"{arn}:apiKey::"}
    manifest = YAML(typ="safe").load(lines["external-secrets"])
    assert manifest["spec"]["data"] == [
        {"secretKey": "apiKey", "remoteRef": {"key": "klaviyo/dev/viewer/key", "property": "apiKey"}}
    ]
    assert dict(line.split("=") for line in lines["dotenv"].splitlines()) == {
        "AWS_REGION": "eu-west-1",
        "KLAVIYO_ACCESS_PREFIX": "klaviyo",
        "KLAVIYO_ACCESS_ENVIRONMENT": "dev",
        "KLAVIYO_ACCESS_ROLE": "viewer",
    }


def test_what_the_operators_role_has_fits_what_iam_takes(build: Build) -> None:
    recorder = build(lambda: whole("prod") and None)
    of_operators = [
        resource.inputs["policy"]
        for resource in recorder.of_type("aws:iam/rolePolicy:RolePolicy").values()
        if "operator" in resource.inputs["role"]
    ]
    assert len(of_operators) >= 3
    assert sum(map(len, of_operators)) <= 10_240
