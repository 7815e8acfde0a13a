"""Secrets, their KMS keys and their rotation, broken by hand."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

from klaviyo_access.keys.labels import HoldsKey, Leaked, Rejected, Spare
from tests.end_to_end.doctor_world import ACCOUNT, HERE, Broken, World

IN_USE = "0123456789ab"
"""The fingerprint of the viewer's key."""

WAITING = "fe9876543210"
"""The fingerprint of the viewer's spare."""

SOONER = datetime(2026, 1, 1, tzinfo=UTC)


def secret(role: str, kind: str = "key") -> str:
    return f"klaviyo/local/{role}/{kind}"


def deleted(world: World) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    client.delete_secret(SecretId=secret("marketer"), RecoveryWindowInDays=7)
    yield
    client.restore_secret(SecretId=secret("marketer"))


def left_over(world: World) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    client.create_secret(Name=secret("ghost"))
    yield
    client.delete_secret(SecretId=secret("ghost"), ForceDeleteWithoutRecovery=True)


def kms_key(world: World, alias: str) -> str:
    found = world.aws("kms").describe_key(KeyId=f"alias/klaviyo/local/{alias}")
    return str(found["KeyMetadata"]["KeyId"])


def key_disabled(world: World) -> Generator[None, None, None]:
    client, key = world.aws("kms"), kms_key(world, "keys")
    client.disable_key(KeyId=key)
    yield
    client.enable_key(KeyId=key)


def key_pending_deletion(world: World) -> Generator[None, None, None]:
    client, key = world.aws("kms"), kms_key(world, "keys")
    client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    yield
    client.cancel_key_deletion(KeyId=key)
    client.enable_key(KeyId=key)


def encrypted_by_another(world: World) -> Generator[None, None, None]:
    client, name = world.aws("secretsmanager"), secret("admin", "reserve")
    client.update_secret(SecretId=name, KmsKeyId="alias/aws/secretsmanager")
    yield
    client.update_secret(SecretId=name, KmsKeyId=kms_key(world, "keys"))


def encrypted_by_another_when_it_was_put(world: World) -> Generator[None, None, None]:
    client, name, spare = world.aws("secretsmanager"), secret("event-tracker", "reserve"), Spare(SOONER, "bb9876543210")
    world.put(name, "AWSCURRENT")
    client.update_secret(SecretId=name, KmsKeyId="alias/aws/secretsmanager")
    world.put(name, spare)
    client.update_secret(SecretId=name, KmsKeyId=kms_key(world, "keys"))  # the deployer may not encrypt by it
    for _ in range(2):
        world.put(name, "AWSCURRENT")  # so that of the values under the other key the spare alone has a label
    yield
    world.take_off(name, spare)


def policy_removed(world: World) -> Generator[None, None, None]:
    client, name = world.aws("secretsmanager"), secret("admin")
    policy = client.get_resource_policy(SecretId=name)["ResourcePolicy"]
    client.delete_resource_policy(SecretId=name)
    yield
    client.put_resource_policy(SecretId=name, ResourcePolicy=policy)


def policy_opened(world: World) -> Generator[None, None, None]:
    client, name = world.aws("secretsmanager"), secret("developer")
    policy = client.get_resource_policy(SecretId=name)["ResourcePolicy"]
    rotator = 'klaviyo-local-developer-rotator"'
    opened = policy.replace(rotator, f'{rotator},"arn:aws:iam::{ACCOUNT}:role/sandbox/intruder"', 1)
    client.put_resource_policy(SecretId=name, ResourcePolicy=opened)
    yield
    client.put_resource_policy(SecretId=name, ResourcePolicy=policy)


def replicated_away(world: World) -> Generator[None, None, None]:
    client, name = world.aws("secretsmanager"), secret("event-tracker")
    client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": "eu-west-1"}])
    yield
    client.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=["eu-west-1"])


def rejected_spare(world: World) -> Generator[None, None, None]:
    name, verdict = secret("reporting", "reserve"), Rejected(SOONER, "ba9876543210", "other-account")
    world.put(name, "AWSCURRENT")
    world.put(name, verdict)
    yield
    world.take_off(name, verdict)


def leaked_in_use(world: World) -> Generator[None, None, None]:
    name, verdict = secret("viewer"), Leaked(IN_USE)
    world.put(name, "AWSCURRENT", HoldsKey(IN_USE), verdict, as_role="klaviyo-local-viewer-rotator")
    yield
    world.take_off(name, verdict)


def no_tombstone(world: World) -> Generator[None, None, None]:
    name, spare = secret("service", "reserve"), Spare(SOONER, "ab9876543210")
    world.put(name, "AWSCURRENT", spare)
    yield
    world.put(name, "AWSCURRENT")
    world.take_off(name, spare)


def spare_gone(world: World) -> Generator[None, None, None]:
    name, spare = secret("viewer", "reserve"), Spare(SOONER, WAITING)
    world.take_off(name, spare)
    yield
    world.put(name, spare)


def spare_of_another(world: World) -> Generator[None, None, None]:
    name, spare = secret("profile-sync", "reserve"), Spare(SOONER, IN_USE)
    world.put(name, "AWSCURRENT")
    world.put(name, spare)
    yield
    world.take_off(name, spare)


def _rotate(world: World, role: str, **changed: Any) -> Generator[None, None, None]:
    client, name = world.aws("secretsmanager"), secret(role)
    found = client.describe_secret(SecretId=name)
    as_it_was = {"RotationLambdaARN": found["RotationLambdaARN"], "RotationRules": found["RotationRules"]}
    if changed:
        client.rotate_secret(SecretId=name, **(as_it_was | changed), RotateImmediately=False)
    else:
        client.cancel_rotate_secret(SecretId=name)
    yield
    client.rotate_secret(SecretId=name, **as_it_was, RotateImmediately=False)


def rotation_cancelled(world: World) -> Generator[None, None, None]:
    yield from _rotate(world, "admin")


def another_lambda(world: World) -> Generator[None, None, None]:
    other = f"arn:aws:lambda:{HERE}:function:klaviyo-local-admin-rotator"
    yield from _rotate(world, "service", RotationLambdaARN=other)


def another_schedule(world: World) -> Generator[None, None, None]:
    rules = {"ScheduleExpression": "cron(0 3 1 1 ? *)", "Duration": "3h"}
    yield from _rotate(world, "profile-sync", RotationRules=rules)


def rotation_overdue(world: World) -> Generator[None, None, None]:
    world.ahead = timedelta(days=40)
    yield
    world.ahead = timedelta()


def rotation_cut_off(world: World) -> Generator[None, None, None]:
    name, held = secret("viewer"), HoldsKey("ca9876543210")
    world.put(name, "AWSPENDING", held, as_role="klaviyo-local-viewer-rotator")
    yield
    world.take_off(name, "AWSPENDING", held)


def key_of_the_entries_opened(world: World) -> Generator[None, None, None]:
    client, key = world.aws("kms"), kms_key(world, "application-audit")
    policy = client.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    opened = policy.replace("kms:RotateKeyOnDemand", "kms:Decrypt", 1)
    assert opened != policy
    client.put_key_policy(KeyId=key, PolicyName="default", Policy=opened)
    yield
    client.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)


BROKEN = (
    Broken(
        key_of_the_entries_opened,
        "key policies",
        "alias/klaviyo/local/application-audit",
        "another policy",
        "PutKeyPolicy",
    ),
    Broken(deleted, "secrets", secret("marketer"), "waits for its deletion", "klaviyo-access restore --stack local"),
    Broken(left_over, "declared", secret("ghost"), "no longer in access.yaml", "klaviyo-access:removedSecrets"),
    Broken(
        encrypted_by_another, "encryption", secret("admin", "reserve"), "not by alias/klaviyo/local/keys", "make up"
    ),
    # A role without a key is told another cure once a spare waits.
    Broken(
        encrypted_by_another_when_it_was_put,
        "encryption",
        secret("event-tracker", "reserve"),
        "has values that alias/aws/secretsmanager encrypts",
        "klaviyo-access restore --stack local",
        ("keys",),
    ),
    Broken(policy_removed, "policies", secret("admin"), "no resource policy", "make up"),
    Broken(policy_opened, "policies", secret("developer"), "another resource policy", "PutResourcePolicy"),
    Broken(replicated_away, "replicas", secret("event-tracker"), "eu-west-1, which", "remove-regions-from-replication"),
    Broken(
        rejected_spare,
        "spares",
        "reporting",
        "belongs to another Klaviyo account",
        "keys stage reporting --stack local",
    ),
    Broken(leaked_in_use, "keys", "viewer", "not to be used", "keys rotate viewer --stack local"),
    Broken(spare_gone, "spares", "viewer", "its next rotation fails", "keys stage viewer --stack local"),
    # A role without a key is told another cure once a spare waits.
    Broken(no_tombstone, "tombstones", secret("service", "reserve"), "AWSCURRENT on a spare", "tombstone", ("keys",)),
    Broken(
        spare_of_another,
        "fingerprints",
        IN_USE,
        "profile-sync, viewer",
        "keys rotate profile-sync viewer --stack local",
        ("keys",),
    ),
    Broken(rotation_cancelled, "schedule", secret("admin"), "does not rotate", "make up"),
    Broken(
        another_lambda,
        "schedule",
        secret("service"),
        "klaviyo-local-admin-rotator and not by",
        "CloudTrail: RotateSecret",
    ),
    Broken(another_schedule, "schedule", secret("profile-sync"), "cron(0 3 1 1 ? *) instead of", "make up"),
)

KEY_DISABLED = Broken(key_disabled, "kms keys", "alias/klaviyo/local/keys", "is Disabled", "aws kms enable-key")
KEY_PENDING_DELETION = Broken(
    key_pending_deletion,
    "kms keys",
    "alias/klaviyo/local/keys",
    "waits for its deletion",
    "aws kms cancel-key-deletion",
)
OVERDUE = Broken(rotation_overdue, "overdue", "viewer", "should have rotated by", "keys rotate viewer", ("overdue",))
"""Every key is overdue by then."""
CUT_OFF = Broken(rotation_cut_off, "pending", "viewer", "has AWSPENDING", "keys unstick viewer --stack local")
