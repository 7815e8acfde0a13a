"""The key out of AWS Secrets Manager: one signed request over a kept-alive connection, without a boto3 client.

Credentials, CA bundle, proxies and endpoints are found as botocore finds them. A boto3 client would load and
interpret the service's model first, which takes longer than the call.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from random import uniform
from typing import Any, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import ProxyConfiguration, get_cert_path
from botocore.utils import get_environ_proxies
from urllib3 import PoolManager, Timeout, proxy_from_url
from urllib3.exceptions import HTTPError

from klaviyo_access.errors import KeyStoreUnavailable
from klaviyo_access.frames import cut_frames
from klaviyo_access.keys.location import SecretLocation
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import FRESH_FOR, KeySnapshot
from klaviyo_access.keys.sources import Sought
from klaviyo_access.keys.sources.answers import Refusal, read_answer
from klaviyo_access.keys.sources.aws import AwsSettings, find_settings

CONNECT_TIMEOUT: Final = 3.0
READ_TIMEOUT: Final = 5.0
ATTEMPTS: Final = 3
SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 0.3


class SecretsManagerSource:
    """Fetches a role's current key from Secrets Manager.

    A connection that fails, a 5xx and throttling are tried three times, each attempt signed anew, with pauses of 0.1
    to 0.3 and 0.2 to 0.6 seconds between them.

    Args:
        location: the secret.
        clock: the time in seconds since the epoch.
        environ: the environment variables; ``AWS_ENDPOINT_URL_SECRETS_MANAGER`` and ``AWS_ENDPOINT_URL`` are honoured.
        connect: opens what signed requests travel on and is kept open.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        location: SecretLocation,
        *,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
        connect: Callable[[AwsSettings], PoolManager] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._location = location
        self._clock = clock
        self._environ = environ
        self._connect = connect or kept_alive
        self._pause = pause
        self._opened: tuple[AwsSettings, PoolManager] | None = None

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:  # noqa: ARG002 - there is no cache to look past
        """Fetch the version that is current now.

        Raises:
            KeyStoreNotConfigured: no region is named anywhere, or the AWS profile is broken.
            NoKeyYet: the secret has no current value.
            KeyReadDenied: IAM or the secret's policy refuses this principal.
            KeyValueMalformed: the value is none that a rotator writes.
            KeyStoreUnavailable: no credentials, no connection, or any other failure of AWS.
        """
        settings, http = self._opened = self._opened or self._open()
        found = self._ask(settings, http)
        if isinstance(found, KeySnapshot):
            return found
        self._opened = None  # expired credentials, a dead connection: whatever it was, start anew
        raise found.error(self._location, endpoint=settings.endpoint) from found.cause

    def _open(self) -> tuple[AwsSettings, PoolManager]:
        settings = find_settings(self._location, self._environ)
        return settings, self._connect(settings)

    def _ask(self, settings: AwsSettings, http: PoolManager) -> KeySnapshot | Refusal:
        attempt = 1
        while isinstance(found := self._ask_once(settings, http), Refusal) and found.is_transient:
            if attempt == ATTEMPTS:
                break
            self._pause(uniform(SHORTEST_PAUSE, LONGEST_PAUSE) * attempt)  # noqa: S311 - spreads load, guards nothing
            attempt += 1
        return found

    def _ask_once(self, settings: AwsSettings, http: PoolManager) -> KeySnapshot | Refusal:
        # The value in clear lives in this frame and below; whatever it was, nothing is raised while it does.
        request = self._signed(settings)
        try:
            answer = http.request(
                "POST", settings.endpoint + "/", body=request.data, headers=dict(request.headers), retries=False
            )
        except HTTPError as error:
            cut_frames(error)
            return Refusal(message=str(error), cause=error)
        return read_answer(
            answer.status,
            answer.data,
            location=self._location,
            fetched_at=self._clock(),
            fresh_for=FRESH_FOR,
        )

    def _signed(self, settings: AwsSettings) -> AWSRequest:
        try:
            credentials = settings.credentials()
        except (BotoCoreError, ClientError) as error:
            raise self._without_credentials(str(error)) from error
        if credentials is None:
            raise self._without_credentials("no AWS credentials were found in any place where botocore looks")
        request = AWSRequest(
            method="POST",
            url=f"{settings.endpoint}/",
            data=json.dumps({"SecretId": self._location.secret_id, "VersionStage": "AWSCURRENT"}),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "secretsmanager.GetSecretValue",
            },
        )
        signer = SigV4Auth(credentials, "secretsmanager", settings.region)  # type: ignore[arg-type] # it reads these three
        signer.add_auth(request)
        return request

    def _without_credentials(self, reason: str) -> KeyStoreUnavailable:
        return KeyStoreUnavailable(
            f"The key of role {self._location.role!r} could not be fetched from the secret "
            f"{self._location.secret_id}: {reason}"
        )


def from_secrets_manager(sought: Sought) -> SecretsManagerSource:
    """Open Secrets Manager for what a store was asked for."""
    return SecretsManagerSource(sought.location, clock=sought.clock, environ=sought.environ)


def kept_alive(settings: AwsSettings) -> PoolManager:
    """One kept-alive connection to AWS, with the proxies and trusted certificates that botocore would take."""
    options: dict[str, Any] = {
        "timeout": Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": settings.ca_bundle or get_cert_path(verify=True),
    }
    proxies = ProxyConfiguration(get_environ_proxies(settings.endpoint))
    if proxy := proxies.proxy_url_for(settings.endpoint):
        return proxy_from_url(proxy, proxy_headers=proxies.proxy_headers_for(proxy), **options)
    return PoolManager(**options)
