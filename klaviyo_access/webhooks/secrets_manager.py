"""A webhook's secrets out of AWS Secrets Manager: every version that Klaviyo may be signing with."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from klaviyo_access.errors import WebhookSecretsUnavailable
from klaviyo_access.keys.location import ENVIRONMENT, PREFIX
from klaviyo_access.webhooks.labels import signing_versions
from klaviyo_access.webhooks.secret import SigningSecret, read_value

WEBHOOK: Final = "KLAVIYO_ACCESS_WEBHOOK"

# Klaviyo waits five seconds for an answer, and a reading makes three to five calls.
_PATIENCE: Final = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})
_NOT_FOUND: Final = "ResourceNotFoundException"


@dataclass(frozen=True, kw_only=True)
class SecretPlace:
    """Where a webhook's secret is: its name or ARN, and its region, empty to take that of the AWS profile."""

    secret_id: str
    region: str = ""


def locate(
    webhook: str | None = None,
    *,
    secret_id: str | None = None,
    region: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> SecretPlace:
    """Find a webhook's secret, by arguments or environment variables.

    Raises:
        WebhookSecretsUnavailable: neither a secret nor webhook and environment; the message names what is missing.
    """
    if not secret_id:
        webhook, environment = webhook or environ.get(WEBHOOK), environ.get(ENVIRONMENT)
        if not webhook or not environment:
            missing = " and ".join(
                name for name, value in ((WEBHOOK, webhook), (ENVIRONMENT, environment)) if not value
            )
            raise WebhookSecretsUnavailable(
                f"A webhook's secret is <prefix>/<environment>/<webhook>/webhook: set {missing}, or pass secret_id."
            )
        secret_id = f"{environ.get(PREFIX) or 'klaviyo'}/{environment}/{webhook}/webhook"
    if not region and secret_id.startswith("arn:"):
        region = secret_id.split(":")[3]
    return SecretPlace(
        secret_id=secret_id, region=region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    )


class SecretsManager(Protocol):
    """The calls that are made; a botocore or boto3 client of Secrets Manager has them."""

    def describe_secret(self, **parameters: Any) -> Mapping[str, Any]: ...
    def get_secret_value(self, **parameters: Any) -> Mapping[str, Any]: ...


class SecretsManagerVersions:
    """Reads every version of a webhook's secret that Klaviyo may be signing with.

    Args:
        place: the secret.
        connect: makes a client; without it botocore's, with credentials and endpoint as botocore finds them. One for
            each reading, since readings are rare and a connection must not be shared by forked processes.
    """

    def __init__(self, place: SecretPlace, *, connect: Callable[[], SecretsManager] | None = None) -> None:
        self._place = place
        self._session = Session()
        self._connect = connect or self._client

    def fetch(self) -> tuple[SigningSecret, ...]:
        """Read them: one call for the labels, and one for each of two to four versions.

        Raises:
            WebhookSecretsUnavailable: AWS refused or did not answer, or there is no secret yet.
        """
        try:
            client = self._connect()
            described = client.describe_secret(SecretId=self._place.secret_id)
            versions = signing_versions(described.get("VersionIdsToStages") or {})
            found = [self._secret(client, version) for version in versions]
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(str(error)) from error
        secrets = tuple(secret for secret in found if secret is not None)
        if not secrets:
            raise self._unavailable(
                "it has no value yet; have it rotated once, which makes one and tells it to Klaviyo."
            )
        return secrets

    def _secret(self, client: SecretsManager, version: str) -> SigningSecret | None:
        try:
            answer = client.get_secret_value(SecretId=self._place.secret_id, VersionId=version)
        except ClientError as error:
            if error.response["Error"]["Code"] == _NOT_FOUND:  # a rotation has begun, and its version has no value yet
                return None
            raise
        return read_value(str(answer.get("SecretString", "")))

    def _client(self) -> SecretsManager:
        client: Any = self._session.create_client(
            "secretsmanager", region_name=self._place.region or None, config=_PATIENCE
        )
        return client  # type: ignore[no-any-return] # the stubs know no client but the one that all services share

    def _unavailable(self, reason: str) -> WebhookSecretsUnavailable:
        return WebhookSecretsUnavailable(f"The webhook's secret {self._place.secret_id} could not be read: {reason}")

    def __repr__(self) -> str:
        return f"SecretsManagerVersions({self._place.secret_id!r})"
