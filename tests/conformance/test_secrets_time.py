"""What Secrets Manager does by itself in time. AWS's clock cannot be moved: these are skipped there."""

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites
from tests.conformance.secret import Secret, absent, refusal

pytestmark = pytest.mark.every_reading


@cites("DeleteSecret", "At the end of the recovery window, Secrets Manager deletes the secret permanently.")
def test_a_deleted_secret_is_gone_after_its_window(account: Account, secret: Secret) -> None:
    secret.client.delete_secret(SecretId=secret.arn, RecoveryWindowInDays=7)
    account.pass_days(6)
    assert "DeletedDate" in account.client("secretsmanager").describe_secret(SecretId=secret.arn)
    account.pass_days(1)
    assert absent(account.client("secretsmanager").describe_secret, SecretId=secret.arn)


@cites(
    "UpdateSecretVersionStage", "the version is considered to be 'deprecated' and can be deleted by Secrets Manager."
)
def test_a_version_without_labels_is_collected_after_a_day(account: Account, secret: Secret) -> None:
    second = secret.put("second", "A")
    kept = secret.put("third", "B")
    secret.move("A", source=second)
    account.pass_days(1)
    client = account.client("secretsmanager")
    assert refusal(client.get_secret_value, SecretId=secret.arn, VersionId=second) == "ResourceNotFoundException"
    assert client.get_secret_value(SecretId=secret.arn, VersionId=kept)["SecretString"] == "third"
