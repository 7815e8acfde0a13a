"""Replicas as steps from one state to the next: which regions have one, and what a replica shows of its primary."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.secrets_manager.state import Replica, Secret, Version

IN_SYNC: Final = "InSync"
FAILED: Final = "Failed"
OF_REPLICAS: Final = frozenset(
    {"DescribeSecret", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds", "StopReplicationToReplica"}
)
"""What a replica answers; all else is asked of its primary."""


def requested(secret: Secret, regions: Iterable[Json]) -> list[Replica]:
    """The replicas that a request asks for.

    Raises:
        AwsError: InvalidParameterException, the primary's own region, or one that has a replica already or twice.
    """
    taken = {secret.region, *(replica.region for replica in secret.replicas if replica.status == IN_SYNC)}
    replicas = []
    for asked in regions:
        region = asked.get("Region", "")
        if region in taken or not region:
            raise AwsError("InvalidParameterException", f"Invalid replica region: {region or 'none is given'}.")
        taken.add(region)
        replicas.append(Replica(region=region, kms_key_id=asked.get("KmsKeyId") or None))
    return replicas


def added(secret: Secret, replicas: Iterable[Replica]) -> Secret:
    """The primary with these replicas, in place of failed ones of the same regions."""
    new = {replica.region: replica for replica in replicas}
    return replace(secret, replicas=(*(one for one in secret.replicas if one.region not in new), *new.values()))


def without(secret: Secret, regions: Iterable[str]) -> Secret:
    """The primary without the replicas of these regions."""
    gone = set(regions)
    return replace(secret, replicas=tuple(one for one in secret.replicas if one.region not in gone))


def failed(replica: Replica, name: str) -> Replica:
    """A replica that could not be made, since the region has a secret of that name."""
    return replace(
        replica,
        status=FAILED,
        message=f"Replication failed: Secret name {name} already exists in region {replica.region}.",
    )


def arn_in(arn: str, region: str) -> str:
    """The ARN of a replica: its primary's, with another region."""
    return ":".join([*arn.split(":")[:3], region, *arn.split(":")[4:]])


def mirrored(primary: Secret, replica: Replica, before: Secret | None) -> Secret:
    """The replica's own state: all of the primary but its rotation, under its own key, with its own reads."""
    read = {version.id: version.accessed for version in before.versions} if before else {}

    def mirror(version: Version) -> Version:
        return replace(version, kms_key_id=replica.kms_key_id, accessed=read.get(version.id))

    return replace(
        primary,
        arn=arn_in(primary.arn, replica.region),
        region=replica.region,
        primary_region=primary.region,
        kms_key_id=replica.kms_key_id,
        accessed=before.accessed if before else None,
        versions=tuple(mirror(version) for version in primary.versions if version.value is not None),
        rotation=None,
        replicas=(),
    )


def promoted(replica: Secret) -> Secret:
    """A replica that has become a secret of its own."""
    return replace(replica, primary_region=None)


def statuses(secret: Secret, find: Callable[[str, str], Secret | None]) -> list[Json]:
    """``ReplicationStatus`` of a primary; ``find`` gives a replica by region and name."""
    shown = []
    for replica in secret.replicas:
        here = find(replica.region, secret.name) if replica.status == IN_SYNC else None
        fields = {
            "Region": replica.region,
            "KmsKeyId": replica.kms_key_id or "alias/aws/secretsmanager",
            "Status": replica.status,
            "StatusMessage": replica.message,
            "LastAccessedDate": here.accessed if here else None,
        }
        shown.append({name: value for name, value in fields.items() if value is not None})
    return shown


def require_primary(secret: Secret, operation: str) -> None:
    """Refuse what only a primary can do."""
    if secret.primary_region and operation not in OF_REPLICAS:
        raise AwsError(
            "InvalidParameterException",
            "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
        )


def require_none(secret: Secret) -> None:
    """Refuse to delete a primary that still has replicas."""
    if regions := [replica.region for replica in secret.replicas if replica.status == IN_SYNC]:
        raise AwsError(
            "InvalidParameterException",
            f"You can't delete secret {secret.arn} that still has replica regions [{', '.join(regions)}].",
        )
