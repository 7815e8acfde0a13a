"""Secrets as a whole: how they are made, named, found, listed, tagged, deleted and restored.

Quotations are botocore's model text of the operation named.
"""

from collections.abc import Iterator

import pytest

from sandbox.aws.calls import Json
from sandbox.aws.secrets_manager.state import DAY
from tests.sandbox.secrets_manager_bench import NOON, Bench, token


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


@pytest.mark.parametrize("given", ["app", "app/key-", "arn:aws:secretsmanager:us-east-1:111111111111:secret:app/key"])
def test_a_secret_that_is_not_there(bench: Bench, given: str) -> None:
    bench.secret("app/key")
    refused = bench.refusal("DescribeSecret", SecretId=given)
    assert (refused.code, refused.message) == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    )


def test_a_secret_lives_in_one_region(bench: Bench) -> None:
    arn = bench.secret("s")
    for given in ("s", arn):
        assert bench.refusal("DescribeSecret", SecretId=given, region="eu-west-1").code == "ResourceNotFoundException"
    bench.call("CreateSecret", Name="s", region="eu-west-1")
    assert [found["ARN"] for found in bench.call("ListSecrets")["SecretList"]] == [arn]


def test_a_secret_is_described_with_the_fields_that_have_a_value(bench: Bench) -> None:
    """DescribeSecret: "Secrets Manager only returns fields that have a value in the response." """
    assert bench.call("CreateSecret", Name="bare").keys() == {"ARN", "Name"}
    assert bench.call("DescribeSecret", SecretId="bare").keys() == {"ARN", "Name", "CreatedDate", "LastChangedDate"}
    created = bench.call(
        "CreateSecret",
        Name="full",
        Description="a key",
        KmsKeyId="alias/keys",
        SecretString="x",
        ClientRequestToken=token(1),
        Tags=[{"Key": "role", "Value": "viewer"}],
    )
    assert bench.call("DescribeSecret", SecretId="full") == {
        "ARN": created["ARN"],
        "Name": "full",
        "Description": "a key",
        "KmsKeyId": "alias/keys",
        "CreatedDate": NOON,
        "LastChangedDate": NOON,
        "Tags": [{"Key": "role", "Value": "viewer"}],
        "VersionIdsToStages": {token(1): ["AWSCURRENT"]},
    }
    assert created["VersionId"] == token(1)


def test_create_again_with_the_same_token_and_value_is_the_same_secret(bench: Bench) -> None:
    """CreateSecret: "If a version with this value already exists and the version SecretString and SecretBinary values
    are the same as those in the request, then the request is ignored."
    """
    asked: Json = {"Name": "s", "SecretString": "x", "ClientRequestToken": token(1)}
    assert bench.call("CreateSecret", **asked) == bench.call("CreateSecret", **asked)
    for changed in ({"SecretString": "y"}, {"ClientRequestToken": token(2)}):
        assert bench.refusal("CreateSecret", **asked | changed).code == "ResourceExistsException"
    assert (
        bench.refusal("CreateSecret", Name="s").message == "The operation failed because the secret s already exists."
    )


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"Name": "with space"}, "InvalidParameterException"),
        ({"Name": "schlüssel"}, "InvalidParameterException"),
        ({"Name": ""}, "ValidationException"),
        ({"Name": "n" * 513}, "ValidationException"),
        ({}, "ValidationException"),
        ({"Name": "s", "Descripton": "misspelt"}, "ValidationException"),
        ({"Name": "s", "Tags": "role=viewer"}, "ValidationException"),
        ({"Name": "s", "SecretString": "x", "ClientRequestToken": "short"}, "ValidationException"),
        ({"Name": "s", "SecretString": "x", "SecretBinary": "eA=="}, "InvalidParameterException"),
        ({"Name": "s", "SecretString": "x"}, "InvalidRequestException"),
        ({"Name": "s", "SecretString": "x" * 65537, "ClientRequestToken": token(1)}, "ValidationException"),
        ({"Name": "s", "SecretBinary": "no base64!", "ClientRequestToken": token(1)}, "ValidationException"),
        ({"Name": "s", "Tags": [{"Key": "a"}, {"Key": "a"}]}, "InvalidParameterException"),
        ({"Name": "s", "Tags": [{"Value": "a"}]}, "InvalidParameterException"),
        ({"Name": "s", "Tags": [{"Key": "aws:own", "Value": "a"}]}, "InvalidParameterException"),
        ({"Name": "s", "Tags": [{"Key": f"k{n}"} for n in range(51)]}, "InvalidParameterException"),
        ({"Name": "s", "Type": "Partner"}, "UnsupportedOperationException"),
    ],
)
def test_what_create_secret_refuses(bench: Bench, asked: Json, code: str) -> None:
    assert bench.refusal("CreateSecret", **asked).code == code
    assert bench.call("ListSecrets")["SecretList"] == []


def test_every_broken_constraint_is_told_at_once_and_no_value_is_quoted(bench: Bench) -> None:
    refused = bench.refusal("PutSecretValue", SecretId="", SecretString="hidden" * 20000, ClientRequestToken="short")
    assert refused.message.startswith("3 validation errors detected: ")
    assert "Value '' at 'secretId' failed to satisfy constraint: Member must have length greater" in refused.message
    assert "Value at 'secretString' failed to satisfy constraint: Member must have length less" in refused.message
    assert "hidden" not in refused.message


@pytest.mark.parametrize(
    ("operation", "asked", "rule"),
    [
        ("ListSecrets", {"SortOrder": "up"}, "Member must satisfy enum value set: [asc, desc]"),
        ("ListSecrets", {"MaxResults": 101}, "Member must have value less than or equal to 100"),
        ("ListSecrets", {"Filters": [{"Key": "size"}]}, "at 'filters.1.member.key' failed to satisfy constraint"),
        ("ListSecrets", {"MaxResults": True}, "Member must be of type integer"),
        ("RotateSecret", {"SecretId": "s", "RotationRules": {"Duration": "3"}}, "Member must have length greater"),
        ("RotateSecret", {"SecretId": "s", "RotationRules": {"Duration": "abc"}}, "expression pattern: [0-9]+h"),
        ("DescribeSecret", {}, "Value null at 'secretId' failed to satisfy constraint: Member must not be null"),
    ],
)  # fmt: skip
def test_parameters_are_held_to_the_model(bench: Bench, operation: str, asked: Json, rule: str) -> None:
    refused = bench.refusal(operation, **asked)
    assert refused.code == "ValidationException"
    assert rule in refused.message


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("GetRandomPassword", {}),
    ],
)
def test_what_is_not_done_is_refused_by_name_and_only_to_who_may_ask(bench: Bench, operation: str, asked: Json) -> None:
    bench.secret("s")
    refused = bench.refusal(operation, **asked)
    assert refused.code == "UnsupportedOperationException"
    assert operation in refused.message
    bench.denies = lambda asked: asked.action == f"secretsmanager:{operation}"
    assert bench.refusal(operation, **asked).code == "AccessDeniedException"


def test_an_unknown_operation_is_refused(bench: Bench) -> None:
    assert bench.refusal("DestroySecret", SecretId="s").code == "UnknownOperationException"


def test_update_changes_what_it_names(bench: Bench) -> None:
    bench.secret("s", Description="before", KmsKeyId="alias/keys")
    bench.now += 60
    assert bench.call("UpdateSecret", SecretId="s", Description="after").keys() == {"ARN", "Name"}
    described = bench.call("DescribeSecret", SecretId="s")
    assert (described["Description"], described["KmsKeyId"]) == ("after", "alias/keys")
    assert (described["CreatedDate"], described["LastChangedDate"]) == (NOON, NOON + 60)
    bench.call("UpdateSecret", SecretId="s", KmsKeyId="")
    assert "KmsKeyId" not in bench.call("DescribeSecret", SecretId="s")


def test_an_update_that_exceeds_a_quota_changes_nothing(bench: Bench) -> None:
    bench.secret("s", Description="before")
    bench.put(1)
    bench.put(2, *[f"L{n}" for n in range(19)])
    update: Json = {"SecretId": "s", "Description": "after", "SecretString": "x", "ClientRequestToken": token(3)}
    assert bench.refusal("UpdateSecret", **update).code == "LimitExceededException"
    assert bench.call("DescribeSecret", SecretId="s")["Description"] == "before"


def test_a_new_key_re_encrypts_the_versions_of_the_three_labels_alone(bench: Bench) -> None:
    """UpdateSecret KmsKeyId: "new secret versions as well as any existing versions with the staging labels AWSCURRENT,
    AWSPENDING, or AWSPREVIOUS".
    """
    bench.secret("s", KmsKeyId="old")
    for number, stage in ((1, "AWSCURRENT"), (2, "AWSCURRENT"), (3, "AWSPENDING"), (4, "SPARE")):
        bench.put(number, stage)
    bench.call("UpdateSecret", SecretId="s", KmsKeyId="new")
    listed = bench.call("ListSecretVersionIds", SecretId="s")["Versions"]
    assert [version["KmsKeyIds"] for version in listed] == [["new"], ["new"], ["new"], ["old"]]


def test_without_encrypt_on_the_new_key_old_versions_stay_on_theirs(bench: Bench) -> None:
    """UpdateSecret KmsKeyId: "If you don't have kms:Encrypt permission to the new key, Secrets Manager does not
    re-encrypt existing secret versions with the new key."
    """
    bench.secret("s")
    bench.put(1)
    bench.denies = lambda asked: asked.action == "kms:Encrypt"
    bench.call("UpdateSecret", SecretId="s", KmsKeyId="new")
    bench.put(2)
    listed = bench.call("ListSecretVersionIds", SecretId="s")["Versions"]
    assert [version["KmsKeyIds"] for version in listed] == [["DefaultEncryptionKey"], ["new"]]


@pytest.mark.parametrize(("asked", "days"), [({}, 30), ({"RecoveryWindowInDays": 7}, 7)])
def test_a_deleted_secret_waits_out_its_window_and_is_gone(bench: Bench, asked: Json, days: int) -> None:
    """DeleteSecret: "The minimum recovery window is 7 days. The default recovery window is 30 days." """
    bench.secret("s")
    assert bench.call("DeleteSecret", SecretId="s", **asked)["DeletionDate"] == NOON + days * DAY
    bench.now += days * DAY - 1
    assert bench.call("DescribeSecret", SecretId="s")["DeletedDate"] == NOON + days * DAY
    assert bench.refusal("CreateSecret", Name="s").message == (
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    )
    bench.now += 1
    assert bench.refusal("DescribeSecret", SecretId="s").code == "ResourceNotFoundException"
    bench.secret("s")


def test_a_forced_deletion_is_at_once_and_asks_for_no_secret(bench: Bench) -> None:
    """DeleteSecret: "If you forcibly delete an already deleted or nonexistent secret, the operation does not return
    ResourceNotFoundException."
    """
    bench.secret("s")
    bench.call("DeleteSecret", SecretId="s")
    for _ in range(2):
        answer = bench.call("DeleteSecret", SecretId="s", ForceDeleteWithoutRecovery=True)
        assert (answer["Name"], answer["DeletionDate"]) == ("s", NOON)
        assert bench.refusal("DescribeSecret", SecretId="s").code == "ResourceNotFoundException"


def test_tags_are_added_and_removed(bench: Bench) -> None:
    """UntagResource: "If a requested tag is not attached to the secret, no error is returned"."""
    bench.secret("s", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    bench.call("TagResource", SecretId="s", Tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}])
    bench.call("UntagResource", SecretId="s", TagKeys=["a", "never"])
    tags = bench.call("DescribeSecret", SecretId="s")["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"b": "3", "c": "4"}
    many = [{"Key": f"k{n}", "Value": ""} for n in range(49)]
    assert bench.refusal("TagResource", SecretId="s", Tags=many).code == "InvalidParameterException"


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("name", "app/", ["app/a", "app/b"]),
        ("name", "APP/", []),
        ("name", "!app/", ["other"]),
        ("description", "FIRST", ["app/a"]),
        ("description", "one", []),
        ("tag-key", "ro", ["app/b"]),
        ("tag-value", "viewer", ["app/b"]),
        ("tag-value", "Viewer", []),
        ("primary-region", "us-", ["app/a", "app/b", "other"]),
        ("owning-service", "rds", []),
        ("all", "the ONE", ["app/a"]),
        ("all", "view app", ["app/b"]),
    ],
)
def test_secrets_are_listed_by_filter(bench: Bench, key: str, value: str, names: list[str]) -> None:
    bench.secret("app/a", Description="First, the one")
    bench.secret("app/b", Tags=[{"Key": "role", "Value": "viewer"}])
    bench.secret("other")
    listed = bench.call("ListSecrets", Filters=[{"Key": key, "Values": [value]}], SortBy="name", SortOrder="asc")
    assert [secret["Name"] for secret in listed["SecretList"]] == names


def test_filters_narrow_each_other_and_values_widen_one(bench: Bench) -> None:
    for name in ("a1", "a2", "b1"):
        bench.secret(name, Description=name)
    filters = [{"Key": "name", "Values": ["a", "b"]}, {"Key": "description", "Values": ["a1", "b"]}]
    assert [found["Name"] for found in bench.call("ListSecrets", Filters=filters, SortOrder="asc")["SecretList"]] == [
        "a1",
        "b1",
    ]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["third", "second", "first"]),
        ({"SortOrder": "asc"}, ["first", "second", "third"]),
        ({"SortBy": "name", "SortOrder": "asc"}, ["first", "second", "third"]),
        ({"SortBy": "last-changed-date"}, ["first", "third", "second"]),
        ({"SortBy": "last-accessed-date"}, ["second", "third", "first"]),
    ],
)
def test_secrets_are_listed_in_order(bench: Bench, asked: Json, names: list[str]) -> None:
    for name in ("first", "second", "third"):
        bench.now += 60
        bench.call("CreateSecret", Name=name, SecretString="x", ClientRequestToken=token(1))
    bench.now += 60
    bench.call("UpdateSecret", SecretId="first", Description="changed")
    bench.call("GetSecretValue", SecretId="second")
    assert [found["Name"] for found in bench.call("ListSecrets", **asked)["SecretList"]] == names


def test_lists_come_in_pages(bench: Bench) -> None:
    for number in range(5):
        bench.secret(f"s{number}")
    pages: list[list[str]] = []
    more: Json = {}
    for _ in range(3):
        answer = bench.call("ListSecrets", MaxResults=2, SortBy="name", SortOrder="asc", **more)
        pages.append([found["Name"] for found in answer["SecretList"]])
        more = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert (pages, more) == ([["s0", "s1"], ["s2", "s3"], ["s4"]], {})
    assert bench.refusal("ListSecrets", NextToken="x").code == "InvalidNextTokenException"
