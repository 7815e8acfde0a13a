"""A webhook's secrets out of AWS Secrets Manager: signed by botocore's own signer, without a boto3 client."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from botocore.utils import get_environ_proxies

from klaviyo_access.keys.location import ENVIRONMENT, PREFIX
from klaviyo_access.klaviyo.errors import WebhookSecretsUnavailable
from klaviyo_access.webhooks.labels import signing_versions
from klaviyo_access.webhooks.secret import SigningSecret, read_value

WEBHOOK: Final = "KLAVIYO_ACCESS_WEBHOOK"

_SERVICE: Final = "secretsmanager"
_TIMEOUTS: Final = (3.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class SecretPlace:
    """Where a webhook's secret is: its name or ARN, and its region, empty to take the AWS profile's."""

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


class Http(Protocol):
    """Sends prepared requests over one connection, until it is closed; botocore's own session does."""

    def send(self, request: AWSPreparedRequest) -> AWSResponse: ...
    def close(self) -> None: ...


class SecretsManagerVersions:
    """Reads every version of a webhook's secret that Klaviyo may be signing with.

    Args:
        place: the secret.
        environ: the environment variables; ``AWS_ENDPOINT_URL_SECRETS_MANAGER`` and ``AWS_ENDPOINT_URL`` are honoured.
        connect: opens what requests travel on; without it botocore's HTTP session. One for each reading, since
            readings are rare and a connection must not be shared by forked processes.

    Raises:
        WebhookSecretsUnavailable: no region is named anywhere, or the AWS profile is broken.
    """

    def __init__(
        self,
        place: SecretPlace,
        *,
        environ: Mapping[str, str] = os.environ,
        connect: Callable[[], Http] | None = None,
    ) -> None:
        self._secret_id = place.secret_id
        self._session = Session()
        self._connect = connect or self._open
        try:
            self._region = place.region or self._session.get_config_variable("region")
            self._endpoint = self._find_endpoint(environ)
        except BotoCoreError as error:
            raise self._unavailable(f"AWS's own settings cannot be read: {error}. Mend them") from error
        if not self._region:
            raise self._unavailable("it lies in a region, and none was named: set AWS_REGION, or pass region")

    def fetch(self) -> tuple[SigningSecret, ...]:
        """Read them: one call for the labels, and one for each of two to four versions.

        Raises:
            WebhookSecretsUnavailable: AWS refused or did not answer, or there is no secret yet.
        """
        http = self._connect()
        try:
            described = self._call(http, "DescribeSecret")
            versions = signing_versions(described.get("VersionIdsToStages") or {})
            found = [self._secret(http, version) for version in versions]
        finally:
            http.close()
        secrets = tuple(secret for secret in found if secret is not None)
        if not secrets:
            raise self._unavailable("it has no value yet: rotate it once, which makes one and tells it to Klaviyo")
        return secrets

    def _secret(self, http: Http, version: str) -> SigningSecret | None:
        # A rotation that has just begun has a version without a value.
        answer = self._call(http, "GetSecretValue", VersionId=version, missing={"SecretString": ""})
        return read_value(str(answer.get("SecretString", "")))

    def _call(
        self, http: Http, operation: str, *, missing: Mapping[str, Any] | None = None, **parameters: str
    ) -> Mapping[str, Any]:
        try:
            answer = http.send(self._signed(operation, {"SecretId": self._secret_id, **parameters}))
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(str(error)) from error
        document = _read_json(answer.content)
        if answer.status_code == 200:
            return document
        code = str(document.get("__type", "")).rpartition("#")[2]
        if code == "ResourceNotFoundException" and missing is not None:
            return missing
        message = document.get("message") or document.get("Message") or f"HTTP {answer.status_code}"
        raise self._unavailable(f"{operation}: {code or 'AWS'}: {message}")

    def _signed(self, operation: str, parameters: Mapping[str, str]) -> AWSPreparedRequest:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise self._unavailable("no AWS credentials were found in any place where botocore looks")
        request = AWSRequest(
            method="POST",
            url=f"{self._endpoint}/",
            data=json.dumps(parameters),
            headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{_SERVICE}.{operation}"},
        )
        SigV4Auth(credentials.get_frozen_credentials(), _SERVICE, self._region).add_auth(request)
        return request.prepare()

    def _open(self) -> Http:
        return URLLib3Session(
            verify=self._session.get_config_variable("ca_bundle") or True,
            proxies=get_environ_proxies(self._endpoint),
            timeout=_TIMEOUTS,  # type: ignore[arg-type] # the stubs leave the pair out
        )

    def _find_endpoint(self, environ: Mapping[str, str]) -> str:
        configured = None
        if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
            configured = (
                environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER")
                or environ.get("AWS_ENDPOINT_URL")
                or self._session.get_scoped_config().get("endpoint_url")
            )
        suffix = "amazonaws.com.cn" if str(self._region).startswith("cn-") else "amazonaws.com"
        return str(configured or f"https://{_SERVICE}.{self._region}.{suffix}").rstrip("/")

    def _unavailable(self, reason: str) -> WebhookSecretsUnavailable:
        return WebhookSecretsUnavailable(f"The webhook's secret {self._secret_id} could not be read: {reason}.")

    def __repr__(self) -> str:
        return f"SecretsManagerVersions({self._secret_id!r})"


def _read_json(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
