"""A webhook's secrets in the receiver's own process, which follow their rotation."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from klaviyo_access.errors import WebhookSecretsUnavailable
from klaviyo_access.webhooks.secret import SigningSecret
from klaviyo_access.webhooks.secrets_manager import SecretsManagerVersions, locate
from klaviyo_access.webhooks.verifier import Verifier

HOLD_OFF: Final = 5.0
"""Seconds from the end of a reading to the next that unknown signatures may cause, so that forgers cannot spend the
account's calls, nor keep a slow AWS busy."""

TELLS_FORGED: Final = 15.0
"""Seconds from the beginning of a reading for which it tells a forged signature from that of a new secret.

The rotator lets a new secret lie for longer than this before Klaviyo signs with it: who looked so lately has seen it.
"""

REFRESH_EVERY: Final = 3600.0
"""Seconds after which the secrets are read anew, so that a retired one is not accepted for ever."""

STALE_AFTER: Final = 24 * 3600.0
"""Seconds for which the secrets last read serve while AWS does not answer."""


_UNDER_WAY: Final = (
    "A signature that fits no known secret may be that of a new one, and the secrets are being read, or just were so "
    "slowly that it may be missing: answer 503, so that Klaviyo sends the delivery again."
)


class Versions(Protocol):
    """Reads the secrets that Klaviyo may be signing with, the current one first."""

    def fetch(self) -> tuple[SigningSecret, ...]:
        """Read them now; raises ``WebhookSecretsUnavailable``."""
        ...


@dataclass(frozen=True)
class _Reading:
    """What was read, and when the reading began."""

    verifier: Verifier
    at: float


class WebhookSecrets:
    """The secrets of one webhook: the current one, the one that a rotation is bringing in, and the one before.

    Read when the store is made, every hour, and when a signature fits none of them. May be shared by any number of
    threads; a reading that is under way holds up nobody but who began it.

    Args:
        webhook: the webhook's name in the stack's settings; without it ``KLAVIYO_ACCESS_WEBHOOK``.
        secret_id: the secret's name or ARN; without it ``KLAVIYO_ACCESS_PREFIX`` and ``KLAVIYO_ACCESS_ENVIRONMENT``
            make up the name.
        region: without it the ARN's, ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or the AWS profile's.
        versions: where the secrets are; without it Secrets Manager.
        clock: seconds, from any start.
        environ: the environment variables.

    Raises:
        WebhookSecretsNotConfigured: they are nowhere named, or no AWS region is.
        WebhookSecretsUnavailable: they could not be read, or there are none yet.
    """

    def __init__(
        self,
        webhook: str | None = None,
        *,
        secret_id: str | None = None,
        region: str | None = None,
        versions: Versions | None = None,
        clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._versions = versions or SecretsManagerVersions(
            locate(webhook, secret_id=secret_id, region=region, environ=environ), environ=environ
        )
        self._clock = clock
        self._reading_now = threading.Lock()
        self._failure = ""
        self._reading = self._read()

    def verifier(self) -> Verifier:
        """A verifier of the secrets as last read; they are read anew first where they are old.

        Raises:
            WebhookSecretsUnavailable: they are older than a day, and AWS does not answer, or was asked a moment ago.
        """
        reading = self._reading
        age = self._clock() - reading.at
        if age <= REFRESH_EVERY:
            return reading.verifier
        try:
            return self._read_since(reading).verifier
        except WebhookSecretsUnavailable:
            if age > STALE_AFTER:
                raise
            return reading.verifier

    def newer(self, than: Verifier) -> Verifier | None:
        """Look for newer secrets, because a signature fitted none of ``than``'s.

        One reading at a time, and none in the five seconds after one.

        Raises:
            WebhookSecretsUnavailable: AWS does not answer, or somebody else is asking it now, so that nothing can be
                said of the signature.
        """
        reading = self._reading
        if reading.verifier is than:
            reading = self._read_since(reading)
        return None if reading.verifier is than else reading.verifier

    def _read_since(self, seen: _Reading) -> _Reading:
        if not self._reading_now.acquire(blocking=False):
            if self._reading is seen:
                raise WebhookSecretsUnavailable(_UNDER_WAY)
            return self._reading
        try:
            return self._read_once(seen)
        finally:
            self._reading_now.release()

    def _read_once(self, seen: _Reading) -> _Reading:
        """Read, unless somebody has since ``seen``, or did within the hold-off; whoever calls it has the lock."""
        if self._reading is not seen:
            return self._reading
        if self._clock() - self._ended >= HOLD_OFF:
            self._reading = self._read()
        elif self._failure:
            raise WebhookSecretsUnavailable(self._failure)
        elif self._clock() - seen.at > TELLS_FORGED:
            raise WebhookSecretsUnavailable(_UNDER_WAY)
        return self._reading

    def _read(self) -> _Reading:
        began = self._clock()
        try:
            secrets = self._versions.fetch()
        except WebhookSecretsUnavailable as error:
            self._failure = str(error)
            raise
        finally:
            self._ended = self._clock()
        self._failure = ""
        return _Reading(Verifier(secrets), began)

    def __repr__(self) -> str:
        return f"WebhookSecrets({self._versions!r})"
