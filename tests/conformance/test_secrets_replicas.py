"""Replicas of a secret in another region: what they show, what they refuse, and how they end."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.secret import CURRENT, Secret, absent, create, refusal, remove

pytestmark = pytest.mark.every_reading
STANDALONE = "user guide, promote a replica secret to a standalone secret"


def replicated(account: Account, **parameters: Any) -> tuple[Secret, Secret]:
    """A secret, and its replica once it is there."""
    primary = create(account, SecretString="first", AddReplicaRegions=[{"Region": account.other_region}], **parameters)
    return primary, replica_of(primary)


def replica_of(primary: Secret) -> Secret:
    """The replica of a secret, once it shows the same version as current."""
    account = primary.account
    client = account.client("secretsmanager", region=account.other_region)
    arn = primary.arn.replace(f":{account.region}:", f":{account.other_region}:")
    replica = Secret(account=account, client=client, arn=arn, name=primary.name)
    account.until(lambda: value_of(replica) == primary.read(), "the replica")
    return replica


def value_of(secret: Secret) -> str | None:
    """The value, or None while there is none."""
    try:
        return secret.read()
    except ClientError:
        return None


def status(primary: Secret) -> dict[str, str]:
    """How the replication to each region is."""
    return {shown["Region"]: shown["Status"] for shown in primary.described().get("ReplicationStatus", [])}


@cites(
    "StopReplicationToReplica",
    "The replica ARN is the same as the original primary secret ARN expect the Region is changed to the replica "
    "Region.",
)
def test_a_replica_has_its_primarys_arn_with_another_region(account: Account) -> None:
    _, replica = replicated(account)
    assert replica.client.describe_secret(SecretId=replica.name)["ARN"] == replica.arn


@cites("ReplicateSecretToRegions", "Replicates the secret to a new Regions.")
@cites("ReplicateSecretToRegions", "The status can be InProgress, Failed, or InSync.")
def test_a_secret_that_exists_gets_a_replica(account: Account, secret: Secret) -> None:
    asked = [{"Region": account.other_region}]
    answer = secret.client.replicate_secret_to_regions(SecretId=secret.arn, AddReplicaRegions=asked)
    assert [shown["Region"] for shown in answer["ReplicationStatus"]] == [account.other_region]
    assert replica_of(secret).stages() == secret.stages()
    account.until(lambda: status(secret) == {account.other_region: "InSync"}, "a replica in sync")


@cites(
    "DescribeSecret",
    "The Region the secret is in. If a secret is replicated to other Regions, the replicas are listed in "
    "ReplicationStatus.",
)
def test_both_name_the_region_of_the_primary(account: Account) -> None:
    primary, replica = replicated(account)
    assert primary.described()["PrimaryRegion"] == replica.described()["PrimaryRegion"] == account.region


@documented("user guide, replicate secrets", "a new value of the primary propagates to its replicas")
def test_a_new_value_and_its_labels_reach_the_replica(account: Account) -> None:
    primary, replica = replicated(account)
    primary.put("second")
    primary.put("spare", "SPARE")
    account.until(lambda: replica.stages() == primary.stages(), "the labels in the replica")
    assert (replica.read(), replica.read(VersionStage="SPARE")) == ("second", "spare")


@documented("user guide, replicate secrets", "metadata such as tags and resource policies are replicated")
def test_tags_and_policy_reach_the_replica(account: Account) -> None:
    primary, replica = replicated(account)
    primary.client.tag_resource(SecretId=primary.arn, Tags=[{"Key": "role", "Value": "viewer"}])
    primary.protect()
    account.until(lambda: replica.described().get("Tags") == primary.described()["Tags"], "the tag in the replica")

    def policy(secret: Secret) -> str | None:
        text: str | None = secret.client.get_resource_policy(SecretId=secret.arn).get("ResourcePolicy")
        return text

    account.until(lambda: policy(replica) == policy(primary), "the policy in the replica")


REFUSED: dict[str, dict[str, Any]] = {
    "put_secret_value": {"SecretString": "second"},
    "update_secret": {"SecretString": "second"},
    "put_resource_policy": {"ResourcePolicy": "{}"},
    "delete_secret": {},
    "rotate_secret": {},
    "tag_resource": {"Tags": [{"Key": "a", "Value": "b"}]},
}


@documented(STANDALONE, "a replica can't be updated independently from its primary, except for its encryption key")
@pytest.mark.parametrize("operation", REFUSED)
def test_a_replica_is_changed_through_its_primary_alone(account: Account, operation: str) -> None:
    _, replica = replicated(account)
    assert replica.refused(operation, **REFUSED[operation]) == "InvalidParameterException"


@cites("DeleteSecret", "You can't delete a primary secret that is replicated to other Regions.")
def test_a_primary_is_not_deleted_before_its_replicas(account: Account) -> None:
    primary, _ = replicated(account)
    for way in ({}, {"ForceDeleteWithoutRecovery": True}):
        assert primary.refused("delete_secret", **way) == "InvalidParameterException"
    assert primary.read() == "first"


@cites("RemoveRegionsFromReplication", "deletes the secret replicas from the Regions you specify.")
@cites("DeleteSecret", "When you delete a replica, it is deleted immediately.")
def test_a_region_that_is_removed_loses_its_replica_at_once(account: Account) -> None:
    primary, replica = replicated(account)
    regions = [account.other_region]
    primary.client.remove_regions_from_replication(SecretId=primary.arn, RemoveReplicaRegions=regions)
    account.until(lambda: absent(replica.client.describe_secret, SecretId=replica.arn), "the end of the replica")
    assert primary.read() == "first"
    account.until(lambda: status(primary) == {}, "a primary without replicas")


@cites(
    "StopReplicationToReplica",
    "Removes the link between the replica secret and the primary secret and promotes the replica to a primary secret "
    "in the replica Region.",
)
def test_a_promoted_replica_goes_its_own_way(account: Account) -> None:
    primary, replica = replicated(account)
    account.remove_later(replica.name, lambda: remove(account, replica.name, region=account.other_region))
    assert replica.client.stop_replication_to_replica(SecretId=replica.arn)["ARN"] == replica.arn
    account.until(lambda: status(primary) == {}, "a primary without replicas")
    replica.put("its own")
    assert (primary.read(), replica.read()) == ("first", "its own")


@cites("ReplicateSecretToRegions", "By default, secrets aren't overwritten.")
@cites("ReplicateSecretToRegions", 'Status message such as "Secret with this name already exists in this region".')
def test_a_replica_overwrites_no_secret_of_its_name(account: Account) -> None:
    there = create(account, region=account.other_region, SecretString="theirs")
    primary = create(
        account, Name=there.name, SecretString="mine", AddReplicaRegions=[{"Region": account.other_region}]
    )
    account.until(lambda: status(primary) == {account.other_region: "Failed"}, "the failure")
    assert there.read() == "theirs"


@cites(
    "ReplicateSecretToRegions", "Specifies whether to overwrite a secret with the same name in the destination Region."
)
def test_a_replica_overwrites_a_secret_of_its_name_by_force(account: Account) -> None:
    there = create(account, region=account.other_region, SecretString="theirs")
    primary = create(
        account,
        Name=there.name,
        SecretString="mine",
        AddReplicaRegions=[{"Region": account.other_region}],
        ForceOverwriteReplicaSecret=True,
    )
    assert replica_of(primary).stages() == primary.stages()


@documented("user guide, replicate secrets", "a secret is replicated to other Regions than its own")
def test_a_secret_has_no_replica_in_its_own_region(account: Account, secret: Secret) -> None:
    own = [{"Region": account.region}]
    refused = secret.refused("replicate_secret_to_regions", AddReplicaRegions=own)
    assert refused == "InvalidParameterException"


@documented(
    "service authorization reference", "secretsmanager:AddReplicaRegions: filters access by the regions of new replicas"
)
def test_replicas_are_denied_by_their_region(account: Account, secret: Secret) -> None:
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:ReplicateSecretToRegions",
        "Resource": "*",
        "Condition": {"ForAnyValue:StringEquals": {"secretsmanager:AddReplicaRegions": account.other_region}},
    }
    secret.protect(deny)
    asked = [{"Region": account.other_region}]
    assert secret.refused("replicate_secret_to_regions", AddReplicaRegions=asked) == "AccessDeniedException"


@cites("DescribeSecret", "This field is omitted if the secret has never been retrieved in the Region.")
def test_a_read_of_the_replica_is_no_read_of_the_primary(account: Account) -> None:
    primary = create(account, SecretString="first", AddReplicaRegions=[{"Region": account.other_region}])
    client = account.client("secretsmanager", region=account.other_region)
    account.until(lambda: not absent(client.get_secret_value, SecretId=primary.name), "the replica")
    account.until(lambda: "LastAccessedDate" in client.describe_secret(SecretId=primary.name), "the day of a read")
    assert "LastAccessedDate" not in primary.described()
    assert CURRENT in next(iter(primary.stages().values()))
    assert refusal(client.get_secret_value, SecretId=primary.name, VersionStage="NONE") == "ResourceNotFoundException"
