"""A service with a webhook: its endpoint on a loopback port, and its webhook at the sandbox's Klaviyo."""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import flask
import httpx
from werkzeug.serving import make_server

from klaviyo_access.webhooks import Delivery, WebhookReceiver
from klaviyo_access.webhooks.flask import webhook

TOPIC = "event:klaviyo.placed_order"


@dataclass
class Shop:
    """What arrived: verified deliveries, and the status of every answer."""

    url: str
    deliveries: "queue.Queue[Delivery]" = field(default_factory=queue.Queue)
    statuses: list[int] = field(default_factory=list)
    answered: "queue.Queue[int]" = field(default_factory=queue.Queue)

    def next_delivery(self) -> Delivery:
        """The next delivery; waits for it."""
        return self.deliveries.get(timeout=20)


@contextmanager
def serving(receiver: WebhookReceiver) -> Iterator[Shop]:
    """Serve an endpoint in this process until the block ends."""
    with serving_later() as (shop, receive):
        receive(receiver)
        yield shop


@contextmanager
def serving_later() -> Iterator[tuple[Shop, Callable[[WebhookReceiver], None]]]:
    """Serve an endpoint whose URL is known before its receiver, which is given to the function."""
    app = flask.Flask(__name__)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    shop = Shop(f"http://127.0.0.1:{server.server_port}/webhook")

    def receive(receiver: WebhookReceiver) -> None:
        app.add_url_rule("/webhook", view_func=webhook(receiver)(take), methods=["POST"])

    def take(delivery: Delivery) -> None:
        shop.deliveries.put(delivery)

    @app.after_request
    def count(response: flask.Response) -> flask.Response:
        shop.statuses.append(response.status_code)
        shop.answered.put(response.status_code)
        return response

    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield shop, receive
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Account:
    """The sandbox's Klaviyo as a person with a key and the dashboard sees it."""

    url: str
    control_token: str
    key: str = ""
    wait: Callable[[], None] = lambda: None
    """Lets Klaviyo's rate limits pass."""

    def make_key(self, *scopes: str) -> str:
        """Make a key in the dashboard, and use it from now on."""
        self.key = self.control("POST", "/sandbox/keys", {"name": "tests", "scopes": scopes})["key"]
        return self.key

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API, and return what it answers."""
        self.wait()
        headers = {"Authorization": f"Klaviyo-API-Key {self.key}", "revision": "2026-10-15"}
        return self._send(method, path, headers, body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the sandbox's own endpoints."""
        return self._send(method, path, {"X-Sandbox-Token": self.control_token}, body)

    def make_webhook(self, endpoint_url: str, secret: str) -> str:
        """Create a webhook for orders, and return its id."""
        attributes = {"name": "orders", "endpoint_url": endpoint_url, "secret_key": secret}
        topics = {"webhook-topics": {"data": [{"type": "webhook-topic", "id": TOPIC}]}}
        document = {"data": {"type": "webhook", "attributes": attributes, "relationships": topics}}
        return str(self.call("POST", "/api/webhooks", document)["data"]["id"])

    def place_order(self) -> None:
        """Send an event of the webhook's topic."""
        attributes = {
            "properties": {"value": 10},
            "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}},
        }
        self.call("POST", "/api/events", {"data": {"type": "event", "attributes": attributes}})

    def deliver(self, webhook_id: str) -> dict[str, Any]:
        """Make Klaviyo deliver at once, and return the delivery."""
        return dict(self.control("POST", f"/sandbox/webhooks/{webhook_id}/deliver"))

    def _send(self, method: str, path: str, headers: dict[str, str], body: Any) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        answer = httpx.request(method, f"{self.url}{path}", headers=headers, content=content, timeout=30)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None
