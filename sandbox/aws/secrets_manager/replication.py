"""The operations on replicas: replicate, remove regions, promote."""

from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.secrets_manager import replicas
from sandbox.aws.secrets_manager.state import CURRENT, Replica, Secret
from sandbox.aws.secrets_manager.vault import Vault


class Replication:
    """ReplicateSecretToRegions, RemoveRegionsFromReplication, StopReplicationToReplica."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def replicate(self, call: Call) -> Json:
        return self._status(await self.add(call, await self._vault.open(call)))

    async def add(self, call: Call, secret: Secret) -> Secret:
        """Give a secret the replicas that a call asks for in ``AddReplicaRegions``.

        Raises:
            AwsError: InvalidParameterException, a region that cannot be; AccessDeniedException, a key refused.
        """
        asked = replicas.requested(secret, call.parameters["AddReplicaRegions"])
        for replica in asked:
            await self._require_keys(call, secret, replica)
        force = call.parameters.get("ForceOverwriteReplicaSecret", False)
        made = [self._made(secret, replica, force=force) for replica in asked]
        return self._vault.change(secret.arn, lambda found: replicas.added(found, made))

    async def remove(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        regions = call.parameters["RemoveReplicaRegions"]
        known = {replica.region: replica for replica in secret.replicas}
        if unknown := [region for region in regions if region not in known]:
            raise AwsError("InvalidParameterException", f"The secret has no replica in {', '.join(unknown)}.")
        after = self._vault.change(secret.arn, lambda found: replicas.without(found, regions))
        for region in regions:
            if known[region].status == replicas.IN_SYNC:
                self._vault.purge(replicas.arn_in(secret.arn, region))
        return self._status(after)

    async def stop(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        if secret.primary_region is None:
            raise AwsError("InvalidParameterException", "The secret is no replica: ask in the region of one.")
        primary = self._vault.get(replicas.arn_in(secret.arn, secret.primary_region))
        self._vault.change(primary.arn, lambda found: replicas.without(found, [secret.region]))
        return {"ARN": self._vault.change(secret.arn, replicas.promoted).arn}

    async def _require_keys(self, call: Call, secret: Secret, replica: Replica) -> None:
        current = secret.holder(CURRENT)
        version = current.id if current else ""
        await self._vault.require_key(
            call, secret, "kms:Decrypt", key_id=current.kms_key_id if current else None, version_id=version
        )
        there = replicas.mirrored(secret, replica, None)
        await self._vault.require_key(
            call, there, "kms:GenerateDataKey", "kms:Encrypt", key_id=replica.kms_key_id, version_id=version
        )

    def _made(self, secret: Secret, replica: Replica, *, force: bool) -> Replica:
        """The replica as it came out: a secret of its name in the way is overwritten by force alone."""
        there = self._vault.find(replica.region, secret.name)
        if there is None:
            return replica
        if not force or there.primary_region or there.replicas:
            return replicas.failed(replica, secret.name)
        self._vault.purge(there.arn)
        return replica

    def _status(self, secret: Secret) -> Json:
        return {"ARN": secret.arn, "ReplicationStatus": replicas.statuses(secret, self._vault.find)}
