"""Key policies and encryption context: which policies KMS takes, and whom they let use the key."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.kms_world import Statement, World, allow, document

SERVICE = "kms"

CONTEXT = {"role": "viewer", "tenant": "t1"}
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.fixture
def world(account: Account) -> World:
    return World(account)


@cites("Decrypt", "you must specify the same (an exact case-sensitive match) encryption context to decrypt the data")
@cites(
    "Decrypt",
    "additional authenticated data incorporated into the ciphertext, such as the encryption context, is "
    "corrupted, missing, or otherwise invalid.",
)
@pytest.mark.parametrize(
    ("context", "is_decrypted"),
    [
        ({"role": "viewer", "tenant": "t1"}, True),
        ({"tenant": "t1", "role": "viewer"}, True),
        ({"role": "viewer"}, False),
        ({"role": "viewer", "tenant": "t2"}, False),
        ({"role": "Viewer", "tenant": "t1"}, False),
        ({"role": "viewer", "tenant": "t1", "more": "x"}, False),
        ({}, False),
    ],
)
def test_what_was_encrypted_in_a_context_is_decrypted_in_that_one_alone(
    world: World, context: dict[str, str], is_decrypted: bool
) -> None:
    blob = world.kms.encrypt(KeyId=world.key(), Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    request = {"CiphertextBlob": blob, "EncryptionContext": context}
    if is_decrypted:
        assert world.kms.decrypt(**request)["Plaintext"] == b"x"
    else:
        assert world.refused(world.kms.decrypt, **request) == "InvalidCiphertextException"


@cites(
    "Decrypt",
    "The KeyId in a Decrypt request and the SourceKeyId in a ReEncrypt request must identify the same KMS"
    " key that was used to encrypt the ciphertext.",
)
def test_a_ciphertext_is_decrypted_by_its_own_key_alone(world: World) -> None:
    key, other = world.key(), world.key()
    blob = world.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert world.kms.decrypt(CiphertextBlob=blob, KeyId=key)["Plaintext"] == b"x"
    assert world.refused(world.kms.decrypt, CiphertextBlob=blob, KeyId=other) == "IncorrectKeyException"


@cites(
    "GenerateDataKey",
    "If you specify an EncryptionContext, you must specify the same encryption context (a case-sensitive "
    "exact match) when decrypting the encrypted data key.",
)
def test_a_data_key_is_bound_to_its_context(world: World) -> None:
    made = world.kms.generate_data_key(KeyId=world.key(), KeySpec="AES_256", EncryptionContext=CONTEXT)
    found = world.kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert found["Plaintext"] == made["Plaintext"]
    assert world.refused(world.kms.decrypt, CiphertextBlob=made["CiphertextBlob"]) == "InvalidCiphertextException"


def changed(**elements: Any) -> Callable[[World], str]:
    """A policy whose second statement has these elements instead; without those that are None."""

    def policy(world: World) -> str:
        statement = {**allow(world.root, "Decrypt"), **elements}
        kept = {name: value for name, value in statement.items() if value is not None}
        return document(allow(world.root, "*"), kept)

    return policy


MALFORMED = {
    "no JSON": lambda _: "{",
    "no object": lambda _: "[]",
    "no statement": lambda _: '{"Version": "2012-10-17", "Statement": []}',
    "a version that is none": lambda world: document(allow(world.root, "*")).replace("2012-10-17", "2012-10-18"),
    "an effect that is none": changed(Effect="Maybe"),
    "no principal": changed(Principal=None),
    "a principal of no kind": changed(Principal={"Aws": "*"}),
    "a principal that is no ARN": changed(Principal={"AWS": "somebody"}),
    "a principal with a wildcard": changed(Principal={"AWS": "arn:aws:iam::*:role/conformance"}),
    "a role that is not there": lambda world: document(
        allow(world.root, "*"), allow(f"arn:aws:iam::{world.account}:role/{world.name('nobody')}", "Decrypt")
    ),
    "an element that is none": changed(Subject="x"),
    "Action and NotAction": changed(NotAction="kms:Encrypt"),
    "a condition that is none": changed(Condition=["x"]),
}


@cites(
    "CreateKey",
    "Each statement in the key policy must contain one or more principals. The principals in the key "
    "policy must exist and be visible to KMS.",
)
@cites(
    "PutKeyPolicy",
    "The request was rejected because the specified policy is not syntactically or semantically correct.",
)
@pytest.mark.parametrize("policy", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_key_policy_is_refused(world: World, policy: Callable[[World], str]) -> None:
    key, text = world.key(), policy(world)
    assert world.refused(world.kms.put_key_policy, KeyId=key, Policy=text) == "MalformedPolicyDocumentException"
    assert world.refused(world.kms.create_key, Policy=text) == "MalformedPolicyDocumentException"
    assert "Enable IAM User Permissions" in world.kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]


@cites("PutKeyPolicy", "If the key policy exceeds the length constraint, KMS returns a LimitExceededException.")
def test_a_key_policy_that_is_too_long_is_refused(world: World) -> None:
    text = document(allow(world.root, "*"), *({**allow(world.root, "Decrypt"), "Sid": f"{n:0300}"} for n in range(90)))
    assert len(text) > 32768
    assert world.refused(world.kms.put_key_policy, KeyId=world.key(), Policy=text) == "LimitExceededException"


def without_the_caller(world: World) -> str:
    return document(allow(world.role(), "*"), allow(world.root, "ScheduleKeyDeletion", "Describe*"))


def denying_the_caller(world: World) -> str:
    deny = {**allow({"AWS": "*"}, "PutKeyPolicy"), "Effect": "Deny"}
    return document(allow(world.root, "*"), deny)


@cites(
    "PutKeyPolicy",
    "The key policy must allow the calling principal to make a subsequent PutKeyPolicy request on the KMS key.",
)
@cites("CreateKey", "(To omit this condition, set BypassPolicyLockoutSafetyCheck to true.)")
@pytest.mark.parametrize("policy", [without_the_caller, denying_the_caller])
def test_a_policy_that_locks_its_writer_out_is_refused_unless_he_says_so(
    world: World, policy: Callable[[World], str]
) -> None:
    key, text = world.key(), policy(world)
    code = "MalformedPolicyDocumentException"
    assert world.refused(world.kms.create_key, Policy=text) == code
    assert world.refused(world.kms.put_key_policy, KeyId=key, Policy=text) == code
    assert world.refused(world.kms.put_key_policy, KeyId=key, Policy=text, BypassPolicyLockoutSafetyCheck=False) == code
    world.allowed(world.kms.put_key_policy, KeyId=key, Policy=text, BypassPolicyLockoutSafetyCheck=True)
    assert world.refused(world.kms.put_key_policy, KeyId=key, Policy=text) == "AccessDeniedException"


@documented(
    "KMS developer guide, AWS KMS condition keys",
    "kms:BypassPolicyLockoutSafetyCheck is that parameter of CreateKey and PutKeyPolicy",
)
def test_a_policy_may_refuse_to_skip_the_lockout_check(world: World) -> None:
    skip = {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}
    role = world.role(EVERYTHING, {**EVERYTHING, "Effect": "Deny", "Condition": skip})
    key = world.key(allow(role, "PutKeyPolicy"))
    kms, text = world.client_of(role, "kms"), document(world.managed(), allow(role, "PutKeyPolicy"))
    world.allowed(kms.put_key_policy, KeyId=key, Policy=text)
    request = {"KeyId": key, "Policy": text, "BypassPolicyLockoutSafetyCheck": True}
    assert world.refused(kms.put_key_policy, **request) == "AccessDeniedException"


@cites(
    "CreateKey",
    "If either of the required Resource or Action elements are missing from a key policy statement, the "
    "policy statement has no effect.",
)
@cites(
    "CreateKey", "the CreateKey and PutKeyPolicy API requests succeed, even though the policy statement is ineffective."
)
@pytest.mark.parametrize("missing", ["Action", "Resource"])
def test_a_statement_without_action_or_resource_is_kept_and_does_nothing(world: World, missing: str) -> None:
    role = world.role()
    statement = allow(role, "Encrypt")
    del statement[missing]
    key = world.key(statement)
    assert len(json.loads(world.kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])["Statement"]) == 2
    kms = world.client_of(role, "kms")
    assert world.refused(kms.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"


def named(world: World, role: str) -> list[Statement]:
    return [allow(role, "Encrypt")]


def delegated(world: World, _: str) -> list[Statement]:
    return [allow(world.root, "Encrypt")]


def neither(world: World, _: str) -> list[Statement]:
    return [allow(world.role(), "Encrypt")]


def anybody_of_the_account(world: World, _: str) -> list[Statement]:
    return [allow({"AWS": "*"}, "Encrypt", StringEquals={"kms:CallerAccount": world.account})]


def anybody_of_another_account(_: World, __: str) -> list[Statement]:
    return [allow({"AWS": "*"}, "Encrypt", StringEquals={"kms:CallerAccount": "111122223333"})]


def anybody_through_secrets_manager(world: World, _: str) -> list[Statement]:
    via = {"kms:ViaService": f"secretsmanager.{world.region}.amazonaws.com"}
    return [allow({"AWS": "*"}, "Encrypt", StringEquals=via)]


@documented(
    "KMS developer guide, Key policies in AWS KMS",
    "no principal, not even the root user or the creator, has any permission unless the key policy allows"
    " it, or leaves it to IAM by naming the account",
)
@pytest.mark.parametrize(
    ("statements", "has_identity_policy", "is_allowed"),
    [
        (named, False, True),
        (named, True, True),
        (delegated, False, False),
        (delegated, True, True),
        (neither, True, False),
        (anybody_of_the_account, False, True),
        (anybody_of_another_account, True, False),
        (anybody_through_secrets_manager, True, False),
    ],
)
def test_a_key_is_used_by_whom_its_policy_names_or_leaves_to_iam(
    world: World, statements: Callable[[World, str], list[Statement]], has_identity_policy: bool, is_allowed: bool
) -> None:
    role = world.role(*([EVERYTHING] if has_identity_policy else []))
    key = world.key(*statements(world, role))
    kms = world.client_of(role, "kms")
    if is_allowed:
        world.allowed(kms.encrypt, KeyId=key, Plaintext=b"x")
    else:
        assert world.refused(kms.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"


def through_secrets_manager(world: World, _: str) -> Statement:
    return {"StringEquals": {"kms:ViaService": f"secretsmanager.{world.region}.amazonaws.com"}}


def through_another_service(world: World, _: str) -> Statement:
    return {"StringEquals": {"kms:ViaService": f"ssm.{world.region}.amazonaws.com"}}


def of_the_secret(_: World, secret: str) -> Statement:
    return {"StringEquals": {"kms:EncryptionContext:SecretARN": secret}}


def of_another_secret(_: World, secret: str) -> Statement:
    return {"StringEquals": {"kms:EncryptionContext:SecretARN": f"{secret}x"}}


def of_the_account(world: World, _: str) -> Statement:
    return {"StringEquals": {"kms:CallerAccount": world.account}}


@documented(
    "Secrets Manager user guide, Secret encryption and decryption",
    "its calls to KMS carry kms:ViaService and the encryption context SecretARN and SecretVersionId",
)
@pytest.mark.parametrize(
    ("condition", "is_read"),
    [
        (through_secrets_manager, True),
        (through_another_service, False),
        (of_the_secret, True),
        (of_another_secret, False),
        (of_the_account, True),
    ],
)
def test_a_secret_is_read_as_the_conditions_on_its_key_say(
    world: World, condition: Callable[[World, str], Statement], is_read: bool
) -> None:
    role = world.role({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
    key = world.key(allow(world.root, "GenerateDataKey", "Decrypt"))
    secret = world.secret(KmsKeyId=key)
    conditional = allow(role, "Decrypt", **condition(world, secret))
    policy = document(world.managed(), conditional, allow(world.root, "GenerateDataKey", "Decrypt"))
    world.allowed(world.kms.put_key_policy, KeyId=key, Policy=policy)
    client = world.client_of(role, "secretsmanager")
    if is_read:
        assert world.allowed(client.get_secret_value, SecretId=secret)["SecretString"] == "s"
    else:
        assert world.refused(client.get_secret_value, SecretId=secret) == "AccessDeniedException"


def disabled(world: World, key: str) -> None:
    world.kms.disable_key(KeyId=key)


def pending_deletion(world: World, key: str) -> None:
    world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def restored(world: World, key: str) -> None:
    if world.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion":
        world.kms.cancel_key_deletion(KeyId=key)
        assert world.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    world.kms.enable_key(KeyId=key)


@cites("Decrypt", "The request was rejected because the specified KMS key is not enabled.")
@cites("Encrypt", "The request was rejected because the state of the specified resource is not valid for this request.")
@cites("CancelKeyDeletion", "When this operation succeeds, the key state of the KMS key is Disabled.")
@pytest.mark.parametrize(
    ("end", "code"), [(disabled, "DisabledException"), (pending_deletion, "KMSInvalidStateException")]
)
def test_a_key_that_is_not_enabled_is_used_by_nobody(
    world: World, end: Callable[[World, str], None], code: str
) -> None:
    key = world.key()
    blob = world.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    end(world, key)
    assert world.refused(world.kms.decrypt, CiphertextBlob=blob) == code
    assert world.refused(world.kms.encrypt, KeyId=key, Plaintext=b"x") == code
    restored(world, key)
    assert world.allowed(world.kms.decrypt, CiphertextBlob=blob)["Plaintext"] == b"x"


@cites(
    "GetSecretValue",
    "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
    service="secretsmanager",
)
@cites(
    "PutSecretValue",
    "Check that the KMS key is available, enabled, and not in an invalid state.",
    service="secretsmanager",
)
@pytest.mark.parametrize("end", [disabled, pending_deletion])
def test_a_secret_behind_a_key_that_is_not_enabled_is_neither_read_nor_written(
    world: World, end: Callable[[World, str], None]
) -> None:
    key, client = world.key(), world.client("secretsmanager")
    secret = world.secret(KmsKeyId=key)
    end(world, key)
    assert world.refused(client.get_secret_value, SecretId=secret) == "DecryptionFailure"
    assert world.refused(client.put_secret_value, SecretId=secret, SecretString="t") == "EncryptionFailure"
    assert client.describe_secret(SecretId=secret)["KmsKeyId"] == key
    restored(world, key)
    assert world.allowed(client.get_secret_value, SecretId=secret)["SecretString"] == "s"
