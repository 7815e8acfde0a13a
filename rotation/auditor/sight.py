"""What the auditor sees of every role's secrets: labels and dates, no value but that of the custodian's key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.keys.labels import Disabling, SecretLabels, Version
from klaviyo_access.keys.secret import Key
from rotation.auditor.inventory import InventoryError
from rotation.auditor.settings import AuditedRole
from rotation.commands import command
from rotation.errors import StoreError
from rotation.keys.values import find_key


class SecretsClient(Protocol):
    """The part of boto3's client for Secrets Manager that is used."""

    def describe_secret(self, **parameters: Any) -> Mapping[str, Any]: ...
    def list_secret_version_ids(self, **parameters: Any) -> Mapping[str, Any]: ...
    def get_secret_value(self, **parameters: Any) -> Mapping[str, Any]: ...
    def rotate_secret(self, **parameters: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class SeenRole:
    """A role's two secrets as they are at one moment.

    Attributes:
        role: what the deployment says of it.
        arn: ARN of the secret that services read.
        key: its labels.
        reserve: the labels of the reserve.
        rotates: whether rotation is switched on.
        rotated: when it was last rotated to the end.
        due: when the present rotation window ends, or the next one.
        behind: the regions whose replica of the key is not in sync, with AWS's word for it.
        changed: when anything of the secret that services read was changed last.
    """

    role: AuditedRole
    arn: str
    key: SecretLabels
    reserve: SecretLabels
    rotates: bool
    rotated: datetime | None
    due: datetime | None
    behind: Mapping[str, str] = field(default_factory=dict)
    changed: datetime | None = None

    @property
    def unnamed(self) -> tuple[Version, ...]:
        """What services read, or did last, and no label names yet: somebody put it by hand."""
        return tuple(one for one in (self.key.current, self.key.previous) if one and not one.holds_key)

    def is_live(self, fingerprint: str) -> bool:
        """Whether the key with this fingerprint is current or pending."""
        return fingerprint in self.key.live_fingerprints

    def is_graced(self, fingerprint: str) -> bool:
        """Whether the role used the key with this fingerprint, and its rotator has not let it be disabled yet.

        Also whether services of a region may read it still, which has not got the next one.
        """
        if self.behind and fingerprint in self.key.known_fingerprints:
            return True
        return any(_is_graced(version, fingerprint) for version in self.key)


@dataclass(frozen=True)
class Sight:
    """Looks at roles.

    Args:
        client: a Secrets Manager client.
    """

    client: SecretsClient

    def look(self, role: AuditedRole) -> SeenRole:
        """What a role's secrets are like now.

        Raises:
            StoreError: one of them could not be described.
        """
        key, reserve = (self._call("describe_secret", SecretId=name) for name in (role.key, role.reserve))
        return SeenRole(
            role=role,
            arn=key["ARN"],
            key=SecretLabels.of(key.get("VersionIdsToStages", {})),
            reserve=SecretLabels.of(reserve.get("VersionIdsToStages", {})),
            rotates=bool(key.get("RotationEnabled")),
            rotated=key.get("LastRotatedDate"),
            due=key.get("NextRotationDate"),
            behind=_behind(key.get("ReplicationStatus", ())),
            changed=key.get("LastChangedDate"),
        )

    def born(self, role: AuditedRole, version_id: str) -> datetime | None:
        """When a version of the key was put, which is when its rotation began.

        Raises:
            StoreError: the versions could not be listed.
        """
        versions = self._call("list_secret_version_ids", SecretId=role.key, MaxResults=100).get("Versions", ())
        return next((one["CreatedDate"] for one in versions if one["VersionId"] == version_id), None)

    def key_of(self, role: AuditedRole) -> Key | None:
        """The current key of the custodian's role, also one that is still to be adopted; None where it has none yet.

        Raises:
            StoreError: it could not be read.
            InventoryError: there is a value without a key that could be told from others.
        """
        try:
            text = str(self._call("get_secret_value", SecretId=role.key).get("SecretString", ""))
        except StoreError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        if key := find_key(text):
            return key
        raise InventoryError(
            f"The current value of {role.key} holds no Klaviyo key, or several: stage one and rotate, "
            f"{command(f'keys stage {role.name}')}."
        )

    def rotate(self, role: AuditedRole) -> None:
        """Start a rotation.

        Raises:
            StoreError: Secrets Manager starts none.
        """
        self._call("rotate_secret", SecretId=role.key)

    def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self.client, operation)(**parameters)
        except ClientError as error:
            raise StoreError(operation, str(error.response["Error"]["Code"])) from None
        except BotoCoreError as error:
            raise StoreError(operation, type(error).__name__) from None
        return answer


def _behind(replicas: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {one["Region"]: str(one.get("Status")) for one in replicas if one.get("Status") != "InSync"}


def _is_graced(version: Version, fingerprint: str) -> bool:
    """Whether it holds the key, and is superseded alone: neither in use, nor condemned, nor being disabled."""
    ended = version.in_use or version.verdict or any(isinstance(label, Disabling) for label in version.ours)
    return version.fingerprint == fingerprint and not ended
