"""Requests as Klaviyo signs them, made with hmac alone, and a memory of secrets that a test can change."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from klaviyo_access.errors import WebhookSecretsUnavailable
from klaviyo_access.webhooks import SigningSecret

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TIMESTAMP = "Sun, 22 Nov 2026 07:00:03 GMT"  # hours off, as observed
WEBHOOK_ID = "01KWEBHOOK0000000000000001"
SECRET = "a-secret-of-the-tests"


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A request: raw body and headers."""

    body: bytes
    headers: dict[str, str]


def document(*, webhook_id: str = WEBHOOK_ID, sent_at: str = "2026-11-22T12:00:00+00:00") -> dict[str, Any]:
    """A delivery of one event, as Klaviyo documents it."""
    event = {"type": "event", "id": "5Q", "attributes": {"event_properties": {"Subject": "Grüße"}}}
    return {
        "data": [
            {"external_id": "5Q", "topic": "event:klaviyo.opened_email", "payload": {"data": event, "included": []}}
        ],
        "meta": {
            "klaviyo_account_id": "AbC123",
            "klaviyo_webhook_id": webhook_id,
            "timestamp": sent_at,
            "version": "2026-10-15",
        },
    }


def signed(
    body: dict[str, Any] | bytes | None = None,
    *,
    secret: str = SECRET,
    timestamp: str = TIMESTAMP,
    webhook_id: str = WEBHOOK_ID,
) -> Signed:
    """Sign a body: HMAC-SHA256 over the bytes followed by the timestamp's text."""
    raw = body if isinstance(body, bytes) else json.dumps(body or document(), ensure_ascii=False).encode()
    signature = hmac.new(secret.encode(), raw + timestamp.encode(), hashlib.sha256).hexdigest()
    headers = {
        "Klaviyo-Signature": signature,
        "Klaviyo-Timestamp": timestamp,
        "Klaviyo-Webhook-Id": webhook_id,
        "Content-Type": "application/json",
    }
    return Signed(body=raw, headers=headers)


@dataclass
class Versions:
    """Secrets as Secrets Manager would show them now; ``down`` makes every reading fail."""

    secrets: list[str] = field(default_factory=lambda: [SECRET])
    down: bool = False
    readings: int = 0

    def fetch(self) -> tuple[SigningSecret, ...]:
        self.readings += 1
        if self.down:
            raise WebhookSecretsUnavailable("AWS is down")
        return tuple(SigningSecret(secret) for secret in self.secrets)


@dataclass
class Clock:
    """Seconds that a test sets forward."""

    now: float = NOW.timestamp()

    def __call__(self) -> float:
        return self.now
