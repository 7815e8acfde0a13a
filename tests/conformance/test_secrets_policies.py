"""Resource policies of secrets: which are refused, and the condition keys by which they tell requests apart.

Every policy here denies whoever runs the tests, so that no role is needed and none has to become known first.
"""

import json
from typing import Any

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.rotations import Rotator
from tests.conformance.secret import CURRENT, Secret, create

pytestmark = pytest.mark.every_reading
SAR = "service authorization reference, condition keys for AWS Secrets Manager"


def denying(operation: str, key: str, *values: str, operator: str = "StringEquals") -> dict[str, Any]:
    """A statement that denies everybody an operation where a condition key has one of these values."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": f"secretsmanager:{operation}",
        "Resource": "*",
        "Condition": {operator: {key: list(values)}},
    }


@documented(SAR, "secretsmanager:VersionStage: filters access by the staging label in the request")
def test_who_names_no_label_carries_no_version_stage(secret: Secret) -> None:
    secret.protect(denying("GetSecretValue", "secretsmanager:VersionStage", CURRENT))
    assert secret.refused("get_secret_value", VersionStage=CURRENT) == "AccessDeniedException"
    assert secret.read() == "first"


@documented(SAR, "secretsmanager:VersionStage: filters access by the staging label in the request")
def test_a_required_label_keeps_out_who_names_none(secret: Secret) -> None:
    secret.protect(denying("GetSecretValue", "secretsmanager:VersionStage", CURRENT, operator="StringNotEquals"))
    assert secret.refused("get_secret_value") == "AccessDeniedException"
    assert secret.read(VersionStage=CURRENT) == "first"


@documented(SAR, "secretsmanager:VersionId: filters access by the id of the version in the request")
def test_a_version_is_denied_by_its_id(secret: Secret) -> None:
    first, second = next(iter(secret.stages())), secret.put("second", "A")
    secret.protect(denying("GetSecretValue", "secretsmanager:VersionId", second))
    assert secret.refused("get_secret_value", VersionId=second) == "AccessDeniedException"
    assert secret.read(VersionId=first) == "first"


@documented(SAR, "PutSecretValue has no condition key for the staging labels: who may put may publish")
def test_a_put_shows_no_labels_to_a_policy(secret: Secret) -> None:
    secret.protect(denying("PutSecretValue", "secretsmanager:VersionStage", "A"))
    assert secret.put("second", "A") in secret.stages()


@documented(SAR, "secretsmanager:VersionStage: on UpdateSecretVersionStage the label that moves")
def test_the_move_of_a_label_is_denied_by_its_name(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    secret.protect(denying("UpdateSecretVersionStage", "secretsmanager:VersionStage", "A"))
    asked = {"MoveToVersionId": first}
    assert secret.refused("update_secret_version_stage", VersionStage="A", **asked) == "AccessDeniedException"
    secret.move("B", target=first)


@documented(SAR, "secretsmanager:RotationLambdaARN: filters access by the ARN of the rotation function in the request")
def test_a_foreign_rotation_function_is_denied_by_its_arn(secret: Secret, rotator: Rotator) -> None:
    secret.protect(denying("RotateSecret", "secretsmanager:RotationLambdaARN", rotator.arn))
    refused = secret.refused("rotate_secret", RotationLambdaARN=rotator.arn)
    assert refused == "AccessDeniedException"
    assert "RotationEnabled" not in secret.described()


@documented(SAR, "secretsmanager:RotationLambdaARN: absent where the request names no function")
def test_a_rotation_that_names_no_function_passes_a_policy_on_functions(secret: Secret, rotator: Rotator) -> None:
    rotator.rotated(secret)
    secret.protect(denying("RotateSecret", "secretsmanager:RotationLambdaARN", rotator.arn))
    assert "VersionId" in secret.client.rotate_secret(SecretId=secret.arn)


@documented(
    SAR,
    "secretsmanager:resource/AllowRotationLambdaArn: filters access by the ARN of the rotation function of the secret",
)
def test_a_secret_brings_its_own_function_to_a_decision(secret: Secret, rotator: Rotator) -> None:
    rotator.rotated(secret)
    secret.protect(denying("GetSecretValue", "secretsmanager:resource/AllowRotationLambdaArn", rotator.arn))
    assert secret.refused("get_secret_value") == "AccessDeniedException"


@documented(
    SAR, "secretsmanager:ModifyRotationRules: filters access by whether the request modifies the rotation rules"
)
def test_other_rotation_rules_are_denied(secret: Secret, rotator: Rotator) -> None:
    rotator.rotated(secret)
    secret.protect(denying("RotateSecret", "secretsmanager:ModifyRotationRules", "true", operator="Bool"))
    rules = {"AutomaticallyAfterDays": 30}
    assert secret.refused("rotate_secret", RotationRules=rules) == "AccessDeniedException"
    assert "VersionId" in secret.client.rotate_secret(SecretId=secret.arn)


@documented(
    SAR, "secretsmanager:ForceDeleteWithoutRecovery: filters access by whether the deletion has no recovery window"
)
def test_a_deletion_by_force_is_denied(secret: Secret) -> None:
    secret.protect(denying("DeleteSecret", "secretsmanager:ForceDeleteWithoutRecovery", "true", operator="Bool"))
    assert secret.refused("delete_secret", ForceDeleteWithoutRecovery=True) == "AccessDeniedException"
    secret.client.delete_secret(SecretId=secret.arn)
    secret.client.restore_secret(SecretId=secret.arn)


@documented(SAR, "secretsmanager:RecoveryWindowInDays: filters access by the days of the recovery window")
def test_a_short_recovery_window_is_denied(secret: Secret) -> None:
    days = denying("DeleteSecret", "secretsmanager:RecoveryWindowInDays", "14", operator="NumericLessThan")
    secret.protect(days)
    assert secret.refused("delete_secret", RecoveryWindowInDays=7) == "AccessDeniedException"
    secret.client.delete_secret(SecretId=secret.arn, RecoveryWindowInDays=14)
    secret.client.restore_secret(SecretId=secret.arn)


@documented(SAR, "secretsmanager:BlockPublicPolicy: filters access by whether the policy blocks broad access")
def test_a_policy_that_is_not_kept_from_the_public_is_denied(secret: Secret) -> None:
    secret.protect(denying("PutResourcePolicy", "secretsmanager:BlockPublicPolicy", "true", operator="BoolIfExists"))
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denying("GetSecretValue", "aws:PrincipalArn", "x")]})
    refused = secret.refused("put_resource_policy", ResourcePolicy=policy, BlockPublicPolicy=True)
    assert refused == "AccessDeniedException"


@documented(SAR, "secretsmanager:KmsKeyId and secretsmanager:Description: filter access by these of the request")
def test_an_update_is_denied_by_its_description(secret: Secret) -> None:
    secret.protect(denying("UpdateSecret", "secretsmanager:Description", "mine"))
    assert secret.refused("update_secret", Description="mine") == "AccessDeniedException"
    secret.client.update_secret(SecretId=secret.arn, Description="yours")


@documented(
    SAR, "secretsmanager:ResourceTag/${TagKey} and aws:ResourceTag/${TagKey}: filter access by the secret's tags"
)
@pytest.mark.parametrize("key", ["aws:ResourceTag/role", "secretsmanager:ResourceTag/role"])
def test_a_secret_is_told_by_its_tags(account: Account, key: str) -> None:
    secret = create(account, SecretString="first", Tags=[{"Key": "role", "Value": "viewer"}])
    secret.protect(denying("GetSecretValue", key, "viewer"))
    assert secret.refused("get_secret_value") == "AccessDeniedException"


@documented(SAR, "aws:TagKeys and aws:RequestTag/${TagKey}: filter access by the tags in the request")
def test_a_tag_is_denied_by_its_key(secret: Secret) -> None:
    secret.protect(denying("TagResource", "aws:TagKeys", "owner", operator="ForAnyValue:StringEquals"))
    assert secret.refused("tag_resource", Tags=[{"Key": "owner", "Value": "me"}]) == "AccessDeniedException"
    secret.client.tag_resource(SecretId=secret.arn, Tags=[{"Key": "team", "Value": "us"}])


@documented(
    SAR,
    "secretsmanager:SecretId and secretsmanager:SecretPrimaryRegion: filter access by the ARN and the primary region",
)
def test_a_secret_brings_its_arn_and_its_region_to_a_decision(account: Account, secret: Secret) -> None:
    secret.protect(
        denying("GetSecretValue", "secretsmanager:SecretId", secret.arn),
        denying("ListSecretVersionIds", "secretsmanager:SecretPrimaryRegion", account.region),
    )
    assert secret.refused("get_secret_value") == "AccessDeniedException"
    assert secret.refused("list_secret_version_ids") == "AccessDeniedException"


PUBLIC: dict[str, dict[str, Any]] = {
    "everybody": {"Principal": "*"},
    "everybody as an account": {"Principal": {"AWS": "*"}},
    "everybody whose name is not mine": {
        "Principal": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:role/mine"}},
    },
}


@cites(
    "PutResourcePolicy",
    "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the "
    "secret.",
)
@pytest.mark.parametrize("whom", PUBLIC.values(), ids=PUBLIC)
def test_a_public_policy_is_refused_where_it_is_blocked(empty: Secret, whom: dict[str, Any]) -> None:
    allow = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*", **whom}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    assert (
        empty.refused("put_resource_policy", ResourcePolicy=policy, BlockPublicPolicy=True) == "PublicPolicyException"
    )
    assert "ResourcePolicy" not in empty.client.get_resource_policy(SecretId=empty.arn)


@cites("PutResourcePolicy", "for example those that use a wildcard for the principal.")
def test_a_policy_for_an_account_or_against_everybody_is_not_public(account: Account, empty: Secret) -> None:
    own = {"AWS": f"arn:aws:iam::{account.id}:root"}
    allow = {"Effect": "Allow", "Principal": own, "Action": "secretsmanager:DescribeSecret", "Resource": "*"}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    empty.client.put_resource_policy(SecretId=empty.arn, ResourcePolicy=policy, BlockPublicPolicy=True)
    assert json.loads(empty.client.get_resource_policy(SecretId=empty.arn)["ResourcePolicy"]) == json.loads(policy)


@cites("PutResourcePolicy", "The resource policy has syntax errors.")
@pytest.mark.parametrize("text", ["no json", "{}", '{"Version": "2012-10-17", "Statement": [{"Effect": "Permit"}]}'])
def test_a_malformed_policy_is_refused(empty: Secret, text: str) -> None:
    assert empty.refused("put_resource_policy", ResourcePolicy=text) == "MalformedPolicyDocumentException"


@cites("ValidateResourcePolicy", "policies that use a wildcard for the principal.")
def test_a_public_policy_does_not_pass_validation(empty: Secret) -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    answer = empty.client.validate_resource_policy(SecretId=empty.arn, ResourcePolicy=policy)
    assert answer["PolicyValidationPassed"] is False
    assert answer["ValidationErrors"] != []


@cites("DeleteResourcePolicy", "Deletes the resource-based permission policy attached to the secret.")
def test_a_policy_that_is_deleted_denies_no_more(secret: Secret) -> None:
    secret.protect({"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
    secret.client.delete_resource_policy(SecretId=secret.arn)
    secret.account.until(lambda: _readable(secret), "an end of the denial")


def _readable(secret: Secret) -> bool:
    answer = secret.client.batch_get_secret_value(SecretIdList=[secret.arn])
    return bool(answer["SecretValues"])
