"""The helpers for Starlette, FastAPI and Flask: one behaviour, and the function sees verified deliveries alone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import flask
import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Route

from klaviyo_access.webhooks import Delivery, WebhookReceiver, WebhookSecrets
from klaviyo_access.webhooks import flask as for_flask
from klaviyo_access.webhooks import starlette as for_starlette
from klaviyo_access.webhooks.store import STALE_AFTER
from tests.webhooks.signed_requests import Clock, Signed, Versions, document, signed

LARGEST = 4096


@dataclass
class Service:
    """What a service does with deliveries: it remembers their events, or fails."""

    handled: list[str] = field(default_factory=list)
    fails: bool = False
    during: Callable[[], None] = lambda: None

    def __call__(self, delivery: Delivery) -> None:
        self.during()
        if self.fails:
            raise RuntimeError("the service's database is down")
        self.handled += [event.id for event in delivery.events]


Post = Callable[[Signed], tuple[int, dict[str, Any]]]


def by_flask(receiver: WebhookReceiver, service: Service) -> Post:
    app = flask.Flask(__name__)

    @app.post("/webhook")
    @for_flask.webhook(receiver, largest_body=LARGEST)
    def handle(delivery: Delivery) -> None:
        service(delivery)

    def post(request: Signed) -> tuple[int, dict[str, Any]]:
        answer = app.test_client().post("/webhook", data=request.body, headers=request.headers)
        return answer.status_code, answer.get_json(silent=True) or {}

    return post


def by_asgi(app: Any, path: str = "/webhook") -> Post:
    def post(request: Signed) -> tuple[int, dict[str, Any]]:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.post(path, content=request.body, headers=request.headers)

        answer = asyncio.run(send())
        return answer.status_code, answer.json() if "json" in answer.headers["content-type"] else {}

    return post


def by_starlette(receiver: WebhookReceiver, service: Service) -> Post:
    @for_starlette.webhook(receiver, largest_body=LARGEST)
    def handle(delivery: Delivery) -> None:
        service(delivery)

    return by_asgi(Starlette(routes=[Route("/webhook", handle, methods=["POST"])]))


def by_fastapi(receiver: WebhookReceiver, service: Service) -> Post:
    app = FastAPI()

    @app.post("/webhook")
    @for_starlette.webhook(receiver, largest_body=LARGEST)
    async def handle(delivery: Delivery) -> None:
        service(delivery)

    return by_asgi(app)


@pytest.fixture(params=[by_flask, by_starlette, by_fastapi])
def framework(request: pytest.FixtureRequest) -> Callable[[WebhookReceiver, Service], Post]:
    return request.param  # type: ignore[no-any-return] # pytest's param is Any


@dataclass
class Endpoint:
    service: Service
    post: Post
    versions: Versions
    clock: Clock


@pytest.fixture
def endpoint(framework: Callable[[WebhookReceiver, Service], Post]) -> Endpoint:
    service, versions, clock = Service(), Versions(), Clock()
    receiver = WebhookReceiver(WebhookSecrets(versions=versions, clock=clock), clock=Clock())
    return Endpoint(service, framework(receiver, service), versions, clock)


def test_a_genuine_delivery_is_handed_over(endpoint: Endpoint) -> None:
    assert endpoint.post(signed()) == (200, {"status": "received"})
    assert endpoint.service.handled == ["5Q"]


def test_a_forged_delivery_is_refused_without_a_reason(endpoint: Endpoint) -> None:
    forged = [signed(secret="another-secret-of-16"), signed(webhook_id="01KANOTHER"), signed(b"{}")]
    unsigned = Signed(body=signed().body, headers={})
    assert [endpoint.post(request) for request in [*forged, unsigned]] == [(401, {"error": "Webhook refused"})] * 4
    assert endpoint.service.handled == []


def test_a_replayed_delivery_never_reaches_the_service(endpoint: Endpoint) -> None:
    answers = [endpoint.post(signed()) for _ in range(3)]
    assert answers == [(200, {"status": "received"}), *[(200, {"status": "received before"})] * 2]
    assert endpoint.service.handled == ["5Q"]


def test_what_the_service_failed_to_handle_is_handed_over_again(
    endpoint: Endpoint,
) -> None:
    endpoint.service.fails = True
    assert endpoint.post(signed())[0] == 500
    endpoint.service.fails = False
    assert endpoint.post(signed())[0] == 200
    assert endpoint.service.handled == ["5Q"]


def test_too_large_a_body_is_not_read_to_its_end(endpoint: Endpoint) -> None:
    large = document()
    large["data"][0]["payload"]["padding"] = "x" * LARGEST
    assert endpoint.post(signed(large))[0] == 413
    assert endpoint.service.handled == []


def test_without_secrets_klaviyo_is_asked_to_come_again(endpoint: Endpoint) -> None:
    endpoint.versions.down = True
    endpoint.clock.now += STALE_AFTER + 1
    assert endpoint.post(signed())[0] == 503


def test_the_function_keeps_its_name(framework: Callable[[WebhookReceiver, Service], Post]) -> None:
    for helper in (for_flask.webhook, for_starlette.webhook):

        def orders(delivery: Delivery) -> None:
            """Takes orders."""

        made: Any = helper(WebhookReceiver([]))(orders)
        assert (made.__name__, made.__doc__) == ("orders", "Takes orders.")
