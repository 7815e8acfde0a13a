"""Secrets Manager as the gateway sees it: calls go in, answers or ``AwsError`` come out."""

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping

from sandbox.aws.calls import Authorize, Call, InvokeLambda, Json, RecordEvent
from sandbox.aws.secrets_manager.lifecycle import Lifecycle
from sandbox.aws.secrets_manager.readings import Readings
from sandbox.aws.secrets_manager.replication import Replication
from sandbox.aws.secrets_manager.requests import unsupported
from sandbox.aws.secrets_manager.resource_policies import ResourcePolicies
from sandbox.aws.secrets_manager.rotation import Retry, Rotations
from sandbox.aws.secrets_manager.shapes import check
from sandbox.aws.secrets_manager.state import Secret
from sandbox.aws.secrets_manager.values import Values
from sandbox.aws.secrets_manager.vault import Vault

Handler = Callable[[Call], Awaitable[Json]]


class SecretsManager:
    """The secrets of one account in all regions.

    Args:
        account: the account's twelve digits.
        clock: seconds since the epoch, UTC.
        authorize: IAM's decision on every operation, and on the KMS key and the Lambda that it needs.
        invoke: runs a rotation function.
        record: writes RotationStarted, RotationSucceeded, RotationFailed, RotationAbandoned and TestRotation… into
            the trail.
        readings: which reading it follows where AWS's documents allow two.
        retry: how a failing rotation is tried again.
        new_uuid: where the random parts of ARNs and the tokens of scheduled rotations come from.
    """

    def __init__(  # noqa: PLR0913  the service's whole surroundings, all by keyword
        self,
        *,
        account: str,
        clock: Callable[[], float] = time.time,
        authorize: Authorize,
        invoke: InvokeLambda,
        record: RecordEvent,
        readings: Readings | None = None,
        retry: Retry | None = None,
        new_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        vault = Vault(
            account=account,
            clock=clock,
            new_uuid=new_uuid,
            authorize=authorize,
            record=record,
        )
        vault.readings = readings or Readings()
        self._vault = vault
        self._rotations = Rotations(vault, invoke=invoke, retry=retry or Retry())
        self._handlers = _handlers(vault, self._rotations)

    @property
    def readings(self) -> Readings:
        """Which reading it follows where AWS's documents allow two; may be set at any time."""
        return self._vault.readings

    @readings.setter
    def readings(self, readings: Readings) -> None:
        self._vault.readings = readings

    async def handle(self, call: Call) -> Json:
        """Answer one call with the body as it goes on the wire: times in seconds, binary values in base64.

        Raises:
            AwsError: whatever AWS would answer; UnsupportedOperationException for what this one does not do.
        """
        check(call.operation, call.parameters)
        handler = self._handlers.get(call.operation)
        if handler is None:
            named = call.parameters.get("SecretId")
            secret = self._vault.find(call.region, named) if named else None
            await self._vault.require(call, call.operation, secret)
            raise unsupported(call.operation)
        return await handler(call)

    @property
    def entries(self) -> dict[str, Secret]:
        """Every secret by its ARN: frozen values, which are replaced."""
        return self._vault.entries

    @property
    def chosen_readings(self) -> dict[str, Readings]:
        """The one entry that ``readings`` are kept in."""
        return self._vault.chosen

    async def resume(self) -> None:
        """Go on with the secrets that were put into ``entries``, and with what of theirs was under way."""
        self._vault.index()
        await self._rotations.resume()

    async def tick(self) -> None:
        """Start the rotations that are due by the clock; the gateway calls it every few seconds."""
        await self._rotations.tick()


def _handlers(vault: Vault, rotations: Rotations) -> Mapping[str, Handler]:
    values, resource_policies, replication = Values(vault), ResourcePolicies(vault), Replication(vault)
    lifecycle = Lifecycle(vault, replication)
    return {
        "BatchGetSecretValue": values.batch_get,
        "CancelRotateSecret": rotations.cancel,
        "CreateSecret": lifecycle.create,
        "DeleteResourcePolicy": resource_policies.delete,
        "DeleteSecret": lifecycle.delete,
        "DescribeSecret": lifecycle.describe,
        "GetResourcePolicy": resource_policies.get,
        "GetSecretValue": values.get,
        "ListSecretVersionIds": values.list_versions,
        "ListSecrets": lifecycle.list_secrets,
        "PutResourcePolicy": resource_policies.put,
        "PutSecretValue": values.put,
        "RemoveRegionsFromReplication": replication.remove,
        "ReplicateSecretToRegions": replication.replicate,
        "RestoreSecret": lifecycle.restore,
        "RotateSecret": rotations.rotate,
        "StopReplicationToReplica": replication.stop,
        "TagResource": lifecycle.tag,
        "UntagResource": lifecycle.untag,
        "UpdateSecret": lifecycle.update,
        "UpdateSecretVersionStage": values.move_stage,
        "ValidateResourcePolicy": resource_policies.validate,
    }
