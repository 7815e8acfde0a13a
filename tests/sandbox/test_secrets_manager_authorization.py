"""What Secrets Manager asks IAM, and what resource policies may be attached.

Actions and condition keys are those of the service authorization reference; quotations are botocore's model text.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.aws.calls import AwsError, Json
from tests.sandbox.secrets_manager_bench import ALICE, FUNCTION, Asked, Bench, token

KEY = "arn:aws:kms:us-east-1:000000000000:key/1234"
POLICY: Json = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Stranger",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:PrincipalArn": ALICE.principal_arn}},
        }
    ],
}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


def asked_by(bench: Bench, operation: str, **parameters: Any) -> list[Asked]:
    """What IAM is asked during one call."""
    bench.asked.clear()
    bench.call(operation, **parameters)
    return list(bench.asked)


CONDITIONS: dict[str, tuple[str, Json, Json]] = {
    "a read by no name of version carries none": ("GetSecretValue", {}, {}),
    "a read by label": ("GetSecretValue", {"VersionStage": "AWSCURRENT"}, {"VersionStage": "AWSCURRENT"}),
    "a read by id": ("GetSecretValue", {"VersionId": token(1)}, {"VersionId": token(1)}),
    "a put never shows its labels": (
        "PutSecretValue",
        {"SecretString": "x", "ClientRequestToken": token(2), "VersionStages": ["A"]},
        {},
    ),
    "a label moved": (
        "UpdateSecretVersionStage",
        {"VersionStage": "A", "MoveToVersionId": token(1)},
        {"VersionStage": "A"},
    ),
    "an update": ("UpdateSecret", {"Description": "d", "KmsKeyId": ""}, {"Description": "d", "KmsKeyId": ""}),
    "a deletion": ("DeleteSecret", {"RecoveryWindowInDays": 7}, {"RecoveryWindowInDays": "7"}),
    "a forced deletion": ("DeleteSecret", {"ForceDeleteWithoutRecovery": True}, {"ForceDeleteWithoutRecovery": "true"}),
    "a policy": (
        "PutResourcePolicy",
        {"ResourcePolicy": json.dumps(POLICY), "BlockPublicPolicy": True},
        {"BlockPublicPolicy": "true"},
    ),
    "a rotation that names no function": ("CancelRotateSecret", {}, {}),
    "a rotation": (
        "RotateSecret",
        {"ClientRequestToken": token(2), "RotationLambdaARN": FUNCTION, "RotateImmediately": False},
        {"RotationLambdaARN": FUNCTION, "RotateImmediately": "false"},
    ),
    "rotation rules": (
        "RotateSecret",
        {"ClientRequestToken": token(2), "RotationLambdaARN": FUNCTION, "RotationRules": {"AutomaticallyAfterDays": 9}},
        {"RotationLambdaARN": FUNCTION, "ModifyRotationRules": "true"},
    ),
}


@pytest.mark.parametrize(("operation", "parameters", "keys"), CONDITIONS.values(), ids=CONDITIONS)
def test_condition_keys_of_requests(bench: Bench, operation: str, parameters: Json, keys: Json) -> None:
    arn = bench.secret("s", Tags=[{"Key": "role", "Value": "viewer"}])
    bench.put(1)
    first = asked_by(bench, operation, SecretId="s", **parameters)[0]
    assert (first.action, first.resource) == (f"secretsmanager:{operation}", arn)
    of_secret = {
        "secretsmanager:SecretId": arn,
        "secretsmanager:SecretPrimaryRegion": "us-east-1",
        "secretsmanager:ResourceTag/role": "viewer",
        "aws:ResourceTag/role": "viewer",
    }
    assert first.context == of_secret | {f"secretsmanager:{key}": value for key, value in keys.items()}
    bench.rotated()


def test_a_rotated_secret_brings_its_function_as_a_condition(bench: Bench) -> None:
    bench.secret("s")
    bench.call("RotateSecret", SecretId="s", ClientRequestToken=token(1), RotationLambdaARN=FUNCTION)
    bench.rotated()
    first = asked_by(bench, "DescribeSecret", SecretId="s")[0]
    assert first.context["secretsmanager:resource/AllowRotationLambdaArn"] == FUNCTION


def test_a_new_secret_is_authorized_with_its_name_and_tags_and_tagging_by_itself(bench: Bench) -> None:
    """CreateSecret: "If you include tags in the secret, you also need secretsmanager:TagResource." """
    create, tag = asked_by(bench, "CreateSecret", Name="s", Tags=[{"Key": "role", "Value": "viewer"}])
    assert (create.action, tag.action) == ("secretsmanager:CreateSecret", "secretsmanager:TagResource")
    assert create.resource == bench.call("DescribeSecret", SecretId="s")["ARN"]
    assert create.context["secretsmanager:Name"] == "s"
    assert create.context["aws:RequestTag/role"] == "viewer"
    assert create.context["aws:TagKeys"] == ["role"]


def test_untagging_is_authorized_by_the_keys(bench: Bench) -> None:
    bench.secret("s")
    asked = asked_by(bench, "UntagResource", SecretId="s", TagKeys=["role"])
    assert asked[0].context["aws:TagKeys"] == ["role"]


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("ListSecrets", {}),
        ("BatchGetSecretValue", {"SecretIdList": ["s"]}),
        ("ValidateResourcePolicy", {"ResourcePolicy": json.dumps(POLICY)}),
    ],
)
def test_operations_on_no_one_secret_are_authorized_on_all(bench: Bench, operation: str, parameters: Json) -> None:
    first = asked_by(bench, operation, **parameters)[0]
    assert (first.action, first.resource, first.policy) == (f"secretsmanager:{operation}", "*", None)


def test_batch_get_by_filter_needs_list_secrets_too(bench: Bench) -> None:
    """BatchGetSecretValue: "If you use filters, you must also have secretsmanager:ListSecrets." """
    bench.denies = lambda asked: asked.action == "secretsmanager:ListSecrets"
    filters = [{"Key": "name", "Values": ["s"]}]
    assert bench.refusal("BatchGetSecretValue", Filters=filters).code == "AccessDeniedException"


def test_a_secret_that_is_not_there_is_denied_to_who_may_not_read_it(bench: Bench) -> None:
    assert bench.refusal("GetSecretValue", SecretId="absent").code == "ResourceNotFoundException"
    assert (bench.asked[-1].action, bench.asked[-1].resource) == ("secretsmanager:GetSecretValue", "absent")
    bench.denies = lambda asked: asked.resource == "absent"
    assert bench.refusal("GetSecretValue", SecretId="absent").code == "AccessDeniedException"
    assert bench.refusal("DeleteSecret", SecretId="absent", ForceDeleteWithoutRecovery=True).code == (
        "AccessDeniedException"
    )


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("CreateSecret", {"Name": "new"}),
        ("PutSecretValue", {"SecretId": "s", "SecretString": "x", "ClientRequestToken": token(2)}),
        ("UpdateSecret", {"SecretId": "s", "Description": "x"}),
        ("UpdateSecretVersionStage", {"SecretId": "s", "VersionStage": "A", "MoveToVersionId": token(1)}),
        ("RotateSecret", {"SecretId": "s", "ClientRequestToken": token(2), "RotationLambdaARN": FUNCTION}),
        ("CancelRotateSecret", {"SecretId": "s"}),
        ("PutResourcePolicy", {"SecretId": "s", "ResourcePolicy": json.dumps(POLICY)}),
        ("DeleteResourcePolicy", {"SecretId": "s"}),
        ("TagResource", {"SecretId": "s", "Tags": [{"Key": "a"}]}),
        ("UntagResource", {"SecretId": "s", "TagKeys": ["a"]}),
        ("DeleteSecret", {"SecretId": "s"}),
        ("DeleteSecret", {"SecretId": "s", "ForceDeleteWithoutRecovery": True}),
        ("RestoreSecret", {"SecretId": "s"}),
    ],
)
def test_what_is_denied_changes_nothing(bench: Bench, operation: str, parameters: Json) -> None:
    bench.secret("s")
    bench.put(1)
    before = bench.call("ListSecrets")
    bench.denies = lambda asked: asked.action == f"secretsmanager:{operation}"
    assert bench.refusal(operation, **parameters).code == "AccessDeniedException"
    bench.now += 1
    assert bench.call("ListSecrets") == before


def test_the_resource_policy_comes_with_every_question_about_its_secret(bench: Bench) -> None:
    bench.secret("s")
    bench.call("PutResourcePolicy", SecretId="s", ResourcePolicy=json.dumps(POLICY))
    assert asked_by(bench, "DescribeSecret", SecretId="s")[0].policy == POLICY
    assert json.loads(bench.call("GetResourcePolicy", SecretId="s")["ResourcePolicy"]) == POLICY
    bench.call("DeleteResourcePolicy", SecretId="s")
    assert asked_by(bench, "DescribeSecret", SecretId="s")[0].policy is None
    assert "ResourcePolicy" not in bench.call("GetResourcePolicy", SecretId="s")


KMS_USES: dict[str, tuple[str, Json, list[str], str]] = {
    "a read": ("GetSecretValue", {}, ["kms:Decrypt"], token(1)),
    "a put": (
        "PutSecretValue",
        {"SecretString": "x", "ClientRequestToken": token(2)},
        ["kms:GenerateDataKey"],
        token(2),
    ),
    "a put again": (
        "PutSecretValue",
        {"SecretString": "value 1", "ClientRequestToken": token(1)},
        ["kms:Decrypt"],
        token(1),
    ),
    "an update of the value": (
        "UpdateSecret",
        {"SecretString": "x", "ClientRequestToken": token(2)},
        ["kms:GenerateDataKey", "kms:Decrypt"],
        token(2),
    ),
    "an update of the description": ("UpdateSecret", {"Description": "x"}, [], ""),
}


@pytest.mark.parametrize(("operation", "parameters", "actions", "version"), KMS_USES.values(), ids=KMS_USES)
def test_the_caller_needs_the_key_for_that_secret_and_version(
    bench: Bench, operation: str, parameters: Json, actions: list[str], version: str
) -> None:
    """GetSecretValue: "If the secret is encrypted using a customer-managed key instead of the Amazon Web Services
    managed key aws/secretsmanager, then you also need kms:Decrypt permissions for that key."
    """
    arn = bench.secret("s", KmsKeyId=KEY)
    bench.put(1)
    uses = [asked for asked in asked_by(bench, operation, SecretId="s", **parameters) if asked.action[:4] == "kms:"]
    assert [use.action for use in uses] == actions
    for use in uses:
        assert (use.resource, use.principal) == (KEY, ALICE.principal_arn)
        assert use.context == {
            "kms:CallerAccount": "000000000000",
            "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
            "kms:EncryptionContext:SecretARN": arn,
            "kms:EncryptionContext:SecretVersionId": version,
            "kms:EncryptionContextKeys": ["SecretARN", "SecretVersionId"],
        }


@pytest.mark.parametrize(
    ("given", "resources"),
    [
        ("1234", [KEY] * 2),
        (KEY, [KEY] * 2),
        ("alias/keys", ["arn:aws:kms:us-east-1:000000000000:alias/keys"] * 2),
        ("alias/aws/secretsmanager", []),
        ("arn:aws:kms:us-east-1:000000000000:alias/aws/secretsmanager", []),
        ("", []),
    ],
)
def test_a_new_secret_proves_its_key_before_it_has_a_value(bench: Bench, given: str, resources: list[str]) -> None:
    """CreateSecret: "To encrypt the secret with a KMS key other than aws/secretsmanager, you need kms:GenerateDataKey
    and kms:Decrypt permission to the key."
    """
    asked = [use for use in asked_by(bench, "CreateSecret", Name="s", KmsKeyId=given) if use.action[:4] == "kms:"]
    assert [use.resource for use in asked] == resources
    assert {use.context["kms:EncryptionContext:SecretVersionId"] for use in asked} <= {"RequestToValidateKeyAccess"}


@pytest.mark.parametrize(
    ("action", "operation"), [("kms:Decrypt", "GetSecretValue"), ("kms:GenerateDataKey", "PutSecretValue")]
)
def test_without_the_key_neither_a_read_nor_a_put(bench: Bench, action: str, operation: str) -> None:
    bench.secret("s", KmsKeyId=KEY)
    bench.put(1)
    bench.denies = lambda asked: asked.action == action
    written: Json = {"SecretString": "x", "ClientRequestToken": token(2)} if operation == "PutSecretValue" else {}
    refused = bench.refusal(operation, SecretId="s", **written)
    assert (refused.code, refused.message) == ("AccessDeniedException", "Access to KMS is not allowed")
    assert bench.stages() == {1: {"AWSCURRENT"}}


def policy(**changes: object) -> str:
    """A policy of one statement that allows Alice a read, with changes to it; None takes an element away."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ALICE.principal_arn},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    } | changes
    kept = {element: value for element, value in statement.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": kept})


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "{}",
        '{"Version": "2012-10-17", "Statement": []}',
        '{"Version": "2012-10-17", "Statement": ["Allow"]}',
        policy(Effect="Permit"),
        policy(Principal=None),
        policy(NotPrincipal="*"),
        policy(Action=None),
        policy(Action=7),
        policy(Action=[]),
        policy(Resource=None),
        policy(Reason="a misspelt element"),
        policy(Condition="never"),
        policy(Condition={"StringEquals": "aws:PrincipalArn"}),
        policy().replace("2012-10-17", "2026-01-01"),
        policy().replace('"Version"', '"Versoin"'),
    ],
)
def test_a_policy_with_syntax_errors_is_refused(bench: Bench, text: str) -> None:
    """MalformedPolicyDocumentException: "The resource policy has syntax errors." """
    bench.secret("s")
    assert (
        bench.refusal("PutResourcePolicy", SecretId="s", ResourcePolicy=text).code == "MalformedPolicyDocumentException"
    )
    assert "ResourcePolicy" not in bench.call("GetResourcePolicy", SecretId="s")


@pytest.mark.parametrize(
    ("text", "public"),
    [
        (policy(), False),
        (policy(Principal="*"), True),
        (policy(Principal={"AWS": "*"}), True),
        (policy(Principal={"AWS": [ALICE.principal_arn, "*"]}), True),
        (policy(Principal={"Service": "ecs-tasks.amazonaws.com"}), False),
        (policy(Principal=None, NotPrincipal={"AWS": ALICE.principal_arn}), True),
        (policy(Principal="*", Effect="Deny"), False),
        (policy(Principal="*", Condition={"StringEquals": {"aws:PrincipalArn": ALICE.principal_arn}}), False),
        (policy(Principal="*", Condition={"StringEquals": {"AWS:PrincipalOrgID": ["o-1", "o-2"]}}), False),
        (policy(Principal="*", Condition={"StringLike": {"aws:PrincipalArn": "*"}}), True),
        (policy(Principal="*", Condition={"StringNotEquals": {"aws:PrincipalArn": ALICE.principal_arn}}), True),
        (policy(Principal="*", Condition={"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}), True),
        (policy(Principal="*", Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), True),
        (policy(Principal="*", Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}), False),
    ],
)
def test_public_policies_are_refused_where_they_are_blocked(bench: Bench, text: str, *, public: bool) -> None:
    """PublicPolicyException: "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent
    broad access to the secret."
    """
    bench.secret("s")
    validation = bench.call("ValidateResourcePolicy", SecretId="s", ResourcePolicy=text)
    assert validation["PolicyValidationPassed"] is not public
    assert [error["CheckName"] for error in validation["ValidationErrors"]] == ["PUBLIC_POLICY"] * public
    asked: Json = {"SecretId": "s", "ResourcePolicy": text}
    try:
        bench.call("PutResourcePolicy", **asked, BlockPublicPolicy=True)
        code = None
    except AwsError as error:
        code = error.code
    assert code == ("PublicPolicyException" if public else None)
    bench.call("PutResourcePolicy", **asked)


def test_validation_tells_of_a_policy_that_would_lock_its_caller_out(bench: Bench) -> None:
    """ValidateResourcePolicy: "Verifies the policy does not lock out a caller." """
    bench.secret("s")
    bench.denies = lambda asked: asked.policy is not None
    answer = bench.call("ValidateResourcePolicy", SecretId="s", ResourcePolicy=policy())
    assert [error["CheckName"] for error in answer["ValidationErrors"]] == ["LOCKOUT"]
    assert bench.refusal("ValidateResourcePolicy", SecretId="absent", ResourcePolicy=policy()).code == (
        "ResourceNotFoundException"
    )
