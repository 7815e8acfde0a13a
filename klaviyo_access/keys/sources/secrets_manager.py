"""The key out of AWS Secrets Manager itself."""

import os
import time
from collections.abc import Callable, Mapping

from klaviyo_access.aws.answers import Refusal
from klaviyo_access.aws.client import AwsClient, Send
from klaviyo_access.aws.settings import SECRETS_MANAGER
from klaviyo_access.keys.location import SecretLocation
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import FRESH_FOR, KeySnapshot
from klaviyo_access.keys.sources import Sought
from klaviyo_access.keys.sources.answers import Found, error_for, read_document


class SecretsManagerSource:
    """Fetches a role's current key from Secrets Manager.

    A connection that fails, a 5xx and throttling are tried three times, as `AwsClient` does.

    Args:
        location: the secret.
        clock: the time in seconds since the epoch.
        environ: the environment variables; ``AWS_ENDPOINT_URL_SECRETS_MANAGER`` and ``AWS_ENDPOINT_URL`` are honoured.
        send: how a signed request travels; without it botocore's HTTP session.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        location: SecretLocation,
        *,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
        send: Send | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._location = location
        self._clock = clock
        self._client = AwsClient(SECRETS_MANAGER, region=location.region, environ=environ, send=send, pause=pause)

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:  # noqa: ARG002 - there is no cache to look past
        """Fetch the version that is current now.

        Raises:
            KeyStoreNotConfigured: no region is named anywhere, or the AWS profile is broken.
            NoKeyYet: the secret has no current value.
            KeyReadDenied: IAM or the secret's policy refuses this principal.
            KeyValueMalformed: the value is none that a rotator writes.
            KeyStoreUnavailable: no credentials, no connection, or any other failure of AWS.
        """
        found = self._ask()
        if isinstance(found, KeySnapshot):
            return found
        raise error_for(found, self._location) from (found.cause if isinstance(found, Refusal) else None)

    def _ask(self) -> Found:
        # The value in clear lives in this frame and below; whatever it was, nothing is raised while it does.
        parameters = {"SecretId": self._location.secret_id, "VersionStage": "AWSCURRENT"}
        answer = self._client.ask("GetSecretValue", parameters)
        return read_document(answer, location=self._location, fetched_at=self._clock(), fresh_for=FRESH_FOR)


def from_secrets_manager(sought: Sought) -> SecretsManagerSource:
    """Open Secrets Manager for what a store was asked for."""
    return SecretsManagerSource(sought.location, clock=sought.clock, environ=sought.environ)
