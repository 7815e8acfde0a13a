"""The few calls to Secrets Manager that the commands make. None reads a value: operators have no GetSecretValue."""

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

import boto3
from botocore.exceptions import ClientError

from klaviyo_access.access_model.environment import Environment
from klaviyo_access.cli.identity import PATIENCE
from klaviyo_access.keys.labels import AwsLabel, SecretLabels

if TYPE_CHECKING:
    from types_boto3_cloudtrail import CloudTrailClient
    from types_boto3_secretsmanager import SecretsManagerClient

_AT_ONCE: Final = 8


@dataclass(frozen=True, kw_only=True)
class SecretState:
    """What DescribeSecret says of one secret.

    Attributes:
        labels: which version has which labels.
        rotator_arn: the Lambda that rotates it; empty where rotation is not set up.
        last_rotated: when it was last rotated; None if never.
        next_rotation: when AWS will rotate it next; None where it will not.
        replicas: AWS's word for how far each region's copy is, by region; ``InSync`` is the one that is good.
    """

    labels: SecretLabels
    rotator_arn: str = ""
    last_rotated: datetime | None = None
    next_rotation: datetime | None = None
    replicas: Mapping[str, str] = field(default_factory=dict)

    @property
    def behind(self) -> dict[str, str]:
        """The regions whose copy is not in sync, with AWS's word for it: services there may read an older key."""
        return {region: status for region, status in self.replicas.items() if status != "InSync"}


@dataclass(frozen=True, kw_only=True)
class RoleSecrets:
    """Both secrets of one role."""

    role: str
    key: SecretState
    reserve: SecretState


class Secrets:
    """Secrets Manager of one environment, in the identity that ``session`` carries."""

    def __init__(self, session: boto3.Session, environment: Environment) -> None:
        self._session = session
        self._environment = environment
        self._client: SecretsManagerClient = session.client("secretsmanager", config=PATIENCE)

    @property
    def stack(self) -> str:
        """The environment's name."""
        return self._environment.name

    def describe(self, name: str) -> SecretState:
        """The labels and the rotation of the secret called ``name``."""
        answer = self._client.describe_secret(SecretId=name)
        return SecretState(
            labels=SecretLabels.of(answer.get("VersionIdsToStages", {})),
            rotator_arn=answer.get("RotationLambdaARN", "") if answer.get("RotationEnabled") else "",
            last_rotated=answer.get("LastRotatedDate"),
            next_rotation=answer.get("NextRotationDate"),
            replicas={copy["Region"]: copy["Status"] for copy in answer.get("ReplicationStatus", [])},
        )

    def of_role(self, role: str) -> RoleSecrets:
        """Both secrets of ``role``."""
        return RoleSecrets(
            role=role,
            key=self.describe(self._environment.secret_name(role, "key")),
            reserve=self.describe(self._environment.secret_name(role, "reserve")),
        )

    def of_roles(self, roles: Iterable[str]) -> list[RoleSecrets]:
        """Both secrets of each of ``roles``, in their order, asked for a few at a time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self.of_role, roles))

    def put_times_of_roles(self, roles: Iterable[str]) -> list[dict[str, datetime]]:
        """For each of ``roles``, in their order: when each version of its key secret was put, by the version's id."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._put_times, roles))

    def _put_times(self, role: str) -> dict[str, datetime]:
        # One page holds all: a secret has at most 20 labels, and versions without one are not listed.
        answer = self._client.list_secret_version_ids(
            SecretId=self._environment.secret_name(role, "key"), MaxResults=100
        )
        return {version["VersionId"]: version["CreatedDate"] for version in answer["Versions"]}

    def put_on_reserve(self, role: str, value: str, *, label: str | None = None) -> None:
        """Put a new version on the role's reserve under ``label`` alone; without one AWS makes it current."""
        self._client.put_secret_value(
            SecretId=self._environment.secret_name(role, "reserve"),
            SecretString=value,
            ClientRequestToken=str(uuid.uuid4()),
            VersionStages=[label or AwsLabel.CURRENT],
        )

    def put_oauth_client(self, value: str) -> None:
        """Put the OAuth app's client id and secret, as its current value."""
        self._client.put_secret_value(
            SecretId=self._environment.oauth_client_name,
            SecretString=value,
            ClientRequestToken=str(uuid.uuid4()),
            VersionStages=[AwsLabel.CURRENT],
        )

    def rotate(self, role: str) -> str:
        """Ask for a rotation by the Lambda that the role's key secret already has; returns the new version's id."""
        name = self._environment.secret_name(role, "key")
        return self._client.rotate_secret(SecretId=name, ClientRequestToken=str(uuid.uuid4()))["VersionId"]

    def failed_rotation(self, role: str, *, since: datetime) -> str | None:
        """What the trail says of the newest failed rotation of ``role``; None where it shows none to the caller."""
        trail: CloudTrailClient = self._session.client("cloudtrail", config=PATIENCE)
        try:
            found = trail.lookup_events(
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "RotationFailed"}], StartTime=since
            )
        except ClientError:
            return None
        records = (json.loads(event["CloudTrailEvent"]) for event in found["Events"])
        return failure_in(records, self._environment.secret_name(role, "key"))


def failure_in(records: Iterable[Mapping[str, object]], name: str) -> str | None:
    """What the first of CloudTrail's ``records``, newest first, that concerns the secret ``name`` says; empty if mute.

    None where no record concerns it.
    """
    for record in records:
        details = record.get("additionalEventData")
        concerned = str(details.get("SecretId", "")) if isinstance(details, dict) else ""
        if re.fullmatch(rf"(arn:.*:secret:)?{re.escape(name)}(-[A-Za-z0-9]{{6}})?", concerned):
            return str(record.get("errorMessage") or record.get("errorCode") or "")
    return None
