"""How the values of secrets are read: by label, by id, several at once; and how secrets and versions are listed."""

from typing import Any

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.secret import CURRENT, PENDING, PREVIOUS, Secret, create, refusal

pytestmark = pytest.mark.every_reading
NOBODYS = "0b37cbc2-5d4f-4b80-8d32-a1a1c3b8b6f9"


@cites(
    "GetSecretValue",
    "If you don't specify either a VersionStage or VersionId, Secrets Manager returns the AWSCURRENT version.",
)
def test_a_read_that_names_no_version_gives_the_current_one(secret: Secret) -> None:
    secret.put("spare", "SPARE")
    read = secret.client.get_secret_value(SecretId=secret.arn)
    assert (read["SecretString"], read["VersionStages"]) == ("first", [CURRENT])


@cites(
    "GetSecretValue",
    "If you include both this parameter and VersionStage, the two parameters must refer to the same secret version.",
)
def test_a_read_that_names_id_and_label_of_two_versions_is_refused(secret: Secret) -> None:
    spare = secret.put("spare", "SPARE")
    assert secret.read(VersionId=spare, VersionStage="SPARE") == "spare"
    assert secret.refused("get_secret_value", VersionId=spare, VersionStage=CURRENT) == "InvalidRequestException"


@cites("GetSecretValue", "Secrets Manager can't find the resource that you asked for.")
@pytest.mark.parametrize("asked", [{"VersionStage": PREVIOUS}, {"VersionId": NOBODYS}])
def test_a_version_that_is_not_there_is_not_found(secret: Secret, asked: dict[str, str]) -> None:
    assert secret.refused("get_secret_value", **asked) == "ResourceNotFoundException"


@documented(
    "user guide, troubleshooting",
    "GetSecretValue on a secret without a value: can't find the specified secret value for staging label: AWSCURRENT",
)
def test_a_secret_without_a_value_has_none_to_read(empty: Secret) -> None:
    assert empty.refused("get_secret_value") == "ResourceNotFoundException"
    assert "VersionIdsToStages" not in empty.described()


@cites("GetSecretValue", "if the secret value was originally provided as binary data in the form of a byte array")
def test_bytes_come_back_as_bytes_and_as_no_text(account: Account) -> None:
    secret = create(account, SecretBinary=b"\x00\xff")
    read = secret.client.get_secret_value(SecretId=secret.arn)
    assert read["SecretBinary"] == b"\x00\xff"
    assert "SecretString" not in read


@cites("CreateSecret", "Either SecretString or SecretBinary must have a value, but not both.")
def test_a_value_is_text_or_bytes_and_never_both(account: Account, client: Any) -> None:
    name = account.name("never")
    refused = refusal(client.create_secret, Name=name, SecretString="x", SecretBinary=b"x")
    assert refused == "InvalidParameterException"


@cites("DescribeSecret", "The ARN or name of the secret.")
@documented(
    "user guide, finding secrets from a partial ARN",
    "an ARN without its last hyphen and six characters names the secret too",
)
def test_a_secret_is_found_by_name_by_arn_and_by_arn_without_its_suffix(secret: Secret) -> None:
    for given in (secret.name, secret.arn, secret.arn[:-7]):
        assert secret.client.describe_secret(SecretId=given)["ARN"] == secret.arn


@cites("DescribeSecret", "Secrets Manager only returns fields that have a value in the response.")
def test_a_bare_secret_is_described_without_what_it_has_not(empty: Secret) -> None:
    described = empty.described()
    assert {
        "Description",
        "KmsKeyId",
        "RotationEnabled",
        "LastAccessedDate",
        "VersionIdsToStages",
    } & described.keys() == set()


@cites("DescribeSecret", "The date that the secret was last accessed in the Region.")
@cites(
    "ListSecretVersionIds", "Note that the resolution of this field is at the date level and does not include the time."
)
def test_a_read_leaves_its_day_on_the_version_that_was_read(secret: Secret) -> None:
    spare = secret.put("spare", "SPARE")
    secret.read(VersionId=spare)
    listed = secret.account.until(lambda: _read_versions(secret), "the day of a read")
    assert list(listed) == [spare]
    assert (listed[spare].hour, listed[spare].minute) == (0, 0)


def _read_versions(secret: Secret) -> dict[str, Any]:
    versions = secret.client.list_secret_version_ids(SecretId=secret.arn)["Versions"]
    return {found["VersionId"]: found["LastAccessedDate"] for found in versions if "LastAccessedDate" in found}


@cites("ListSecretVersionIds", "By default, versions without staging labels aren't included.")
def test_versions_without_labels_are_listed_on_request_alone(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    second = secret.put("second", "A")
    secret.move("A", source=second)
    ask = secret.client.list_secret_version_ids
    listed = {version["VersionId"] for version in ask(SecretId=secret.arn)["Versions"]}
    everything = {version["VersionId"] for version in ask(SecretId=secret.arn, IncludeDeprecated=True)["Versions"]}
    assert (listed, everything) == ({first}, {first, second})


@cites(
    "ListSecretVersionIds", "An array of staging labels that are currently associated with this version of the secret."
)
@cites("ListSecretVersionIds", "The KMS keys used to encrypt the secret version.")
def test_versions_are_listed_with_their_labels_and_keys(secret: Secret) -> None:
    second = secret.put("second", "A", "B")
    versions = secret.client.list_secret_version_ids(SecretId=secret.arn)["Versions"]
    shown = {version["VersionId"]: version for version in versions}[second]
    assert set(shown["VersionStages"]) == {"A", "B"}
    assert shown["KmsKeyIds"] == ["DefaultEncryptionKey"]


@cites(
    "ListSecretVersionIds", "To get the next results, call ListSecretVersionIds again with the value from NextToken."
)
def test_versions_are_listed_in_pages(secret: Secret) -> None:
    ids = {*secret.stages(), secret.put("second", "A"), secret.put("third", "B")}
    found: list[str] = []
    more: dict[str, str] = {}
    while more or not found:
        page = secret.client.list_secret_version_ids(SecretId=secret.arn, MaxResults=1, **more)
        assert len(page["Versions"]) <= 1
        found += [version["VersionId"] for version in page["Versions"]]
        more = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
    assert (len(found), set(found)) == (3, ids)


@cites(
    "BatchGetSecretValue",
    "If Secrets Manager encounters errors such as AccessDeniedException while attempting to retrieve any of the "
    "secrets, you can see the errors in Errors in the response.",
)
def test_a_batch_tells_what_each_secret_refuses_and_gives_the_rest(
    account: Account, secret: Secret, empty: Secret, client: Any
) -> None:
    denied = create(account, SecretString="denied")
    denied.protect({"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
    absent = account.name("absent")
    answer = client.batch_get_secret_value(SecretIdList=[secret.arn, empty.arn, denied.arn, absent])
    assert [value["SecretString"] for value in answer["SecretValues"]] == ["first"]
    assert {error["SecretId"]: error["ErrorCode"] for error in answer["Errors"]} == {
        empty.arn: "ResourceNotFoundException",
        denied.arn: "AccessDeniedException",
        absent: "ResourceNotFoundException",
    }


@cites("BatchGetSecretValue", "You must include Filters or SecretIdList, but not both.")
@pytest.mark.parametrize("asked", [{}, {"SecretIdList": ["s"], "Filters": [{"Key": "name", "Values": ["s"]}]}])
def test_a_batch_is_asked_by_names_or_by_filters(client: Any, asked: dict[str, Any]) -> None:
    assert refusal(client.batch_get_secret_value, **asked) == "InvalidParameterException"


@cites("BatchGetSecretValue", "To use this parameter, you must also use the Filters parameter.")
def test_a_batch_by_names_has_no_pages(secret: Secret) -> None:
    refused = refusal(secret.client.batch_get_secret_value, SecretIdList=[secret.arn], MaxResults=1)
    assert refused == "InvalidParameterException"


@cites(
    "BatchGetSecretValue",
    "Retrieves the contents of the encrypted fields SecretString or SecretBinary for up to 20 secrets.",
)
def test_a_batch_gives_the_current_version_and_no_other(secret: Secret) -> None:
    secret.put("pending", PENDING)
    answer = secret.client.batch_get_secret_value(SecretIdList=[secret.arn])
    assert [(value["SecretString"], value["VersionStages"]) for value in answer["SecretValues"]] == [
        ("first", [CURRENT])
    ]


@cites("ListSecrets", "Prefix match, case-sensitive.")
def test_secrets_are_listed_by_the_beginning_of_their_name(secret: Secret) -> None:
    def look(prefix: str) -> list[str]:
        pages = secret.client.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [prefix]}])
        return [found["ARN"] for page in pages for found in page["SecretList"]]

    assert secret.account.until(lambda: look(secret.name), "the new secret in the list") == [secret.arn]
    assert look(secret.name.upper()) == []
    assert look(secret.name[1:]) == []
