"""What a delivery says once its signature is verified: the webhook, the time, and its events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """One event of a delivery.

    Attributes:
        id: Klaviyo's ``external_id``; the same event may come again, so store what you do by this id.
        topic: as in ``event:klaviyo.opened_email``.
        payload: the event as Klaviyo's API shows it: ``data`` and ``included``.
    """

    id: str
    topic: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One request of Klaviyo's.

    Attributes:
        webhook_id: the webhook that it belongs to.
        account_id: the Klaviyo account in which the events happened, empty where Klaviyo does not say.
        sent_at: when Klaviyo says it sent it, in UTC.
        events: what happened, up to 1,000 events.
        body: the bytes as received, whose signature was verified.
    """

    webhook_id: str
    account_id: str
    sent_at: datetime
    events: tuple[WebhookEvent, ...]
    body: bytes

    def __repr__(self) -> str:
        # Payloads hold personal data, which has no place in a log.
        return f"Delivery(webhook_id={self.webhook_id!r}, sent_at={self.sent_at:%FT%TZ}, events={len(self.events)})"


def read_delivery(body: bytes) -> Delivery | None:
    """Read a verified body; None where it has not the form of a delivery.

    Source: https://developers.klaviyo.com/en/docs/working_with_system_webhooks
    """
    try:
        document = json.loads(body)
        meta, items = document["meta"], document["data"]
        webhook_id, sent_at = meta["klaviyo_webhook_id"], _utc(meta["timestamp"])
    except (ValueError, RecursionError, TypeError, LookupError, OverflowError):
        return None
    if not isinstance(webhook_id, str) or not isinstance(items, list):
        return None
    return Delivery(
        webhook_id=webhook_id,
        account_id=str(meta.get("klaviyo_account_id") or ""),
        sent_at=sent_at,
        events=_events(items),
        body=body,
    )


def _utc(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _events(items: Sequence[object]) -> tuple[WebhookEvent, ...]:
    return tuple(
        WebhookEvent(
            id=str(item.get("external_id", "")),
            topic=str(item.get("topic", "")),
            payload=payload if isinstance(payload := item.get("payload"), dict) else {},
        )
        for item in items
        if isinstance(item, dict)
    )
