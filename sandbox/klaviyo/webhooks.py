"""Klaviyo's webhooks on the sandbox: every event reaches the webhooks of its topic, and a stand-in for waiting for one.

``POST /sandbox/webhooks/{id}/deliver`` makes a delivery at once, ``GET /sandbox/webhooks/{id}/deliveries`` shows what
was sent, and ``POST /sandbox/webhooks/{id}/deliveries/{delivery}/repeat`` sends the same bytes again.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

from klaviyo_access.endpoint import is_loopback
from sandbox.aws.http import Request, Response
from sandbox.klaviyo.account import Account
from sandbox.klaviyo.problems import method_not_allowed, not_found
from sandbox.klaviyo.store import Ref, Resource
from sandbox.klaviyo.webhook_sender import Delivery, Post, post, send, sign

PREFIX: Final = "/sandbox/webhooks"

PAUSES: Final = (1.0, 2.0, 4.0)
"""Seconds before a delivery that was not received is sent again; Klaviyo goes on for two days."""

KEPT: Final = 1000
"""Deliveries that are kept to be looked at."""


class Webhooks:
    """The webhooks of one account.

    Args:
        account: the account.
        post: sends a request.
        sleep: waits that many seconds.
    """

    def __init__(
        self, account: Account, *, post: Post = post, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._account = account
        self._post = post
        self._sleep = sleep
        self._delivered: list[Delivery] = []
        self._seen = len(account.store.all("event"))
        self._tasks: set[asyncio.Task[None]] = set()
        self.under_way: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        """What was not received yet: the webhook's id and its events, by a name of its own."""

    def deliver_new_events(self) -> None:
        """Begin to deliver the events that were not there when this was last asked."""
        events = self._account.store.all("event")
        new, self._seen = events[self._seen :], len(events)
        for webhook in self._account.store.all("webhook") if new else ():
            shown = [event for event in map(self._shown, new) if Ref("webhook-topic", event["topic"]) in webhook.links]
            if shown and webhook.attributes.get("enabled") and is_loopback(str(webhook.attributes["endpoint_url"])):
                name = uuid4().hex
                self.under_way[name] = (webhook.ref.id, shown)
                self._begin(name)

    def resume(self) -> None:
        """Go on with the events and the deliveries of an earlier process."""
        self._seen = len(self._account.store.all("event"))
        for name in list(self.under_way):
            self._begin(name)

    async def answer(self, request: Request) -> Response:
        """Do what a request to a control endpoint asks for.

        Raises:
            Problem: 401 without the token, 404 for what there is not, 405, or 400 for an endpoint elsewhere.
        """
        self._account.admit_control(request)
        webhook_id, *rest = request.path.removeprefix(f"{PREFIX}/").split("/")
        webhook = self._account.store.get(Ref("webhook", webhook_id))
        match request.method, rest:
            case "POST", ["deliver"]:
                return _json((await self._deliver(webhook, [self._sample(webhook)])).describe())
            case "GET", ["deliveries"]:
                return _json([one.describe() for one in self._delivered if one.webhook == webhook_id])
            case "POST", ["deliveries", delivery_id, "repeat"]:
                return _json((await self._send(webhook, self._find(delivery_id))).describe())
            case _, ["deliver" | "deliveries", *_]:
                raise method_not_allowed(request.method, {"GET"} if rest[-1] == "deliveries" else {"POST"})
        raise not_found("The sandbox has no such control endpoint.")

    def _begin(self, name: str) -> None:
        task = asyncio.create_task(self._until_received(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_received(self, name: str) -> None:
        webhook_id, events = self.under_way[name]
        for pause in (*PAUSES, 0.0):
            ref = Ref("webhook", webhook_id)
            if not self._account.store.has(ref) or (await self._deliver(self._account.store.get(ref), events)).received:
                break
            await self._sleep(pause)
        del self.under_way[name]

    async def _deliver(self, webhook: Resource, events: list[dict[str, Any]]) -> Delivery:
        delivery = sign(webhook, events, account_id=self._account.id, now=self._account.machine_clock())
        return await self._send(webhook, delivery)

    async def _send(self, webhook: Resource, delivery: Delivery) -> Delivery:
        sent = await send(delivery, str(webhook.attributes["endpoint_url"]), self._post)
        self._delivered = [*self._delivered[1 - KEPT :], sent]
        return sent

    def _find(self, delivery_id: str) -> Delivery:
        found = next((one for one in self._delivered if one.id == delivery_id), None)
        if found is None:
            raise not_found(f"No delivery {delivery_id} was made.")
        return found

    def _shown(self, event: Resource) -> dict[str, Any]:
        metrics = [self._account.store.get(ref) for ref in event.related("metric")]
        name = str(metrics[0].attributes["name"]) if metrics else ""
        return {
            "external_id": event.ref.id,
            "topic": f"event:klaviyo.{re.sub('[^a-z0-9]+', '_', name.lower())}",
            "payload": {"data": {**event.ref._asdict(), "attributes": event.attributes}, "included": []},
        }

    def _sample(self, webhook: Resource) -> dict[str, Any]:
        """The latest event of the account, under one of the webhook's topics."""
        topics = [ref.id for ref in webhook.links if ref.type == "webhook-topic"]
        return self._shown(self._account.store.all("event")[-1]) | ({"topic": topics[0]} if topics else {})


def _json(shown: dict[str, Any] | list[dict[str, Any]]) -> Response:
    return Response(status=200, body=json.dumps(shown).encode(), headers={"content-type": "application/json"})
