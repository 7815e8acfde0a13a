"""Takes deliveries in: signature, webhook id, age, and never the same one twice. Knows no web framework."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

from klaviyo_access.errors import WebhookRefused, WebhookRepeated, WebhookSecretsNotConfigured
from klaviyo_access.webhooks.delivery import Delivery, read_delivery
from klaviyo_access.webhooks.replay import Claim, DeliveryMemory, LocalMemory
from klaviyo_access.webhooks.secret import SigningSecret
from klaviyo_access.webhooks.verifier import SIGNATURE_HEADER, WEBHOOK_ID_HEADER, Headers, Verifier, header

WINDOW: Final = 48 * 3600.0
"""Seconds that a delivery may be old.

Klaviyo repeats what failed for 48 hours, then disables the webhook, and does not say whether a repeated request carries
a new time. A shorter window could refuse for good what came during an outage.
"""

AHEAD: Final = 300.0
"""Seconds by which Klaviyo's clock may be ahead of this machine's."""

LARGEST_BODY: Final = 16 * 1024 * 1024
"""Bytes that the helpers for frameworks read at most; 1,000 events of Klaviyo's fit well."""

_log = logging.getLogger(__name__)


@runtime_checkable
class VerifierSource(Protocol):
    """Where the secrets come from that Klaviyo may be signing with."""

    def verifier(self) -> Verifier:
        """A verifier of the secrets as last read; raises ``WebhookSecretsUnavailable``."""
        ...

    def newer(self, than: Verifier) -> Verifier | None:
        """After a signature fitted none: a verifier of newer secrets, or None where there are none."""
        ...


class WebhookReceiver:
    """Receives the deliveries of one webhook.

    Args:
        secrets: ``WebhookSecrets``, or a list of secrets that never change.
        webhook_id: the webhook's id at Klaviyo; without it any webhook signed with these secrets is received.
        window: seconds that a delivery may be old, by the time in its body.
        memory: which deliveries were handled; without it this process remembers its own.
        clock: seconds since the epoch.

    Raises:
        TypeError: ``secrets`` is something else.
        WebhookSecretsNotConfigured: the list is empty.
    """

    def __init__(
        self,
        secrets: VerifierSource | Sequence[SigningSecret],
        *,
        webhook_id: str | None = None,
        window: float = WINDOW,
        memory: DeliveryMemory | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = _source(secrets)
        self._webhook_id = webhook_id
        self._window = window
        self._memory = LocalMemory(clock) if memory is None else memory
        self._clock = clock

    @contextmanager
    def receive(self, body: bytes, headers: Headers) -> Iterator[Delivery]:
        """Hand over a verified delivery, once; an error inside the block gives it back, to be received again.

        Args:
            body: the bytes as received, before anything decodes or parses them.
            headers: the request's headers, in any case: a mapping or pairs.

        Raises:
            TypeError: ``body`` is no bytes.
            WebhookRefused: it is not Klaviyo's, not this webhook's, or too old.
            WebhookRepeated: it was handled before, or is being handled now.
            WebhookSecretsUnavailable: there are no secrets to verify with.
        """
        delivery = self._verified(body, headers)
        name = header(headers, SIGNATURE_HEADER)
        claim = self._memory.claim(name, expires=delivery.sent_at.timestamp() + self._window)
        if claim is not Claim.NEW:
            raise WebhookRepeated(handled=claim is Claim.DONE)
        try:
            yield delivery
        except BaseException:
            self._memory.release(name)
            raise
        self._memory.complete(name)

    def _verified(self, body: bytes, headers: Headers) -> Delivery:
        if not self._is_signed(body, headers):
            raise _refused("its signature is missing or wrong")
        delivery = read_delivery(body)
        if delivery is None:
            raise _refused("its body has not the form of a delivery")
        if delivery.webhook_id != header(headers, WEBHOOK_ID_HEADER):
            raise _refused(f"its header {WEBHOOK_ID_HEADER} and its body name two webhooks")
        if self._webhook_id not in (None, delivery.webhook_id):
            raise _refused("it belongs to another webhook")
        age = (datetime.fromtimestamp(self._clock(), UTC) - delivery.sent_at).total_seconds()
        if not -AHEAD <= age <= self._window:
            raise _refused(f"it says it was sent {age:.0f} s ago, and 0 to {self._window:.0f} s are received")
        return delivery

    def _is_signed(self, body: bytes, headers: Headers) -> bool:
        verifier = self._secrets.verifier()
        if verifier.verify(body, headers):
            return True
        newer = self._secrets.newer(verifier)
        return newer is not None and newer.verify(body, headers)


def _source(secrets: object) -> VerifierSource:
    if isinstance(secrets, VerifierSource):
        return secrets
    if not isinstance(secrets, Sequence) or not all(isinstance(one, SigningSecret) for one in secrets):
        raise TypeError(
            "A receiver takes WebhookSecrets, or a list of SigningSecret, whose values no log shows; given: "
            f"{type(secrets).__name__}. Write WebhookReceiver([SigningSecret(text)])."
        )
    if not secrets:
        raise WebhookSecretsNotConfigured("A receiver verifies with a secret, and was given none: it would refuse all.")
    return _Fixed(Verifier(secrets))


class _Fixed:
    """Secrets that never change."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def verifier(self) -> Verifier:
        return self._verifier

    def newer(self, than: Verifier) -> None:  # noqa: ARG002 - there is never a newer one
        return None


def _refused(reason: str) -> WebhookRefused:
    _log.info("Klaviyo webhook refused: %s", reason)
    return WebhookRefused(reason)
