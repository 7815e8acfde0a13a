"""One secret in Secrets Manager, by the few calls that a rotator makes; every failure becomes a `StoreError`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.keys.labels import AwsLabel, Label, SecretLabels
from rotation.errors import StoreError


class Where(StrEnum):
    """Which of a role's two secrets is meant."""

    KEY = "key"
    RESERVE = "reserve"


class SecretsManagerClient(Protocol):
    """The part of boto3's client that is used."""

    def describe_secret(self, **parameters: Any) -> Mapping[str, Any]: ...
    def get_secret_value(self, **parameters: Any) -> Mapping[str, Any]: ...
    def put_secret_value(self, **parameters: Any) -> Mapping[str, Any]: ...
    def update_secret_version_stage(self, **parameters: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class StoredSecret:
    """A secret by its ARN."""

    arn: str
    client: SecretsManagerClient

    def labels(self) -> SecretLabels:
        """The labels of all versions, as they are now."""
        return SecretLabels.of(self._describe().get("VersionIdsToStages", {}))

    def rotates(self) -> bool:
        """Whether rotation is switched on."""
        return bool(self._describe().get("RotationEnabled"))

    def changed(self) -> datetime | None:
        """When anything about the secret, its labels among it, was last changed; None where AWS does not say."""
        changed: datetime | None = self._describe().get("LastChangedDate")
        return changed

    def value(self, version_id: str) -> str | None:
        """The text of one version; None where it has no value yet, empty where it holds bytes."""
        return self._value(VersionId=version_id)

    def value_under(self, label: Label) -> str | None:
        """The text of the version that has ``label``; None where none has. The list of labels may lag behind it."""
        return self._value(VersionStage=str(label))

    def put(self, version_id: str, value: str, labels: Iterable[Label]) -> None:
        """Put a value as the version ``version_id`` with ``labels``; the same value again changes nothing."""
        self._call(
            "put_secret_value",
            ClientRequestToken=version_id,
            SecretString=value,
            VersionStages=[str(label) for label in labels],
        )

    def add(self, label: Label, version_id: str) -> None:
        """Put ``label``, which no version has, on a version."""
        self._call("update_secret_version_stage", VersionStage=str(label), MoveToVersionId=version_id)

    def remove(self, label: Label, version_id: str) -> None:
        """Take ``label`` off the version that has it."""
        self._call("update_secret_version_stage", VersionStage=str(label), RemoveFromVersionId=version_id)

    def move(self, label: Label, *, to: str, holder: str | None) -> None:
        """Move ``label`` if ``holder`` is who has it now, else fail: a compare-and-swap. None: nobody has it."""
        present = {} if holder is None else {"RemoveFromVersionId": holder}
        self._call("update_secret_version_stage", VersionStage=str(label), MoveToVersionId=to, **present)

    def abandon(self, token: str) -> None:
        """Take AWSPENDING off the version ``token``, if it is there, so that another rotation can start."""
        version = self.labels().version(token)
        if version and version.has(AwsLabel.PENDING):
            self.remove(AwsLabel.PENDING, token)

    def _value(self, **which: str) -> str | None:
        try:
            answer = self._call("get_secret_value", **which)
        except StoreError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        return str(answer.get("SecretString", ""))

    def _describe(self) -> Mapping[str, Any]:
        return self._call("describe_secret")

    def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self.client, operation)(SecretId=self.arn, **parameters)
        except ClientError as error:
            raise StoreError(operation, str(error.response["Error"]["Code"])) from None
        except BotoCoreError as error:
            raise StoreError(operation, type(error).__name__) from None
        return answer
