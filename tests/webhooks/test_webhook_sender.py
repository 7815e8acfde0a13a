"""The sandbox's Klaviyo sends what a real receiver verifies."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from klaviyo_access.webhooks import SigningSecret, WebhookReceiver
from sandbox.klaviyo.app import create_app
from tests.klaviyo import klaviyo_server
from tests.klaviyo.klaviyo_server import TOKEN
from tests.webhooks.shop import TOPIC, Account, Shop, serving
from tests.webhooks.signed_requests import Clock

SECRET = "the-secret-of-the-orders-webhook"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(clock: Clock) -> Iterator[Account]:
    def pass_a_minute() -> None:
        clock.now += 60

    with klaviyo_server.serving(create_app(control_token=TOKEN, clock=clock)) as url:
        account = Account(url, TOKEN, wait=pass_a_minute)
        account.make_key("webhooks:read", "webhooks:write", "events:write")
        yield account


@pytest.fixture
def shop(clock: Clock) -> Iterator[Shop]:
    with serving(WebhookReceiver([SigningSecret(SECRET)], clock=clock)) as shop:
        yield shop


@pytest.fixture
def webhook_id(account: Account, shop: Shop) -> str:
    return account.make_webhook(shop.url, SECRET)


def test_an_event_reaches_the_webhook_of_its_topic_signed(account: Account, shop: Shop, webhook_id: str) -> None:
    account.place_order()
    delivery = shop.next_delivery()
    assert (delivery.webhook_id, [event.topic for event in delivery.events]) == (webhook_id, [TOPIC])
    assert delivery.events[0].payload["data"]["attributes"]["event_properties"]["value"] == 10
    assert shop.statuses == [200]


def test_the_signature_is_hmac_over_body_and_the_headers_text(account: Account, webhook_id: str) -> None:
    sent = account.deliver(webhook_id)
    signed = (sent["body"] + sent["headers"]["Klaviyo-Timestamp"]).encode()
    assert sent["headers"]["Klaviyo-Signature"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert json.loads(sent["body"])["meta"]["klaviyo_webhook_id"] == sent["headers"]["Klaviyo-Webhook-Id"] == webhook_id
    assert sent["status"] == 200


def test_the_header_is_hours_off_the_time_in_the_body_as_klaviyos_is(account: Account, webhook_id: str) -> None:
    sent = account.deliver(webhook_id)
    header = datetime.strptime(sent["headers"]["Klaviyo-Timestamp"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    body = datetime.fromisoformat(json.loads(sent["body"])["meta"]["timestamp"])
    assert abs(body - header) >= timedelta(hours=4)


def test_the_same_bytes_sent_again_reach_the_service_once(account: Account, shop: Shop, webhook_id: str) -> None:
    sent = account.deliver(webhook_id)
    repeated = account.control("POST", f"/sandbox/webhooks/{webhook_id}/deliveries/{sent['id']}/repeat")
    assert (repeated["body"], repeated["headers"]) == (sent["body"], sent["headers"])
    assert (shop.statuses, shop.deliveries.qsize()) == ([200, 200], 1)


def test_a_changed_secret_signs_the_next_delivery(account: Account, shop: Shop, webhook_id: str) -> None:
    attributes = {"secret_key": "another-secret-altogether"}
    account.call("PATCH", f"/api/webhooks/{webhook_id}", _webhook(webhook_id, attributes))
    assert (account.deliver(webhook_id)["status"], shop.statuses) == (401, [401])


def test_what_was_not_received_is_sent_again(account: Account, shop: Shop, webhook_id: str) -> None:
    wrong, right = {"secret_key": "another-secret-altogether"}, {"secret_key": SECRET}
    account.call("PATCH", f"/api/webhooks/{webhook_id}", _webhook(webhook_id, wrong))
    account.place_order()
    assert shop.answered.get(timeout=20) == 401
    account.call("PATCH", f"/api/webhooks/{webhook_id}", _webhook(webhook_id, right))
    assert shop.next_delivery().webhook_id == webhook_id


def test_a_disabled_webhook_gets_nothing(account: Account, shop: Shop, webhook_id: str) -> None:
    account.call("PATCH", f"/api/webhooks/{webhook_id}", _webhook(webhook_id, {"enabled": False}))
    account.place_order()
    account.call("PATCH", f"/api/webhooks/{webhook_id}", _webhook(webhook_id, {"enabled": True}))
    account.deliver(webhook_id)
    assert account.control("GET", f"/sandbox/webhooks/{webhook_id}/deliveries")[0]["status"] == 200
    assert shop.deliveries.qsize() == 1


def test_the_sandbox_calls_nobody_but_this_machine(account: Account) -> None:
    webhook_id = account.make_webhook("https://shop.example.com/webhook", SECRET)
    answer = httpx.post(f"{account.url}/sandbox/webhooks/{webhook_id}/deliver", headers={"X-Sandbox-Token": TOKEN})
    assert answer.status_code == 400
    account.place_order()
    assert account.control("GET", f"/sandbox/webhooks/{webhook_id}/deliveries") == []


@pytest.mark.parametrize(("token", "path", "status"), [("", "x/deliver", 401), (TOKEN, "x/deliver", 404)])
def test_control_endpoints_ask_for_the_token_and_a_webhook(
    account: Account, token: str, path: str, status: int
) -> None:
    answer = httpx.post(f"{account.url}/sandbox/webhooks/{path}", headers={"X-Sandbox-Token": token})
    assert answer.status_code == status


def _webhook(webhook_id: str, attributes: Mapping[str, object]) -> dict[str, object]:
    return {"data": {"type": "webhook", "id": webhook_id, "attributes": attributes}}
