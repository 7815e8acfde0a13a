"""Versions and staging labels of Secrets Manager."""

from typing import Any

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites


@pytest.fixture
def client(account: Account) -> Any:
    return account.client("secretsmanager")


@cites(
    "PutSecretValue",
    "If you specify a staging label that's already associated with a different version of the same secret, then "
    "Secrets Manager removes the label from the other version and attaches it to this version.",
)
def test_a_put_steals_its_labels(account: Account, client: Any) -> None:
    name = account.name("secret")
    client.create_secret(Name=name, SecretString="first")
    account.remove_later(name, lambda: client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True))
    put = client.put_secret_value(SecretId=name, SecretString="second", VersionStages=["A"])["VersionId"]
    last = client.put_secret_value(SecretId=name, SecretString="third", VersionStages=["A"])["VersionId"]
    stages = client.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert stages[last] == ["A"]
    assert put not in stages
