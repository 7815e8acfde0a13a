"""The policies as tables of request and decision, evaluated as AWS evaluates them."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.policies.encryption_keys import KeyPlace, alerts_key_policy, audit_key_policy, secrets_key_policy
from components.policies.record import alert_topic_policy, audit_bucket_policy, write_trail_log
from components.policies.secrets import SecretPrincipals, operate_keys, read_keys, rotate_key, secret_resource_policy
from components.policies.statements import Encryption
from components.policies.trust import (
    trust_principals,
    trust_service,
    trust_service_account,
    trust_service_of_any_account,
)
from klaviyo_access.isolation.evaluator import Principal, Request, decide

ACCOUNT = "111111111111"
REGION = "eu-west-1"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:klaviyo/prod"
KEY, RESERVE, OTHER_KEY = (
    f"{SECRETS}/viewer/key-AbCdEf",
    f"{SECRETS}/viewer/reserve-GhIjKl",
    f"{SECRETS}/admin/key-MnOpQr",
)
ROTATOR_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:klaviyo-prod-viewer-rotator"
CMK = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b"
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/klaviyo-prod-viewer-rotator"
VIA = f"secretsmanager.{REGION}.amazonaws.com"
ENCRYPTION = Encryption(key_arn=CMK, region=REGION)


def role(name: str, path: str = "klaviyo/prod") -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{path}/{name}"


READER, OTHER, ROTATOR, OPERATOR = role("reader"), role("other"), role("viewer-rotator"), role("key-operator")
DEPLOYER, BREAK_GLASS, STRANGER = role("deployer", "ci"), role("break-glass", "ops"), role("admin", "people")
MANAGERS = (DEPLOYER, BREAK_GLASS, ROOT)

ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
IDENTITIES: Mapping[str, Any] = {
    READER: read_keys([KEY], ENCRYPTION),
    OTHER: read_keys([OTHER_KEY], ENCRYPTION),
    ROTATOR: rotate_key(key_arn=KEY, reserve_arn=RESERVE, log_group_arn=LOG, encryption=ENCRYPTION),
    OPERATOR: operate_keys(
        keys=f"{SECRETS}/*/key-??????",
        reserves=f"{SECRETS}/*/reserve-??????",
        rotators=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:klaviyo-prod-*",
        logs=LOG,
        encryption=ENCRYPTION,
    ),
    DEPLOYER: ANYTHING,
    BREAK_GLASS: ANYTHING,
    STRANGER: ANYTHING,
}
SECRET_POLICIES = {
    KEY: secret_resource_policy(
        SecretPrincipals(
            readers=(READER, ROTATOR),
            writers=(ROTATOR,),
            labellers=(ROTATOR,),
            managers=MANAGERS,
            may_rotate=(OPERATOR,),
        )
    ),
    RESERVE: secret_resource_policy(
        SecretPrincipals(
            readers=(ROTATOR,), writers=(ROTATOR, OPERATOR), labellers=(ROTATOR,), managers=MANAGERS, may_rotate=()
        )
    ),
}
PLACE = KeyPlace(account_root=ROOT, account_id=ACCOUNT, region=REGION, managers=MANAGERS)
KEY_POLICY = secrets_key_policy(
    PLACE, log_group_pattern=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/klaviyo-*"
)

READ, DESCRIBE, PUT, LABEL, ROTATE = (
    f"secretsmanager:{name}"
    for name in ("GetSecretValue", "DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage", "RotateSecret")
)


def allowed(who: str, action: str, resource: str, **context: str) -> bool:
    is_key = resource == CMK
    request = Request(
        principal=Principal(arn=who), action=action, resource=resource, context={"aws:PrincipalArn": who} | context
    )
    return decide(
        request,
        identity_policies={"identity": IDENTITIES[who]},
        resource_policy=KEY_POLICY if is_key else SECRET_POLICIES.get(resource),
        resource_policy_rules=is_key,
    ).allowed


MANAGE = [
    f"secretsmanager:{name}"
    for name in (
        "PutResourcePolicy",
        "DeleteResourcePolicy",
        "UpdateSecret",
        "DeleteSecret",
        "RestoreSecret",
        "CancelRotateSecret",
        "ReplicateSecretToRegions",
        "AssociateCrossAccountReplica",
        "DisassociateCrossAccountReplica",
        "StopReplicationToReplica",
        "RemoveRegionsFromReplication",
        "TagResource",
        "UntagResource",
    )
]

# Who may do what with a role's two secrets: exactly these, and nobody else anything.
MAY = {
    (KEY, READ): {READER, ROTATOR},
    (KEY, DESCRIBE): {READER, ROTATOR, OPERATOR, DEPLOYER, BREAK_GLASS, STRANGER},
    (KEY, PUT): {ROTATOR},
    (KEY, LABEL): {ROTATOR},
    (KEY, ROTATE): {OPERATOR, DEPLOYER, BREAK_GLASS},
    (RESERVE, READ): {ROTATOR},
    (RESERVE, DESCRIBE): {ROTATOR, OPERATOR, DEPLOYER, BREAK_GLASS, STRANGER},
    (RESERVE, PUT): {OPERATOR},
    (RESERVE, LABEL): {ROTATOR},
    (RESERVE, ROTATE): {DEPLOYER, BREAK_GLASS},
    **{(secret, action): {DEPLOYER, BREAK_GLASS} for secret in (KEY, RESERVE) for action in MANAGE},
}


@pytest.mark.parametrize("who", IDENTITIES)
@pytest.mark.parametrize(("secret", "action"), MAY, ids=lambda value: value.rsplit(":", 1)[-1])
def test_each_principal_may_do_with_a_secret_what_the_table_says(who: str, secret: str, action: str) -> None:
    assert allowed(who, action, secret) is (who in MAY[secret, action])


def test_a_service_cannot_read_another_roles_key() -> None:
    assert not allowed(OTHER, READ, KEY)
    assert not allowed(READER, READ, RESERVE)


def test_between_our_own_roles_the_identity_policy_alone_suffices() -> None:
    for who in (OTHER, OPERATOR):
        request = Request(principal=Principal(arn=who), action=READ, resource=KEY, context={"aws:PrincipalArn": who})
        assert not decide(request, identity_policies={"identity": IDENTITIES[who]}).allowed


def test_against_a_foreign_administrator_the_resource_policy_alone_suffices() -> None:
    for who in (STRANGER, OTHER, OPERATOR):
        request = Request(principal=Principal(arn=who), action=READ, resource=KEY, context={"aws:PrincipalArn": who})
        decision = decide(request, identity_policies={"any": ANYTHING}, resource_policy=SECRET_POLICIES[KEY])
        assert not decision.allowed
        assert "ReadByReadersAlone" in decision.reason


@pytest.mark.parametrize(
    "own",
    [
        {"secretsmanager:RotationLambdaARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:mine"},
        {"secretsmanager:ModifyRotationRules": "true"},
    ],
    ids=["function", "schedule"],
)
def test_nobody_gives_a_secret_a_function_or_a_schedule_of_his_own_but_a_deployer(own: dict[str, str]) -> None:
    assert not allowed(OPERATOR, ROTATE, KEY, **own)
    assert allowed(DEPLOYER, ROTATE, KEY, **own)


def test_an_operator_of_one_environment_does_nothing_in_another() -> None:
    for resource in (KEY, RESERVE, ROTATOR_ARN):
        elsewhere = resource.replace("klaviyo/prod/", "klaviyo/staging/").replace("klaviyo-prod-", "klaviyo-staging-")
        for action in (DESCRIBE, PUT, ROTATE, "lambda:InvokeFunction"):
            request = Request(principal=Principal(arn=OPERATOR), action=action, resource=elsewhere)
            assert not decide(request, identity_policies={"identity": IDENTITIES[OPERATOR]}).allowed


@pytest.mark.parametrize(
    ("who", "action", "secret", "expected"),
    [
        (READER, "kms:Decrypt", KEY, True),
        (READER, "kms:Decrypt", OTHER_KEY, False),
        (READER, "kms:GenerateDataKey", KEY, False),
        (ROTATOR, "kms:Decrypt", RESERVE, True),
        (ROTATOR, "kms:GenerateDataKey", KEY, True),
        (ROTATOR, "kms:GenerateDataKey", RESERVE, False),
        (ROTATOR, "kms:Decrypt", OTHER_KEY, False),
        (OPERATOR, "kms:GenerateDataKey", RESERVE, True),
        (OPERATOR, "kms:Decrypt", KEY, False),
    ],
)
def test_the_kms_key_serves_a_principal_for_its_own_secrets_alone(
    who: str, action: str, secret: str, expected: bool
) -> None:
    through = {"kms:ViaService": VIA, "kms:CallerAccount": ACCOUNT, "kms:EncryptionContext:SecretARN": secret}
    assert allowed(who, action, CMK, **through) is expected


@pytest.mark.parametrize("who", IDENTITIES)
@pytest.mark.parametrize("via", [{}, {"kms:ViaService": f"ssm.{REGION}.amazonaws.com"}], ids=["directly", "by ssm"])
def test_nobody_decrypts_but_through_secrets_manager(who: str, via: dict[str, str]) -> None:
    context = via | {"kms:CallerAccount": ACCOUNT, "kms:EncryptionContext:SecretARN": KEY}
    assert not allowed(who, "kms:Decrypt", CMK, **context)


@pytest.mark.parametrize("action", ["kms:PutKeyPolicy", "kms:DisableKey", "kms:ScheduleKeyDeletion", "kms:CreateGrant"])
def test_only_deployers_and_break_glass_end_or_reopen_the_kms_key(action: str) -> None:
    assert {who for who in IDENTITIES if allowed(who, action, CMK)} == {DEPLOYER, BREAK_GLASS}


def test_the_key_policy_does_not_grow_with_roles() -> None:
    assert SECRETS not in str(KEY_POLICY)
    assert role("") not in str(KEY_POLICY)


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("lambda:InvokeFunction", ROTATOR_ARN, True),
        ("lambda:InvokeFunction", ROTATOR_ARN.replace("klaviyo-prod-", "klaviyo-dev-"), False),
        ("lambda:UpdateFunctionCode", ROTATOR_ARN, False),
        ("cloudtrail:LookupEvents", "*", True),
        ("cloudtrail:StopLogging", f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/t", False),
    ],
)
def test_an_operator_runs_rotators_and_looks_events_up_and_nothing_more(
    action: str, resource: str, expected: bool
) -> None:
    assert allowed(OPERATOR, action, resource) is expected


@pytest.mark.parametrize(("resource", "expected"), [(f"{LOG}:log-stream:s", True), (f"{LOG}-2:log-stream:s", False)])
def test_a_rotator_writes_into_its_own_log_alone(resource: str, expected: bool) -> None:
    assert allowed(ROTATOR, "logs:PutLogEvents", resource) is expected


TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/klaviyo-prod-audit"
AUDIT_LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/klaviyo/prod/audit"
BUCKET = "arn:aws:s3:::klaviyo-prod-audit"
AUDIT_KEY_POLICY = audit_key_policy(PLACE, trail_arn=TRAIL, log_group_arn=AUDIT_LOG)
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:klaviyo-prod-alerts"
ALARM = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:klaviyo-prod-suspicious-entries"
TOPIC_POLICY = alert_topic_policy(topic_arn=TOPIC, alarm_arn=ALARM)
BUCKET_POLICY = audit_bucket_policy(bucket_arn=BUCKET, trail_arn=TRAIL, account_id=ACCOUNT)
FILE = f"{BUCKET}/AWSLogs/{ACCOUNT}/CloudTrail/x.json.gz"
OWNED = {"s3:x-amz-acl": "bucket-owner-full-control"}
SOURCE = {"aws:SourceArn": TRAIL}
OTHER_SOURCE = {"aws:SourceArn": f"{TRAIL}-of-another"}
CONTEXT = {"kms:EncryptionContext:aws:cloudtrail:arn": TRAIL}
LOGS_CONTEXT = "kms:EncryptionContext:aws:logs:arn"
CLOUDTRAIL, LOGS, EVENTS = "cloudtrail.amazonaws.com", f"logs.{REGION}.amazonaws.com", "events.amazonaws.com"
ALARMS = "cloudwatch.amazonaws.com"


@pytest.mark.parametrize(
    ("service", "action", "resource", "context", "expected"),
    [
        (CLOUDTRAIL, "kms:GenerateDataKey", CMK, SOURCE | CONTEXT, True),
        (CLOUDTRAIL, "kms:GenerateDataKey", CMK, OTHER_SOURCE | CONTEXT, False),
        (CLOUDTRAIL, "kms:GenerateDataKey", CMK, SOURCE, False),
        (CLOUDTRAIL, "kms:Decrypt", CMK, SOURCE | CONTEXT, False),
        (LOGS, "kms:GenerateDataKey", CMK, {LOGS_CONTEXT: AUDIT_LOG}, True),
        (LOGS, "kms:GenerateDataKey", CMK, {LOGS_CONTEXT: f"{AUDIT_LOG}-2"}, False),
        (EVENTS, "kms:GenerateDataKey", CMK, {}, True),
        (ALARMS, "kms:GenerateDataKey", CMK, {}, True),
        (ALARMS, "kms:Decrypt", CMK, {}, True),
        (EVENTS, "sns:Publish", TOPIC, {}, True),
        (ALARMS, "sns:Publish", TOPIC, {"aws:SourceArn": ALARM}, True),
        (ALARMS, "sns:Publish", TOPIC, {"aws:SourceArn": f"{ALARM}-of-another"}, False),
        (ALARMS, "sns:Publish", TOPIC, {}, False),
        (CLOUDTRAIL, "sns:Publish", TOPIC, SOURCE, False),
        ("sns.amazonaws.com", "kms:Decrypt", CMK, {}, False),
        (CLOUDTRAIL, "s3:GetBucketAcl", BUCKET, SOURCE, True),
        (CLOUDTRAIL, "s3:PutObject", FILE, SOURCE | OWNED, True),
        (CLOUDTRAIL, "s3:PutObject", FILE, SOURCE, False),
        (CLOUDTRAIL, "s3:PutObject", FILE, OTHER_SOURCE | OWNED, False),
        (CLOUDTRAIL, "s3:PutObject", f"{BUCKET}/AWSLogs/999999999999/x", SOURCE | OWNED, False),
        (CLOUDTRAIL, "s3:PutObject", FILE, SOURCE | OWNED | {"aws:SecureTransport": "false"}, False),
    ],
)
def test_the_audit_trails_policies_let_its_own_services_in_alone(
    service: str, action: str, resource: str, context: dict[str, str], expected: bool
) -> None:
    policies = {CMK: AUDIT_KEY_POLICY, TOPIC: TOPIC_POLICY}
    decision = decide(
        Request(principal=Principal(arn=service), action=action, resource=resource, context=context),
        identity_policies={},
        resource_policy=policies.get(resource, BUCKET_POLICY),
        resource_policy_rules=resource == CMK,
    )
    assert decision.allowed is expected


def test_the_key_of_the_alerts_alone_is_used_by_rules_and_alarms() -> None:
    for service in (EVENTS, ALARMS):
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            request = Request(principal=Principal(arn=service), action=action, resource=CMK)
            policy = alerts_key_policy(PLACE)
            assert decide(request, identity_policies={}, resource_policy=policy, resource_policy_rules=True).allowed


def test_the_trails_delivery_writes_into_the_audit_log_alone() -> None:
    delivery = role("audit-delivery")
    for resource, expected in [(f"{AUDIT_LOG}:log-stream:s", True), (f"{LOG}:log-stream:s", False)]:
        request = Request(principal=Principal(arn=delivery), action="logs:PutLogEvents", resource=resource)
        assert decide(request, identity_policies={"i": write_trail_log(AUDIT_LOG)}).allowed is expected


ECS = trust_service("ecs-tasks.amazonaws.com", account_id=ACCOUNT)
LAMBDA = trust_service_of_any_account("lambda.amazonaws.com")
PEOPLE = trust_principals([STRANGER])


@pytest.mark.parametrize(
    ("trust", "who", "context", "expected"),
    [
        (ECS, "ecs-tasks.amazonaws.com", {"aws:SourceAccount": ACCOUNT}, True),
        (ECS, "ecs-tasks.amazonaws.com", {"aws:SourceAccount": "9" * 12}, False),
        (ECS, "lambda.amazonaws.com", {"aws:SourceAccount": ACCOUNT}, False),
        (LAMBDA, "lambda.amazonaws.com", {}, True),
        (LAMBDA, "ec2.amazonaws.com", {}, False),
        (PEOPLE, STRANGER, {}, True),
        (PEOPLE, READER, {}, False),
    ],
)
def test_a_role_is_taken_by_its_platform_alone(
    trust: dict[str, Any], who: str, context: dict[str, str], expected: bool
) -> None:
    resource_policy = trust | {"Statement": [statement | {"Resource": "*"} for statement in trust["Statement"]]}
    request = Request(principal=Principal(arn=who), action="sts:AssumeRole", resource=READER, context=context)
    decision = decide(request, identity_policies={}, resource_policy=resource_policy, resource_policy_rules=True)
    assert decision.allowed is expected


def test_a_role_for_a_service_account_is_taken_by_that_account_of_that_cluster_alone() -> None:
    issuer = f"oidc.eks.{REGION}.amazonaws.com/id/ABC"
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    (statement,) = trust_service_account(oidc_provider_arn=provider, namespace="shop", service_account="reporting")[
        "Statement"
    ]
    assert statement["Principal"] == {"Federated": provider}
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    assert statement["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": "system:serviceaccount:shop:reporting",
        }
    }
