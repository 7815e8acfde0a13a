"""Signs and sends one delivery, as Klaviyo does: HMAC over the body's bytes and the timestamp's text."""

import asyncio
import hashlib
import hmac
import http.client
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from klaviyo_access.access_model.catalog import REVISION
from klaviyo_access.endpoint import is_loopback
from sandbox.klaviyo.problems import invalid
from sandbox.klaviyo.store import Resource

HEADER_IS_OFF_BY: Final = timedelta(hours=-5)
"""Klaviyo's header was seen hours off the time in the body, so that nobody may take it for the time of sending."""

SECONDS_TO_ANSWER: Final = 5.0
"""Klaviyo waits no longer (https://developers.klaviyo.com/en/docs/working_with_system_webhooks)."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A request as it was sent, and how it was answered.

    Attributes:
        id: the sandbox's own name for it.
        webhook: the webhook's id.
        body: the bytes.
        headers: what went with them.
        status: the receiver's HTTP status; None where it did not answer.
    """

    id: str = field(default_factory=lambda: uuid4().hex)
    webhook: str
    body: bytes
    headers: dict[str, str]
    status: int | None = None

    @property
    def received(self) -> bool:
        """Whether the receiver took it."""
        return self.status in {200, 201, 202}

    def describe(self) -> dict[str, Any]:
        """What the control endpoint shows."""
        return {
            "id": self.id,
            "webhook": self.webhook,
            "status": self.status,
            "headers": self.headers,
            "body": self.body.decode(),
        }


def sign(webhook: Resource, events: Sequence[dict[str, Any]], *, account_id: str, now: float) -> Delivery:
    """Make a delivery of ``events``, signed with the secret that the webhook has now.

    Args:
        webhook: the webhook.
        events: each with ``external_id``, ``topic`` and ``payload``.
        account_id: the account in which they happened.
        now: seconds since the epoch.
    """
    time = datetime.fromtimestamp(now, UTC)
    meta = {
        "klaviyo_account_id": account_id,
        "klaviyo_webhook_id": webhook.ref.id,
        "timestamp": time.isoformat(),
        "version": REVISION,
    }
    body = json.dumps({"data": list(events), "meta": meta}).encode()
    timestamp = f"{time + HEADER_IS_OFF_BY:%a, %d %b %Y %H:%M:%S} GMT"
    signing = hmac.new(webhook.hidden["secret_key"].encode(), body, hashlib.sha256)
    signing.update(timestamp.encode())
    headers = {
        "Content-Type": "application/json",
        "Klaviyo-Signature": signing.hexdigest(),
        "Klaviyo-Timestamp": timestamp,
        "Klaviyo-Webhook-Id": webhook.ref.id,
    }
    return Delivery(webhook=webhook.ref.id, body=body, headers=headers)


Post = Callable[[str, bytes, dict[str, str]], int | None]
"""Sends a body with headers to a URL; None where there is no answer."""


async def send(delivery: Delivery, endpoint_url: str, post: Post) -> Delivery:
    """Send a delivery, or the same bytes again, and return it with the receiver's answer.

    Raises:
        Problem: 400, the endpoint is not on this machine: the sandbox calls nobody else.
    """
    if not is_loopback(endpoint_url):
        raise invalid(f"The sandbox delivers to this machine alone; the webhook's endpoint is {endpoint_url}.")
    status = await asyncio.to_thread(post, endpoint_url, delivery.body, delivery.headers)
    return Delivery(
        id=delivery.id, webhook=delivery.webhook, body=delivery.body, headers=delivery.headers, status=status
    )


def post(url: str, body: bytes, headers: dict[str, str]) -> int | None:
    """One POST on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=SECONDS_TO_ANSWER)
    try:
        connection.request("POST", parts._replace(scheme="", netloc="").geturl() or "/", body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
