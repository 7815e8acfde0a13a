"""The operations on values and labels: read, put, move a label, list the versions."""

from collections.abc import Mapping
from dataclasses import replace

from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.secrets_manager import listing, versions
from sandbox.aws.secrets_manager.descriptions import identity, version_listed
from sandbox.aws.secrets_manager.requests import page_of, token_of, value_of
from sandbox.aws.secrets_manager.state import CURRENT, DAY, Secret, Version
from sandbox.aws.secrets_manager.vault import Vault
from sandbox.aws.secrets_manager.writing import write_value

BATCH_PAGE = 20


class Values:
    """GetSecretValue, BatchGetSecretValue, PutSecretValue, UpdateSecretVersionStage, ListSecretVersionIds."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def get(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        version = chosen(secret, call.parameters)
        await self._vault.require_key(call, secret, "kms:Decrypt", key_id=version.kms_key_id, version_id=version.id)
        self._mark_read(secret.arn, version.id)
        content = version.value
        shown = {"SecretString": content and content.text, "SecretBinary": content and content.binary}
        return {
            **identity(secret),
            "VersionId": version.id,
            **{name: given for name, given in shown.items() if given is not None},
            "VersionStages": list(version.stages),
            "CreatedDate": version.created,
        }

    async def batch_get(self, call: Call) -> Json:
        """Values of several secrets; what one of them refuses is told in ``Errors`` and stops no other."""
        if ("SecretIdList" in call.parameters) == ("Filters" in call.parameters):
            raise AwsError(
                "InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided, but not both."
            )
        if "MaxResults" in call.parameters and "Filters" not in call.parameters:
            raise AwsError("InvalidParameterException", "'Filters' must be provided when 'MaxResults' is.")
        await self._vault.require(call, "BatchGetSecretValue", None)
        if "Filters" in call.parameters:
            await self._vault.require(call, "ListSecrets", None)
            matching = listing.matching(self._vault.all(call.region), call.parameters["Filters"])
            names, more = page_of(call, [secret.name for secret in matching], default=BATCH_PAGE)
        else:
            names, more = call.parameters["SecretIdList"], {}
        found: list[Json] = []
        errors: list[Json] = []
        for name in names:
            try:
                found.append(await self.get(replace(call, operation="GetSecretValue", parameters={"SecretId": name})))
            except AwsError as error:
                errors.append({"SecretId": name, "ErrorCode": error.code, "Message": error.message})
        return {"SecretValues": found, "Errors": errors, **more}

    async def put(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        token, value = token_of(call), value_of(call)
        if value is None:
            raise AwsError("InvalidParameterException", "You must provide either SecretString or SecretBinary.")
        existing = secret.version(token)
        if existing and existing.value is not None:
            action, key_id = "kms:Decrypt", existing.kms_key_id
        else:
            action, key_id = "kms:GenerateDataKey", secret.kms_key_id
        await self._vault.require_key(call, secret, action, key_id=key_id, version_id=token)
        stages = call.parameters.get("VersionStages")
        secret = write_value(
            self._vault, secret.arn, token=token, value=value, stages=None if stages is None else tuple(stages)
        )
        version = secret.version(token)
        return {**identity(secret), "VersionId": token, "VersionStages": list(version.stages) if version else []}

    async def move_stage(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        asked = call.parameters
        secret = self._vault.change(
            secret.arn,
            lambda now: versions.move(
                now,
                asked["VersionStage"],
                source=asked.get("RemoveFromVersionId"),
                target=asked.get("MoveToVersionId"),
            ),
        )
        return identity(secret)

    async def list_versions(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        deprecated_too = call.parameters.get("IncludeDeprecated", False)
        shown = [
            version for version in secret.versions if version.value is not None and (version.stages or deprecated_too)
        ]
        page, more = page_of(call, shown)
        return {**identity(secret), "Versions": [version_listed(version) for version in page], **more}

    def _mark_read(self, arn: str, version_id: str) -> None:
        """Remember the day of a read, on the secret and on the version; this changes nothing of the secret."""
        secret = self._vault.get(arn)
        today = self._vault.clock() // DAY * DAY
        read = tuple(
            replace(version, accessed=today) if version.id == version_id else version for version in secret.versions
        )
        self._vault.save(replace(secret, accessed=today, versions=read))


def chosen(secret: Secret, asked: Mapping[str, str]) -> Version:
    """The version that GetSecretValue means: by id, by label, by both if they agree, else AWSCURRENT.

    Raises:
        AwsError: ResourceNotFoundException, no such version or no value yet; InvalidRequestException, they disagree.
    """
    version_id, stage = asked.get("VersionId"), asked.get("VersionStage")
    if version_id is None:
        stage = stage or CURRENT
        version, sought = secret.holder(stage), f"staging label: {stage}"
    else:
        version, sought = secret.version(version_id), f"VersionId: {version_id}"
    if version is None or version.value is None:
        raise AwsError(
            "ResourceNotFoundException", f"Secrets Manager can't find the specified secret value for {sought}"
        )
    if stage and stage not in version.stages:
        raise AwsError(
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
        )
    return version
