"""The operations on a secret as a whole: create, describe, list, update, delete, restore, tag."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.secrets_manager import kms, listing, replicas, rotation_state
from sandbox.aws.secrets_manager.descriptions import described, identity, listed
from sandbox.aws.secrets_manager.replication import Replication
from sandbox.aws.secrets_manager.requests import page_of, refuse, token_of, value_of
from sandbox.aws.secrets_manager.state import CURRENT, DAY, PENDING, PREVIOUS, Secret, Value
from sandbox.aws.secrets_manager.vault import Vault
from sandbox.aws.secrets_manager.versions import token_in_use
from sandbox.aws.secrets_manager.writing import write_value

NAME: Final = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
TAG_QUOTA: Final = 50
RECOVERY_DAYS: Final = 30


class Lifecycle:
    """CreateSecret, DescribeSecret, ListSecrets, UpdateSecret, DeleteSecret, RestoreSecret and the tags."""

    def __init__(self, vault: Vault, replication: Replication) -> None:
        self._vault = vault
        self._replication = replication

    async def create(self, call: Call) -> Json:
        asked = call.parameters
        refuse(call, "Type")
        if not NAME.fullmatch(asked["Name"]):
            raise AwsError(
                "InvalidParameterException",
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
                f"-/_+=.@!; received '{asked['Name']}'.",
            )
        secret = self._drafted(call)
        await self._vault.require(call, "CreateSecret", secret)
        if secret.tags:
            await self._vault.require(call, "TagResource", secret)
        if "AddReplicaRegions" in asked:
            await self._vault.require(call, "ReplicateSecretToRegions", secret)
        value = value_of(call)
        version_id = kms.VALIDATION if value is None else token_of(call)
        await self._vault.require_key(
            call, secret, "kms:GenerateDataKey", "kms:Decrypt", key_id=secret.kms_key_id, version_id=version_id
        )
        existing = self._vault.find(call.region, secret.name)
        secret = repeated(existing, value, version_id) if existing else self._vault.save(secret)
        if value is not None:
            write_value(self._vault, secret.arn, token=version_id, value=value, stages=None)
        made = identity(secret) | ({} if value is None else {"VersionId": version_id})
        if "AddReplicaRegions" in asked:
            made["ReplicationStatus"] = self._replicas(await self._replication.add(call, self._vault.get(secret.arn)))
        return made

    async def describe(self, call: Call) -> Json:
        secret = await self._vault.open(call, deleted_too=True)
        return described(secret) | ({"ReplicationStatus": self._replicas(secret)} if secret.replicas else {})

    async def list_secrets(self, call: Call) -> Json:
        await self._vault.require(call, "ListSecrets", None)
        asked = call.parameters
        found = listing.matching(
            self._vault.all(call.region),
            asked.get("Filters", []),
            deleted_too=asked.get("IncludePlannedDeletion", False),
        )
        descending = asked.get("SortOrder", "desc") == "desc"
        ordered = listing.in_order(found, by=asked.get("SortBy", "created-date"), descending=descending)
        page, more = page_of(call, ordered)
        return {"SecretList": [listed(secret) for secret in page], **more}

    async def update(self, call: Call) -> Json:
        refuse(call, "Type")
        secret = await self._vault.open(call)
        asked, value = call.parameters, value_of(call)
        token = kms.VALIDATION if value is None else token_of(call)
        if secret.version(token):
            raise token_in_use(secret, token)
        key_id = (asked["KmsKeyId"] or None) if "KmsKeyId" in asked else secret.kms_key_id
        if value is not None or key_id != secret.kms_key_id:
            await self._vault.require_key(
                call, secret, "kms:GenerateDataKey", "kms:Decrypt", key_id=key_id, version_id=token
            )
        moved = await self._re_encryptable(call, secret, key_id) if key_id != secret.kms_key_id else set()

        def updated(secret: Secret) -> Secret:
            versions = (replace(one, kms_key_id=key_id) if one.id in moved else one for one in secret.versions)
            description = asked.get("Description", secret.description)
            return replace(secret, description=description, kms_key_id=key_id, versions=tuple(versions))

        if value is None:
            return identity(self._vault.change(secret.arn, updated))
        write_value(self._vault, secret.arn, token=token, value=value, stages=(CURRENT,), prepare=updated)
        return {**identity(secret), "VersionId": token}

    async def delete(self, call: Call) -> Json:
        asked, now = call.parameters, self._vault.clock()
        force, days = asked.get("ForceDeleteWithoutRecovery", False), asked.get("RecoveryWindowInDays")
        require_recovery(days, force=force)
        if force and self._vault.find(call.region, asked["SecretId"]) is None:
            await self._vault.require(call, "DeleteSecret", None)
            return {"ARN": asked["SecretId"], "Name": asked["SecretId"], "DeletionDate": now}
        secret = await self._vault.open(call, deleted_too=force)
        replicas.require_none(secret)
        if force:
            self._vault.purge(secret.arn)
            return {**identity(secret), "DeletionDate": now}
        end = now + (days or RECOVERY_DAYS) * DAY
        self._vault.change(secret.arn, lambda secret: replace(rotation_state.stopped(secret), purge_at=end))
        return {**identity(secret), "DeletionDate": end}

    async def restore(self, call: Call) -> Json:
        secret = await self._vault.open(call, deleted_too=True)
        return identity(self._vault.change(secret.arn, lambda secret: replace(secret, purge_at=None)))

    async def tag(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        added = tags_of(call.parameters["Tags"])
        self._vault.change(secret.arn, lambda secret: replace(secret, tags=within_tag_quota({**secret.tags, **added})))
        return {}

    async def untag(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        removed = set(call.parameters["TagKeys"])
        self._vault.change(
            secret.arn,
            lambda secret: replace(
                secret, tags={key: value for key, value in secret.tags.items() if key not in removed}
            ),
        )
        return {}

    def _replicas(self, secret: Secret) -> list[Json]:
        return replicas.statuses(secret, self._vault.find)

    def _drafted(self, call: Call) -> Secret:
        asked, now = call.parameters, self._vault.clock()
        return Secret(
            arn=self._vault.new_arn(call.region, asked["Name"]),
            name=asked["Name"],
            region=call.region,
            created=now,
            changed=now,
            description=asked.get("Description"),
            kms_key_id=asked.get("KmsKeyId") or None,
            tags=within_tag_quota(tags_of(asked.get("Tags", []))),
        )

    async def _re_encryptable(self, call: Call, secret: Secret, key_id: str | None) -> set[str]:
        """The versions that move to a new key: those of the three labels, where the caller may use both keys."""
        found = set()
        for version in secret.versions:
            if not {CURRENT, PENDING, PREVIOUS} & set(version.stages):
                continue
            try:
                await self._vault.require_key(
                    call, secret, "kms:Decrypt", key_id=version.kms_key_id, version_id=version.id
                )
                await self._vault.require_key(call, secret, "kms:Encrypt", key_id=key_id, version_id=version.id)
            except AwsError:
                continue
            found.add(version.id)
        return found


def repeated(existing: Secret, value: Value | None, token: str) -> Secret:
    """The secret that an earlier CreateSecret of the same token and value made.

    Raises:
        AwsError: the name is taken, by a live secret or by one that waits for its deletion.
    """
    if existing.purge_at is not None:
        raise AwsError(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        )
    version = existing.version(token)
    if value is None or version is None or version.value != value:
        raise AwsError(
            "ResourceExistsException", f"The operation failed because the secret {existing.name} already exists."
        )
    return existing


def require_recovery(days: int | None, *, force: bool) -> None:
    """Refuse a recovery window that AWS refuses."""
    if force and days is not None:
        raise AwsError(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        )
    if days is not None and not 7 <= days <= RECOVERY_DAYS:
        raise AwsError(
            "InvalidParameterException",
            f"The RecoveryWindowInDays value must be between 7 and {RECOVERY_DAYS} days (inclusive); received {days}.",
        )


def tags_of(tags: Sequence[Json]) -> dict[str, str]:
    """Tags from a request.

    Raises:
        AwsError: InvalidParameterException, a key twice, without a name, or of AWS's own prefix.
    """
    keys = [tag.get("Key") for tag in tags]
    if None in keys or len(set(keys)) < len(keys):
        raise AwsError("InvalidParameterException", "Each tag has a Key, and no key is given twice.")
    if own := [key for key in keys if str(key).lower().startswith("aws:")]:
        raise AwsError("InvalidParameterException", f"Tag keys that begin with 'aws:' are AWS's own; received {own}.")
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def within_tag_quota(tags: dict[str, str]) -> dict[str, str]:
    """The tags themselves, if a secret can have so many."""
    if len(tags) > TAG_QUOTA:
        raise AwsError(
            "InvalidParameterException", f"A secret has at most {TAG_QUOTA} tags; this would make {len(tags)}."
        )
    return tags
