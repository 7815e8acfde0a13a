"""Secrets as a whole: made, deleted with a window, restored, deleted at once, tagged, updated."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.secret import Secret, absent, create, refusal

pytestmark = pytest.mark.every_reading
TOKEN = "0b37cbc2-5d4f-4b80-8d32-a1a1c3b8b6f1"
DELETED = (
    "A parameter value is not valid for the current state of the resource. "
    "Possible causes: The secret is scheduled for deletion."
)


@cites(
    "CreateSecret",
    "Secrets Manager automatically adds a hyphen and six random characters after the secret name at the end of the "
    "ARN.",
)
def test_an_arn_is_the_name_with_six_random_characters(account: Account, secret: Secret) -> None:
    prefix = f"arn:aws:secretsmanager:{account.region}:{account.id}:secret:{secret.name}-"
    assert re.fullmatch(re.escape(prefix) + "[A-Za-z0-9]{6}", secret.arn)


@cites("CreateSecret", "A resource with the ID you requested already exists.")
def test_a_name_is_given_once(secret: Secret) -> None:
    assert refusal(secret.client.create_secret, Name=secret.name) == "ResourceExistsException"


@cites(
    "CreateSecret",
    "If a version with this value already exists and the version SecretString and SecretBinary values are the same "
    "as those in the request, then the request is ignored.",
)
def test_a_secret_made_again_with_its_token_and_value_is_the_same(account: Account) -> None:
    secret = create(account, SecretString="first", ClientRequestToken=TOKEN)
    again = secret.client.create_secret(Name=secret.name, SecretString="first", ClientRequestToken=TOKEN)
    assert (again["ARN"], again["VersionId"]) == (secret.arn, TOKEN)


@cites("CreateSecret", "then the request fails because you cannot modify an existing version.")
def test_a_secret_made_again_with_its_token_and_another_value_is_refused(account: Account) -> None:
    secret = create(account, SecretString="first", ClientRequestToken=TOKEN)
    refused = refusal(secret.client.create_secret, Name=secret.name, SecretString="other", ClientRequestToken=TOKEN)
    assert refused == "ResourceExistsException"
    assert secret.read() == "first"


@cites("CreateSecret", "The secret name can contain ASCII letters, numbers, and the following characters: /_+=.@-")
def test_a_name_with_a_space_is_refused(account: Account, client: Any) -> None:
    assert refusal(client.create_secret, Name=account.name("with space")) in {
        "InvalidParameterException",
        "ValidationException",
    }


@cites("DeleteSecret", "The default recovery window is 30 days.")
def test_a_deleted_secret_waits_thirty_days(secret: Secret) -> None:
    before = secret.described()["CreatedDate"]
    end = secret.client.delete_secret(SecretId=secret.arn)["DeletionDate"]
    assert timedelta(days=30) <= end - before < timedelta(days=30, minutes=10)
    assert "DeletedDate" in secret.described()


@cites(
    "DeleteSecret", "The number of days from 7 to 30 that Secrets Manager waits before permanently deleting the secret."
)
@pytest.mark.parametrize("days", [6, 31])
def test_a_recovery_window_is_from_7_to_30_days(secret: Secret, days: int) -> None:
    assert secret.refused("delete_secret", RecoveryWindowInDays=days) == "InvalidParameterException"
    assert "DeletedDate" not in secret.described()


@cites("DeleteSecret", "You can't use both this parameter and ForceDeleteWithoutRecovery in the same call.")
def test_a_deletion_by_force_has_no_recovery_window(secret: Secret) -> None:
    refused = secret.refused("delete_secret", RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)
    assert refused == "InvalidParameterException"
    assert secret.read() == "first"


DELETED_REFUSES: dict[str, dict[str, Any]] = {
    "get_secret_value": {},
    "put_secret_value": {"SecretString": "second"},
    "update_secret": {"Description": "after"},
    "update_secret_version_stage": {"VersionStage": "A", "MoveToVersionId": TOKEN},
    "list_secret_version_ids": {},
    "rotate_secret": {},
    "cancel_rotate_secret": {},
    "get_resource_policy": {},
    "delete_resource_policy": {},
    "tag_resource": {"Tags": [{"Key": "a", "Value": "b"}]},
    "untag_resource": {"TagKeys": ["a"]},
    "delete_secret": {},
}


@cites("GetSecretValue", DELETED)
@pytest.mark.parametrize("operation", DELETED_REFUSES)
def test_a_deleted_secret_answers_nothing(account: Account, operation: str) -> None:
    secret = create(account, SecretString="first", ClientRequestToken=TOKEN)
    secret.client.delete_secret(SecretId=secret.arn)
    assert secret.refused(operation, **DELETED_REFUSES[operation]) == "InvalidRequestException"


@cites("RestoreSecret", "You can access a secret again after it has been restored.")
def test_a_restored_secret_has_its_value_labels_and_tags(account: Account) -> None:
    secret = create(account, SecretString="first", Tags=[{"Key": "role", "Value": "viewer"}])
    secret.put("spare", "SPARE")
    before = secret.stages()
    secret.client.delete_secret(SecretId=secret.arn, RecoveryWindowInDays=7)
    secret.client.restore_secret(SecretId=secret.name)
    assert (secret.read(), secret.stages()) == ("first", before)
    assert secret.described()["Tags"] == [{"Key": "role", "Value": "viewer"}]
    assert "DeletedDate" not in secret.described()


@documented(
    "API reference, CreateSecret",
    "You can't create this secret because a secret with this name is already scheduled for deletion.",
)
def test_the_name_of_a_deleted_secret_is_not_free_within_its_window(secret: Secret) -> None:
    secret.client.delete_secret(SecretId=secret.arn)
    assert refusal(secret.client.create_secret, Name=secret.name) == "InvalidRequestException"


@cites(
    "DeleteSecret",
    "If you delete a secret with the ForceDeleteWithoutRecovery parameter, then you have no opportunity to recover "
    "the secret.",
)
def test_a_secret_deleted_by_force_is_gone_and_its_name_is_free(account: Account, secret: Secret) -> None:
    secret.client.delete_secret(SecretId=secret.arn, ForceDeleteWithoutRecovery=True)
    account.until(lambda: absent(secret.client.describe_secret, SecretId=secret.arn), "the end of the secret")
    assert secret.refused("restore_secret") == "ResourceNotFoundException"


@cites(
    "DeleteSecret",
    "If you forcibly delete an already deleted or nonexistent secret, the operation does not return "
    "ResourceNotFoundException.",
)
def test_a_deletion_by_force_asks_for_no_secret(account: Account, client: Any) -> None:
    name = account.name("never-made")
    assert client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)["Name"] == name


@cites(
    "DeleteSecret",
    "If you forcibly delete an already deleted or nonexistent secret, the operation does not return "
    "ResourceNotFoundException.",
)
def test_a_deleted_secret_is_deleted_by_force_within_its_window(account: Account, secret: Secret) -> None:
    secret.client.delete_secret(SecretId=secret.arn)
    secret.client.delete_secret(SecretId=secret.arn, ForceDeleteWithoutRecovery=True)
    account.until(lambda: absent(secret.client.describe_secret, SecretId=secret.arn), "the end of the secret")


@cites(
    "ListSecrets",
    "Specifies whether to include secrets scheduled for deletion. By default, secrets scheduled for deletion aren't "
    "included.",
)
def test_deleted_secrets_are_listed_on_request_alone(account: Account, secret: Secret) -> None:
    secret.client.delete_secret(SecretId=secret.arn)

    def listed(**asked: bool) -> list[str]:
        answer = secret.client.list_secrets(Filters=[{"Key": "name", "Values": [secret.name]}], **asked)
        return [found["Name"] for found in answer["SecretList"]]

    assert account.until(lambda: listed(IncludePlannedDeletion=True), "the deleted secret in the list") == [secret.name]
    account.until(lambda: not listed(), "a list without the deleted secret")


@cites("TagResource", "This operation appends tags to the existing list of tags.")
@cites(
    "UntagResource",
    "If a requested tag is not attached to the secret, no error is returned and the secret metadata is unchanged.",
)
def test_tags_are_added_replaced_and_removed(account: Account) -> None:
    secret = create(account, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    secret.client.tag_resource(SecretId=secret.arn, Tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}])
    secret.client.untag_resource(SecretId=secret.arn, TagKeys=["a", "never"])
    assert {tag["Key"]: tag["Value"] for tag in secret.described()["Tags"]} == {"b": "3", "c": "4"}


@cites("UpdateSecret", "Modifies the details of a secret, including metadata and the secret value.")
def test_an_update_of_the_description_makes_no_version(secret: Secret) -> None:
    before = secret.stages()
    secret.client.update_secret(SecretId=secret.arn, Description="after")
    assert (secret.described()["Description"], secret.stages()) == ("after", before)
