"""Grants on KMS keys: what they allow, to whom, within which encryption context, and who ends them."""

from typing import Any

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.kms_world import World, allow

SERVICE = "kms"

VIEWER = {"role": "viewer"}
WIDER = {"role": "viewer", "tenant": "t1"}


@pytest.fixture
def world(account: Account) -> World:
    return World(account)


def granted(world: World, key: str, grantee: str, *operations: str, **more: Any) -> tuple[str, str]:
    """Make a grant; its id and its token."""
    made = world.allowed(
        world.kms.create_grant, KeyId=key, GranteePrincipal=grantee, Operations=list(operations), **more
    )
    return made["GrantId"], made["GrantToken"]


@cites(
    "CreateGrant",
    "When authorizing access to a KMS key, grants are considered along with key policies and IAM policies.",
)
@cites("CreateGrant", "A list of operations that the grant permits.")
def test_a_grant_alone_allows_its_operations_and_no_other(world: World) -> None:
    key, role = world.key(), world.role()
    kms = world.client_of(role, "kms")
    assert world.refused(kms.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    _, token = granted(world, key, role, "Encrypt")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[token])["CiphertextBlob"]
    assert world.refused(kms.decrypt, CiphertextBlob=blob, GrantTokens=[token]) == "AccessDeniedException"


@cites("CreateGrant", "The grant gives principals permission to use this KMS key.")
@cites("CreateGrant", "The identity that gets the permissions specified in the grant.")
def test_a_grant_is_of_one_key_and_one_principal(world: World) -> None:
    key, other_key, role, other_role = world.key(), world.key(), world.role(), world.role()
    _, token = granted(world, key, role, "Encrypt")
    kms, other = world.client_of(role, "kms"), world.client_of(other_role, "kms")
    kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[token])
    assert world.refused(kms.encrypt, KeyId=other_key, Plaintext=b"x", GrantTokens=[token]) == "AccessDeniedException"
    assert world.refused(other.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=[token]) == "AccessDeniedException"


@cites(
    "CreateGrant",
    "The grant allows the cryptographic operation only when the encryption context in the request "
    "includes the key-value pairs specified in this constraint, although it can include additional key-"
    "value pairs.",
)
@cites(
    "CreateGrant",
    "The grant allows the operation only when the encryption context in the request is the same as the "
    "encryption context specified in this constraint.",
)
@pytest.mark.parametrize(
    ("constraint", "context", "is_allowed"),
    [
        ("EncryptionContextSubset", VIEWER, True),
        ("EncryptionContextSubset", WIDER, True),
        ("EncryptionContextSubset", {"role": "admin"}, False),
        ("EncryptionContextSubset", {}, False),
        ("EncryptionContextEquals", VIEWER, True),
        ("EncryptionContextEquals", WIDER, False),
        ("EncryptionContextEquals", {"tenant": "t1"}, False),
        ("EncryptionContextEquals", {}, False),
    ],
)
def test_a_constraint_asks_for_its_encryption_context(
    world: World, constraint: str, context: dict[str, str], is_allowed: bool
) -> None:
    key, role = world.key(), world.role()
    _, token = granted(world, key, role, "Encrypt", Constraints={constraint: VIEWER})
    kms = world.client_of(role, "kms")
    request = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": context, "GrantTokens": [token]}
    if is_allowed:
        kms.encrypt(**request)
    else:
        assert world.refused(kms.encrypt, **request) == "AccessDeniedException"


@cites(
    "CreateGrant",
    "Grants with encryption context grant constraints can include the DescribeKey and RetireGrant "
    "operations, but the constraint doesn't apply to these operations.",
)
def test_a_constraint_does_not_touch_describe_key(world: World) -> None:
    key, role = world.key(), world.role()
    constraints = {"EncryptionContextEquals": VIEWER}
    _, token = granted(world, key, role, "Decrypt", "DescribeKey", Constraints=constraints)
    found = world.client_of(role, "kms").describe_key(KeyId=key, GrantTokens=[token])
    assert found["KeyMetadata"]["Arn"] == key


@documented(
    "IAM user guide, Policy evaluation logic", "an explicit deny in any policy overrides any allow; a grant only allows"
)
def test_a_deny_counts_for_more_than_a_grant(world: World) -> None:
    role = world.role({"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"})
    key = world.key()
    _, token = granted(world, key, role, "Encrypt")
    kms = world.client_of(role, "kms")
    assert world.refused(kms.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=[token]) == "AccessDeniedException"


@cites("RevokeGrant", "You revoke a grant to terminate the permissions that the grant allows.")
def test_a_revoked_grant_allows_nothing(world: World) -> None:
    key, role = world.key(), world.role()
    grant, token = granted(world, key, role, "Encrypt")
    kms = world.client_of(role, "kms")
    kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[token])
    world.kms.revoke_grant(KeyId=key, GrantId=grant)
    assert world.refused(kms.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    assert world.until(lambda: not world.kms.list_grants(KeyId=key)["Grants"], "no grant")


@cites(
    "RetireGrant",
    "This operation can be called by the retiring principal for a grant, by the grantee principal if the "
    "grant allows the RetireGrant operation, and by the Amazon Web Services account in which the grant is"
    " created.",
)
@cites(
    "RetireGrant",
    "To identify the grant to retire, use a grant token, or both the grant ID and a key identifier (key "
    "ID or key ARN) of the KMS key.",
)
@pytest.mark.parametrize(
    ("who", "operations", "is_allowed"),
    [
        ("retiring", ["Encrypt"], True),
        ("grantee", ["Encrypt", "RetireGrant"], True),
        ("grantee", ["Encrypt"], False),
        ("stranger", ["Encrypt", "RetireGrant"], False),
    ],
)
@pytest.mark.parametrize("by_token", [True, False])
def test_a_grant_is_retired_by_whom_it_names(
    world: World, who: str, operations: list[str], is_allowed: bool, by_token: bool
) -> None:
    key = world.key()
    roles = {name: world.role() for name in ("retiring", "grantee", "stranger")}
    grant, token = granted(world, key, roles["grantee"], *operations, RetiringPrincipal=roles["retiring"])
    kms = world.client_of(roles[who], "kms")
    named = {"GrantToken": token} if by_token else {"KeyId": key, "GrantId": grant}
    if is_allowed:
        world.allowed(kms.retire_grant, **named)
        assert world.until(lambda: not world.kms.list_grants(KeyId=key)["Grants"], "no grant")
    else:
        assert world.refused(kms.retire_grant, **named) == "AccessDeniedException"


@cites("CreateGrant", "if the grant already exists, the original GrantId is returned without creating a new grant.")
@cites(
    "CreateGrant",
    "Note that the returned grant token is unique with every CreateGrant request, even when a duplicate "
    "GrantId is returned.",
)
def test_a_retry_by_name_gives_the_same_grant_and_another_token(world: World) -> None:
    key, role = world.key(), world.role()
    named = [granted(world, key, role, "Encrypt", Name="once") for _ in range(2)]
    unnamed = [granted(world, key, role, "Encrypt") for _ in range(2)]
    assert named[0][0] == named[1][0]
    assert named[0][1] != named[1][1]
    assert unnamed[0][0] != unnamed[1][0]


@cites("ListGrants", "Returns only grants where the specified principal is the grantee principal for the grant.")
@cites("ListGrants", "Returns only the grant with the specified grant ID.")
def test_a_grant_is_listed_with_what_it_allows(world: World) -> None:
    key, role, other = world.key(), world.role(), world.role()
    constraints = {"EncryptionContextSubset": VIEWER}
    grant, _ = granted(world, key, role, "Decrypt", Constraints=constraints, RetiringPrincipal=other)
    granted(world, key, other, "Encrypt")
    found = world.kms.list_grants(KeyId=key, GranteePrincipal=role)["Grants"]
    assert [entry["GrantId"] for entry in found] == [grant]
    assert (found[0]["Operations"], found[0]["Constraints"]) == (["Decrypt"], constraints)
    assert (found[0]["GranteePrincipal"], found[0]["RetiringPrincipal"]) == (role, other)
    assert world.kms.list_grants(KeyId=key, GrantId=grant)["Grants"] == found


@cites(
    "CreateGrant",
    "If a grant with an encryption context grant constraint includes the CreateGrant operation, the "
    "constraint requires that any grants created with the CreateGrant permission have an equally strict "
    "or stricter encryption context constraint.",
)
@pytest.mark.parametrize(
    ("operations", "constraints", "is_allowed"),
    [
        (["Decrypt"], {"EncryptionContextEquals": WIDER}, True),
        (["Decrypt"], {"EncryptionContextSubset": WIDER}, True),
        (["Decrypt"], {"EncryptionContextSubset": {"tenant": "t1"}}, False),
        (["Decrypt"], {}, False),
        (["Encrypt"], {"EncryptionContextSubset": WIDER}, False),
    ],
)
def test_a_grantee_grants_no_more_than_it_was_granted(
    world: World, operations: list[str], constraints: dict[str, Any], is_allowed: bool
) -> None:
    key, role, other = world.key(), world.role(), world.role()
    _, token = granted(world, key, role, "Decrypt", "CreateGrant", Constraints={"EncryptionContextSubset": VIEWER})
    kms = world.client_of(role, "kms")
    request: dict[str, Any] = {
        "KeyId": key,
        "GranteePrincipal": other,
        "Operations": operations,
        "GrantTokens": [token],
    }
    if constraints:
        request["Constraints"] = constraints
    if is_allowed:
        world.allowed(kms.create_grant, **request)
    else:
        assert world.refused(kms.create_grant, **request) == "AccessDeniedException"


@cites("CreateGrant", "The request was rejected because a specified ARN, or an ARN in a key policy, is not valid.")
def test_a_grant_to_nobody_is_refused(world: World) -> None:
    nobody = f"arn:aws:iam::{world.account}:role/{world.name('nobody')}"
    key = world.key()
    request = {"KeyId": key, "Operations": ["Encrypt"]}
    assert world.refused(world.kms.create_grant, GranteePrincipal=nobody, **request) == "InvalidArnException"
    assert world.refused(world.kms.create_grant, GranteePrincipal="somebody", **request) == "InvalidArnException"


@cites("CreateGrant", "you cannot create a grant for a symmetric encryption KMS key that allows the Sign operation")
def test_a_grant_of_what_a_symmetric_key_cannot_do_is_refused(world: World) -> None:
    key, role = world.key(), world.role()
    request = {"KeyId": key, "GranteePrincipal": role, "Operations": ["Sign"]}
    assert world.refused(world.kms.create_grant, **request) in {"ValidationException", "ValidationError"}


@cites("CreateGrant", "The request was rejected because the specified KMS key is not enabled.")
def test_a_disabled_key_takes_no_grant(world: World) -> None:
    key, role = world.key(), world.role()
    world.kms.disable_key(KeyId=key)
    request = {"KeyId": key, "GranteePrincipal": role, "Operations": ["Encrypt"]}
    assert world.refused(world.kms.create_grant, **request) == "DisabledException"


@documented(
    "KMS developer guide, AWS KMS condition keys",
    "kms:GrantIsForAWSResource is true where an AWS service calls on behalf of its user; "
    "kms:GrantOperations and kms:GrantConstraintType are those of the CreateGrant request",
)
@pytest.mark.parametrize(
    ("condition", "is_allowed"),
    [
        ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, False),
        ({"Bool": {"kms:GrantIsForAWSResource": "false"}}, True),
        ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}}, True),
        ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}}, False),
        ({"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}, True),
        ({"StringEquals": {"kms:GrantConstraintType": "EncryptionContextEquals"}}, False),
    ],
)
def test_a_policy_says_which_grants_may_be_made(world: World, condition: dict[str, Any], is_allowed: bool) -> None:
    role = world.role()
    key = world.key(allow(role, "CreateGrant", **condition))
    kms = world.client_of(role, "kms")
    request = {
        "KeyId": key,
        "GranteePrincipal": role,
        "Operations": ["Encrypt"],
        "Constraints": {"EncryptionContextSubset": VIEWER},
    }
    if is_allowed:
        world.allowed(kms.create_grant, **request)
    else:
        assert world.refused(kms.create_grant, **request) == "AccessDeniedException"


@documented(
    "Secrets Manager user guide, Secret encryption and decryption",
    "it calls Decrypt with the permissions of its caller, and with SecretARN in the encryption context",
)
def test_a_grant_reads_a_secret_of_its_context_and_no_other(world: World) -> None:
    role = world.role({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
    key = world.key()
    mine, other = world.secret(KmsKeyId=key), world.secret(KmsKeyId=key)
    client = world.client_of(role, "secretsmanager")
    assert world.refused(client.get_secret_value, SecretId=mine) == "AccessDeniedException"
    granted(world, key, role, "Decrypt", Constraints={"EncryptionContextSubset": {"SecretARN": mine}})
    assert world.allowed(client.get_secret_value, SecretId=mine)["SecretString"] == "s"
    assert world.refused(client.get_secret_value, SecretId=other) == "AccessDeniedException"
