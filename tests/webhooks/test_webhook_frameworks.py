"""The helpers for Starlette, FastAPI and Flask: one behaviour, and the function sees verified deliveries alone."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

import flask
import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.routing import Route

from klaviyo_access.authorization import fastapi
from klaviyo_access.authorization import flask as flask_authorization
from klaviyo_access.webhooks import Delivery, SigningSecret, WebhookReceiver, WebhookSecrets
from klaviyo_access.webhooks import flask as for_flask
from klaviyo_access.webhooks import starlette as for_starlette
from klaviyo_access.webhooks.store import HOLD_OFF, STALE_AFTER
from tests.authorization.people import PERMISSIONS
from tests.webhooks.signed_requests import SECRET, Clock, Signed, Versions, document, signed

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

    return posting(app)


def posting(app: flask.Flask, path: str = "/webhook") -> Post:
    def post(request: Signed) -> tuple[int, dict[str, Any]]:
        answer = app.test_client().post(path, data=request.body, headers=request.headers)
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


class OnAnEventLoop(flask.Flask):
    """An application that says itself how it runs coroutine functions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return (lambda *args: asyncio.run(func(*args))) if iscoroutinefunction(func) else func


def later(service: Service) -> Callable[[Delivery], Awaitable[None]]:
    async def handle(delivery: Delivery) -> None:
        await asyncio.sleep(0)
        service(delivery)

    return handle


@dataclass
class Later:
    """An object that is called like a coroutine function."""

    service: Service

    async def __call__(self, delivery: Delivery) -> None:
        await later(self.service)(delivery)


def by_flask_later(receiver: WebhookReceiver, service: Service) -> Post:
    app = OnAnEventLoop(__name__)
    app.before_request(lambda: flask.request.get_data() and None)  # as an application does that logs bodies
    view = for_flask.webhook(receiver, largest_body=LARGEST)(Later(service))
    app.add_url_rule("/webhook", view_func=view, methods=["POST"])
    return posting(app)


def by_starlette_later(receiver: WebhookReceiver, service: Service) -> Post:
    endpoint = for_starlette.webhook(receiver, largest_body=LARGEST)(Later(service))
    return by_asgi(Starlette(routes=[Route("/webhook", endpoint, methods=["POST"])]))


def by_fastapi(receiver: WebhookReceiver, service: Service) -> Post:
    app = FastAPI()

    @app.post("/webhook")
    @for_starlette.webhook(receiver, largest_body=LARGEST)
    async def handle(delivery: Delivery) -> None:
        await later(service)(delivery)

    return by_asgi(app)


@pytest.fixture(params=[by_flask, by_flask_later, by_starlette, by_starlette_later, by_fastapi])
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


HELPERS = (for_flask.webhook, for_starlette.webhook)


def orders(delivery: Delivery) -> None:
    """Takes orders."""


@pytest.mark.parametrize("helper", HELPERS)
def test_the_function_keeps_its_name(helper: Any) -> None:
    made: Any = helper(receiver())(orders)
    assert (made.__name__, made.__qualname__, made.__doc__) == ("orders", "orders", "Takes orders.")


def receiver() -> WebhookReceiver:
    return WebhookReceiver([SigningSecret(SECRET)], clock=Clock())


def with_depends(delivery: Delivery, database: object = Depends(dict)) -> None:
    """As FastAPI's own endpoints get what they need."""


def with_another(delivery: Delivery, database: object) -> None:
    """As nobody would call it."""


def without_any() -> None:
    """Takes no delivery."""


@pytest.mark.parametrize("helper", HELPERS)
@pytest.mark.parametrize(
    ("function", "others"), [(with_depends, "database"), (with_another, "database"), (without_any, "none")]
)
def test_a_function_that_takes_more_than_the_delivery_is_refused(helper: Any, function: Any, others: str) -> None:
    with pytest.raises(TypeError, match=rf"'{function.__name__}' has {others}\. .*functools\.partial"):
        helper(receiver())(function)


def with_anything(*_: object, **__: object) -> None:
    """As a decorator leaves a function."""


@pytest.mark.parametrize("helper", HELPERS)
def test_what_a_function_needs_may_be_bound_to_it(helper: Any) -> None:
    helper(receiver())(partial(with_another, database={}))
    helper(receiver())(with_anything)


def guarded_fastapi() -> Post:
    app = FastAPI()
    app.post("/klaviyo/orders")(for_starlette.webhook(receiver())(orders))
    fastapi.Authorization(PERMISSIONS).guard(app)
    return by_asgi(app, "/klaviyo/orders")


def guarded_flask() -> Post:
    app = flask.Flask(__name__)
    app.post("/klaviyo/orders")(for_flask.webhook(receiver())(orders))
    flask_authorization.Authorization(PERMISSIONS).guard(app)
    return posting(app, "/klaviyo/orders")


@pytest.mark.parametrize("make", [guarded_fastapi, guarded_flask])
def test_a_webhook_counts_as_guarded_by_klaviyos_signature(make: Callable[[], Post]) -> None:
    post = make()
    assert [post(signed(secret="another-secret-of-16"))[0], post(signed())[0]] == [401, 200]


@dataclass
class Hanging(Versions):
    """Secrets Manager after the first reading: it does not answer."""

    asked: threading.Event = field(default_factory=threading.Event)
    end: threading.Event = field(default_factory=threading.Event)

    def fetch(self) -> tuple[SigningSecret, ...]:
        if self.readings:
            self.asked.set()
            assert self.end.wait(timeout=20)
        return super().fetch()


def test_a_genuine_delivery_waits_for_no_forgery_while_aws_hangs() -> None:
    versions, clock, service = Hanging(), Clock(), Service()
    secrets = WebhookSecrets(versions=versions, clock=clock)
    endpoint = for_starlette.webhook(WebhookReceiver(secrets, clock=Clock()))(service)
    transport = httpx.ASGITransport(Starlette(routes=[Route("/webhook", endpoint, methods=["POST"])]))
    clock.now += HOLD_OFF

    async def deliver() -> tuple[list[int], int]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:

            async def post(request: Signed) -> int:
                return (await client.post("/webhook", content=request.body, headers=request.headers)).status_code

            def forged(number: int) -> Signed:
                return signed(secret="another-secret-of-16", timestamp=f"forgery {number}")

            first = asyncio.create_task(post(forged(0)))
            assert await asyncio.to_thread(versions.asked.wait, 20)
            others = [await post(forged(number)) for number in range(1, 10)]
            genuine = await post(signed())
            versions.end.set()
            assert await first == 401
            return others, genuine

    assert asyncio.run(deliver()) == ([503] * 9, 200)
