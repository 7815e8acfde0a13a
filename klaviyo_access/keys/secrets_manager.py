"""The key out of AWS Secrets Manager: one signed request over a kept-alive connection, without a boto3 client.

Credentials, CA bundle, proxies and endpoints are found as botocore finds them. A boto3 client would load and
interpret the service's model first, which takes longer than the call.
"""

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from botocore.utils import get_environ_proxies

from klaviyo_access.keys.location import SecretLocation
from klaviyo_access.keys.snapshot import KeySnapshot, read_value
from klaviyo_access.klaviyo.errors import (
    KeyReadDenied,
    KeyStoreError,
    KeyStoreNotConfigured,
    KeyStoreUnavailable,
    KeyValueMalformed,
    NoKeyYet,
)

CONNECT_TIMEOUT: Final = 3.0
READ_TIMEOUT: Final = 10.0

_SERVICE: Final = "secretsmanager"
_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied"})


class Send(Protocol):
    """Sends a prepared request over a kept-alive connection; botocore's own sessions do."""

    def __call__(self, request: AWSPreparedRequest) -> AWSResponse: ...


@dataclass(frozen=True, kw_only=True)
class _Refusal:
    code: str
    message: str


class SecretsManagerSource:
    """Fetches a role's current key from Secrets Manager.

    Args:
        location: the secret.
        clock: the time in seconds since the epoch.
        environ: the environment variables; ``AWS_ENDPOINT_URL_SECRETS_MANAGER`` and ``AWS_ENDPOINT_URL`` are honoured.
        send: how a signed request travels; without it botocore's HTTP session.

    Raises:
        KeyStoreNotConfigured: no region is named anywhere, or the AWS profile is broken.
    """

    def __init__(
        self,
        location: SecretLocation,
        *,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
        send: Send | None = None,
    ) -> None:
        self._location = location
        self._clock = clock
        self._session = Session()
        try:
            self._region = location.region or self._session.get_config_variable("region")
            self._endpoint = _endpoint(self._region, self._session, environ)
            self._send = send or self._http_session().send
        except BotoCoreError as error:
            raise KeyStoreNotConfigured(f"AWS's own settings cannot be read: {error}. Mend them.") from error
        if not self._region:
            raise KeyStoreNotConfigured(
                f"The secret {location.secret_id} lies in a region, and none was named: set AWS_REGION, or pass region."
            )

    def fetch(self) -> KeySnapshot:
        """Fetch the version that is current now.

        Raises:
            NoKeyYet: the secret has no current value.
            KeyReadDenied: IAM or the secret's policy refuses this principal.
            KeyValueMalformed: the value is none that a rotator writes.
            KeyStoreUnavailable: no credentials, no connection, or any other failure of AWS.
        """
        found = self._ask()
        if isinstance(found, KeySnapshot):
            return found
        raise self._error(found)

    def _ask(self) -> KeySnapshot | _Refusal | str:
        # The value in clear lives in this frame and below; whatever it was, nothing is raised while it does.
        try:
            answer = self._send(self._signed())
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(str(error)) from error
        document = _read_json(answer.content)
        if answer.status_code != 200 or "SecretString" not in document:
            code = str(document.get("__type", "")).rpartition("#")[2]
            message = document.get("message") or document.get("Message") or f"HTTP {answer.status_code}"
            return _Refusal(code=code, message=str(message))
        return read_value(
            str(document["SecretString"]),
            role=self._location.role,
            version_id=str(document.get("VersionId", "")),
            fetched_at=self._clock(),
        )

    def _signed(self) -> AWSPreparedRequest:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise self._unavailable("no AWS credentials were found in any place where botocore looks")
        request = AWSRequest(
            method="POST",
            url=f"{self._endpoint}/",
            data=json.dumps({"SecretId": self._location.secret_id, "VersionStage": "AWSCURRENT"}),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "secretsmanager.GetSecretValue",
            },
        )
        SigV4Auth(credentials.get_frozen_credentials(), _SERVICE, self._region).add_auth(request)
        return request.prepare()

    def _http_session(self) -> URLLib3Session:
        return URLLib3Session(
            verify=self._session.get_config_variable("ca_bundle") or True,
            proxies=get_environ_proxies(self._endpoint),
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),  # type: ignore[arg-type] # the stubs leave the pair out
        )

    def _error(self, found: _Refusal | str) -> KeyStoreError:
        role, secret_id = self._location.role, self._location.secret_id
        if isinstance(found, str):
            return KeyValueMalformed(role, secret_id, reason=found)
        if found.code == "ResourceNotFoundException":
            if "staging label" in found.message:
                return NoKeyYet(role, secret_id)
            return self._unavailable(
                f"there is no such secret in {self._region}; is the environment set up, and are prefix, environment "
                "and region those of its settings?"
            )
        if found.code in _DENIED:
            principal = re.search(r"User: (arn:[^\s,]+)", found.message)
            return KeyReadDenied(role, secret_id, principal=principal[1] if principal else "")
        return self._unavailable(f"{found.code or 'AWS'}: {found.message}")

    def _unavailable(self, reason: str) -> KeyStoreUnavailable:
        return KeyStoreUnavailable(
            f"The key of role {self._location.role!r} could not be fetched from the secret {self._location.secret_id} "
            f"at {self._endpoint}: {reason}"
        )


def _endpoint(region: str | None, session: Session, environ: Mapping[str, str]) -> str:
    configured = None
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        configured = (
            environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER")
            or environ.get("AWS_ENDPOINT_URL")
            or session.get_scoped_config().get("endpoint_url")
        )
    suffix = "amazonaws.com.cn" if str(region).startswith("cn-") else "amazonaws.com"
    return str(configured or f"https://{_SERVICE}.{region}.{suffix}").rstrip("/")


def _read_json(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
