"""Where secrets are kept and found, by region, and the gate that every operation passes before it touches one."""

import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from sandbox.aws.calls import Authorize, AwsError, Call, RecordEvent
from sandbox.aws.secrets_manager import conditions, kms, policies, replicas, versions
from sandbox.aws.secrets_manager.readings import Readings
from sandbox.aws.secrets_manager.state import Secret

SUFFIX_LENGTH: Final = 6
SUFFIX_ALPHABET: Final = string.ascii_letters + string.digits
_FOLLOWED: Final = "followed"


@dataclass(kw_only=True)
class Vault:
    """The secrets of one account, with what all operations on them need."""

    account: str
    clock: Callable[[], float]
    new_uuid: Callable[[], uuid.UUID]
    authorize: Authorize
    record: RecordEvent
    chosen: dict[str, Readings] = field(default_factory=dict)
    _secrets: dict[str, Secret] = field(default_factory=dict, repr=False)
    _arns: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    @property
    def entries(self) -> dict[str, Secret]:
        """Every secret by its ARN, replicas too; whoever fills it says so with ``index``."""
        return self._secrets

    @property
    def readings(self) -> Readings:
        """Which reading it follows where AWS's documents allow two."""
        return self.chosen.get(_FOLLOWED, Readings())

    @readings.setter
    def readings(self, readings: Readings) -> None:
        self.chosen[_FOLLOWED] = readings

    def index(self) -> None:
        """Find the secrets that are there by their names."""
        self._arns.update({(secret.region, secret.name): arn for arn, secret in self._secrets.items()})

    def new_arn(self, region: str, name: str) -> str:
        """An ARN for a new secret: its name, a hyphen and six random characters."""
        number = self.new_uuid().int
        suffix = "".join(
            SUFFIX_ALPHABET[number // len(SUFFIX_ALPHABET) ** place % len(SUFFIX_ALPHABET)]
            for place in range(SUFFIX_LENGTH)
        )
        return f"{self._prefix(region)}{name}-{suffix}"

    def all(self, region: str | None = None) -> Iterator[Secret]:
        """The secrets of a region (of all: None), deleted ones included until their recovery window ends."""
        for arn in list(self._secrets):
            secret = self._settled(arn)
            if secret and region in {None, secret.region}:
                yield secret

    def find(self, region: str, secret_id: str) -> Secret | None:
        """A secret by its name, its ARN, or its ARN without the six random characters."""
        name = secret_id.removeprefix(self._prefix(region))
        arn = secret_id if secret_id in self._secrets else self._arns.get((region, name))
        secret = self._settled(arn) if arn else None
        return secret if secret and secret.region == region else None

    def get(self, arn: str) -> Secret:
        """The secret as it is now.

        Raises:
            AwsError: ResourceNotFoundException, it was deleted meanwhile.
        """
        secret = self._settled(arn)
        if secret is None:
            raise not_found()
        return secret

    def save(self, secret: Secret) -> Secret:
        """Keep a secret's new state as it is given, and show it in its replicas."""
        self._secrets[secret.arn] = secret
        self._arns[secret.region, secret.name] = secret.arn
        for replica in secret.replicas:
            if replica.status == replicas.IN_SYNC:
                there = self._secrets.get(replicas.arn_in(secret.arn, replica.region))
                self.save(replicas.mirrored(secret, replica, there))
        return secret

    def change(self, arn: str, step: Callable[[Secret], Secret]) -> Secret:
        """Apply a step to the present state and keep the result; nothing can come between."""
        before = self.get(arn)
        after = step(before)
        return before if after == before else self.save(replace(after, changed=self.clock()))

    def purge(self, arn: str) -> None:
        """Forget a secret for good."""
        secret = self._secrets.pop(arn)
        del self._arns[secret.region, secret.name]

    async def open(self, call: Call, *, deleted_too: bool = False) -> Secret:
        """The secret that the call names, once the caller is allowed the operation on it.

        A secret that does not exist is authorized by the text that was given, so that who may read nothing learns
        nothing.

        Raises:
            AwsError: AccessDeniedException; ResourceNotFoundException; InvalidRequestException, marked for deletion.
        """
        secret = self.find(call.region, call.parameters["SecretId"])
        await self.require(call, call.operation, secret)
        if secret is None:
            raise not_found()
        secret = self.get(secret.arn)
        replicas.require_primary(secret, call.operation)
        if secret.purge_at is not None and not deleted_too:
            raise AwsError(
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            )
        return secret

    async def require(self, call: Call, operation: str, secret: Secret | None) -> None:
        """Ask whether the caller may do one of the service's operations on a secret."""
        await self.authorize(
            call,
            action=f"secretsmanager:{operation}",
            resource=secret.arn if secret else call.parameters.get("SecretId", "*"),
            context=conditions.of_request(call) | (conditions.of_secret(secret) if secret else {}),
            resource_policy=policies.parse(secret.policy) if secret and secret.policy else None,
        )

    async def require_key(self, call: Call, secret: Secret, *actions: str, key_id: str | None, version_id: str) -> None:
        """Ask whether the caller may use a KMS key for one version of a secret; the service's own key is everybody's.

        Raises:
            AwsError: AccessDeniedException, with the text by which Secrets Manager says so.
        """
        key_arn = kms.key_arn(key_id, region=secret.region, account=self.account)
        if key_arn is None:
            return
        context = kms.context(secret, version_id, caller=call.caller)
        for action in actions:
            try:
                await self.authorize(call, action=action, resource=key_arn, context=context)
            except AwsError as error:
                raise kms.refused(error, action) from error

    def _prefix(self, region: str) -> str:
        return f"arn:aws:secretsmanager:{region}:{self.account}:secret:"

    def _settled(self, arn: str) -> Secret | None:
        """The secret after what AWS does by itself in time: it purges deleted secrets and deprecated versions."""
        secret = self._secrets.get(arn)
        if secret is None:
            return None
        now = self.clock()
        if secret.purge_at is not None and now >= secret.purge_at:
            self.purge(arn)
            return None
        return self.save(versions.collect(secret, now))


def not_found() -> AwsError:
    """What Secrets Manager says of a secret that does not exist."""
    return AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
