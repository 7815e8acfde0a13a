"""For the unit tests of services: a key that is no key, deliveries as Klaviyo signs them, audit entries in a list.

Standard library only; nothing here reaches AWS or Klaviyo.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from klaviyo_access.endpoint import KLAVIYO_URL
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.webhooks.delivery import WebhookEvent
from klaviyo_access.webhooks.secret import SigningSecret

WEBHOOK_ID = "01KTESTWEBHOOK000000000000"
"""Of the webhook that `signed_delivery` delivers for."""


def made_up_key() -> Key:
    """A new random key in the form of Klaviyo's, which Klaviyo does not know."""
    return Key("pk_" + secrets.token_hex(17))


@dataclass
class FixedKey:
    """A source for `KeyStore` that has one key, as in ``KeyStore("viewer", source=FixedKey("viewer"))``.

    Attributes:
        role: the role that the key is of.
        key: set another one to rotate it: a store sees it when it refreshes next.
        scopes: what the rotator would have proved of it.
        endpoint: where the key is sent to: a server of the test's own, without a slash at its end.
    """

    role: str
    key: Key = field(default_factory=made_up_key)
    scopes: tuple[str, ...] = ()
    endpoint: str = KLAVIYO_URL

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:  # noqa: ARG002 - there is no cache to look past
        """The key, as fetched now."""
        return KeySnapshot(
            role=self.role,
            key=self.key,
            scopes=self.scopes,
            endpoint=self.endpoint,
            version_id=self.key.fingerprint,
            fetched_at=time.time(),
        )


@dataclass(frozen=True)
class SignedDelivery:
    """A request of Klaviyo's: post ``body`` as it is, with ``headers``."""

    body: bytes
    headers: dict[str, str]


def signed_delivery(
    secret: SigningSecret,
    events: Sequence[WebhookEvent],
    *,
    webhook_id: str = WEBHOOK_ID,
    account_id: str = "",
    sent_at: datetime | None = None,
) -> SignedDelivery:
    """Sign a delivery as Klaviyo does, for a ``WebhookReceiver([secret])``.

    Args:
        secret: what the webhook was made with.
        events: what happened.
        webhook_id: the webhook's id at Klaviyo.
        account_id: the Klaviyo account in which it happened.
        sent_at: aware; without it now.

    Source: https://developers.klaviyo.com/en/docs/working_with_system_webhooks
    """
    sent = (sent_at or datetime.now(UTC)).astimezone(UTC)
    items = [{"external_id": one.id, "topic": one.topic, "payload": one.payload} for one in events]
    meta = {"klaviyo_account_id": account_id, "klaviyo_webhook_id": webhook_id, "timestamp": sent.isoformat()}
    body = json.dumps({"data": items, "meta": meta}).encode()
    timestamp = sent.strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {
        "Content-Type": "application/json",
        "Klaviyo-Signature": secret.sign(body, timestamp),
        "Klaviyo-Timestamp": timestamp,
        "Klaviyo-Webhook-Id": webhook_id,
    }
    return SignedDelivery(body, headers)


@dataclass
class ListSink:
    """A sink for `AuditLog` that keeps what it is given.

    Attributes:
        lines: in order, each with the stream that it belongs to.
    """

    lines: list[tuple[str, str]] = field(default_factory=list)

    def write(self, stream: str, lines: Sequence[str]) -> None:
        """Keep the lines."""
        self.lines += [(stream, line) for line in lines]

    @property
    def entries(self) -> list[Mapping[str, Any]]:
        """The entries so far, as plain values."""
        return [json.loads(line)["entry"] for stream, line in self.lines if stream.startswith("entries/")]
