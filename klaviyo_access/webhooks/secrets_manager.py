"""A webhook's secrets out of AWS Secrets Manager: every version that Klaviyo may be signing with."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from klaviyo_access.aws.answers import MISSING, Kind, Refusal
from klaviyo_access.aws.client import Ask, AwsClient, Patience
from klaviyo_access.aws.places import ENVIRONMENT, environment_folder, region_of
from klaviyo_access.aws.settings import SECRETS_MANAGER
from klaviyo_access.errors import WebhookSecretsNotConfigured, WebhookSecretsUnavailable
from klaviyo_access.webhooks.labels import signing_versions
from klaviyo_access.webhooks.secret import SigningSecret, read_value

WEBHOOK: Final = "KLAVIYO_ACCESS_WEBHOOK"

# Klaviyo waits five seconds for an answer, and a reading makes three to five calls.
_PATIENCE: Final = Patience(connect=1.0, read=2.0, attempts=2)


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
        WebhookSecretsNotConfigured: neither a secret nor webhook and environment; the message names what is missing.
    """
    if not secret_id:
        webhook, folder = webhook or environ.get(WEBHOOK), environment_folder(environ)
        if not webhook or not folder:
            missing = " and ".join(name for name, value in ((WEBHOOK, webhook), (ENVIRONMENT, folder)) if not value)
            raise WebhookSecretsNotConfigured(
                f"A webhook's secret is <prefix>/<environment>/<webhook>/webhook: set {missing}, or pass secret_id."
            )
        secret_id = f"{folder}/{webhook}/webhook"
    return SecretPlace(secret_id=secret_id, region=region or region_of(secret_id, environ))


class SecretsManagerVersions:
    """Reads every version of a webhook's secret that Klaviyo may be signing with.

    Args:
        place: the secret.
        environ: the environment variables, where AWS's settings are.
        ask: asks Secrets Manager; without it by signed requests of its own.
    """

    def __init__(self, place: SecretPlace, *, environ: Mapping[str, str] = os.environ, ask: Ask | None = None) -> None:
        self._place = place
        client = AwsClient(SECRETS_MANAGER, region=place.region, environ=environ, patience=_PATIENCE)
        self._ask = ask or client.ask

    def fetch(self) -> tuple[SigningSecret, ...]:
        """Read them: one call for the labels, and one for each of two to four versions.

        Raises:
            WebhookSecretsNotConfigured: no region is named anywhere, or the AWS profile is broken.
            WebhookSecretsUnavailable: AWS refused or did not answer, or there is no secret yet.
        """
        found = self._read()
        if isinstance(found, Refusal):
            raise self._error(found) from found.cause
        if not found:
            raise self._error("it has no value yet; have it rotated once, which makes one and tells it to Klaviyo")
        return found

    def _read(self) -> tuple[SigningSecret, ...] | Refusal:
        # Values in clear live in this frame and below; whatever it was, nothing is raised while they do.
        described = self._ask("DescribeSecret", {"SecretId": self._place.secret_id})
        if isinstance(described, Refusal):
            return described
        secrets = []
        for version in signing_versions(described.get("VersionIdsToStages") or {}):
            answer = self._ask("GetSecretValue", {"SecretId": self._place.secret_id, "VersionId": version})
            if isinstance(answer, Refusal):
                if answer.code == MISSING:  # a rotation has begun, and its version has no value yet
                    continue
                return answer
            secrets.append(read_value(str(answer.get("SecretString", ""))))
        return tuple(secret for secret in secrets if secret is not None)

    def _error(self, reason: Refusal | str) -> WebhookSecretsUnavailable:
        is_settings = isinstance(reason, Refusal) and reason.kind is Kind.SETTINGS
        kind = WebhookSecretsNotConfigured if is_settings else WebhookSecretsUnavailable
        return kind(f"The webhook's secret {self._place.secret_id} could not be read: {reason}.")

    def __repr__(self) -> str:
        return f"SecretsManagerVersions({self._place.secret_id!r})"
