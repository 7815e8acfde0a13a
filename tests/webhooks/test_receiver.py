"""The receiver: what is handed over, what is refused and why, and never the same delivery twice."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers as StarletteHeaders
from werkzeug.datastructures import Headers as WerkzeugHeaders

from klaviyo_access.errors import WebhookRefused, WebhookRepeated, WebhookSecretsNotConfigured
from klaviyo_access.webhooks import Delivery, LocalMemory, SigningSecret, Verifier, WebhookReceiver
from klaviyo_access.webhooks.receiver import AHEAD, WINDOW
from klaviyo_access.webhooks.replay import LEASE
from tests.webhooks.signed_requests import NOW, SECRET, WEBHOOK_ID, Clock, Signed, document, signed


def receiver(clock: Clock | None = None, **settings: Any) -> WebhookReceiver:
    return WebhookReceiver([SigningSecret(SECRET)], clock=clock or Clock(), **settings)


def receive(by: WebhookReceiver, request: Signed) -> Delivery:
    with by.receive(request.body, request.headers) as delivery:
        return delivery


def sent(age: float) -> Signed:
    return signed(document(sent_at=datetime.fromtimestamp(NOW.timestamp() - age, UTC).isoformat()))


def test_a_delivery_is_handed_over_with_its_events_and_its_bytes() -> None:
    request = signed()
    delivery = receive(receiver(webhook_id=WEBHOOK_ID), request)
    assert (delivery.webhook_id, delivery.account_id, delivery.sent_at) == (WEBHOOK_ID, "AbC123", NOW)
    assert [(event.id, event.topic) for event in delivery.events] == [("5Q", "event:klaviyo.opened_email")]
    assert delivery.events[0].payload["data"]["attributes"]["event_properties"] == {"Subject": "Grüße"}
    assert delivery.body == request.body


WRONG_SECRETS: dict[str, Any] = {
    "a text": SECRET,
    "texts": [SECRET],
    "one secret": SigningSecret(SECRET),
    "bytes": SECRET.encode(),
    "nothing": None,
}


@pytest.mark.parametrize("secrets", WRONG_SECRETS.values(), ids=WRONG_SECRETS)
def test_what_is_no_list_of_secrets_is_refused_when_the_receiver_is_made(secrets: Any) -> None:
    with pytest.raises(TypeError, match=r"WebhookReceiver\(\[SigningSecret\(text\)\]\)") as refused:
        WebhookReceiver(secrets)
    assert SECRET not in str(refused.value)


def test_a_receiver_without_a_secret_is_refused() -> None:
    with pytest.raises(WebhookSecretsNotConfigured, match="it would refuse all"):
        WebhookReceiver([])


@pytest.mark.parametrize("body", ["text", {"data": []}, None, memoryview(b"{}")])
def test_a_body_that_was_decoded_is_an_error_that_says_what_to_pass(body: Any) -> None:
    with pytest.raises(TypeError, match=r"await request\.body\(\)"):
        receive(receiver(), Signed(body=body, headers=signed().headers))
    with pytest.raises(TypeError, match=r"await request\.body\(\)"):
        Verifier([SigningSecret(SECRET)]).verify(body, {})


HEADERS: dict[str, Callable[[dict[str, str]], Any]] = {
    "a mapping": dict,
    "in lower case": lambda headers: {name.lower(): value for name, value in headers.items()},
    "pairs": lambda headers: list(headers.items()),
    "pairs of bytes": lambda headers: [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    "Werkzeug's": WerkzeugHeaders,
    "Starlette's": StarletteHeaders,
}


@pytest.mark.parametrize("make", HEADERS.values(), ids=HEADERS)
def test_headers_may_be_a_mapping_or_pairs(make: Callable[[dict[str, str]], Any]) -> None:
    request = signed()
    assert receive(receiver(), Signed(body=request.body, headers=make(request.headers))).webhook_id == WEBHOOK_ID


@pytest.mark.parametrize("headers", [None, [], 5, "Klaviyo-Signature", [None], [("a",)], [5, (b"\xff", None)], {1: 2}])
def test_malformed_headers_are_refused_and_never_an_error(headers: Any) -> None:
    assert not Verifier([SigningSecret(SECRET)]).verify(signed().body, headers)
    with pytest.raises(WebhookRefused):
        receive(receiver(), Signed(body=signed().body, headers=headers))


def test_a_delivery_shows_no_personal_data_of_its_events() -> None:
    assert repr(receive(receiver(), signed())) == (
        f"Delivery(webhook_id='{WEBHOOK_ID}', sent_at=2026-11-22T12:00:00Z, events=1)"
    )


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (signed(secret="another-secret-of-16"), "signature"),
        (signed(webhook_id="01KANOTHER"), "two webhooks"),
        (signed(document(webhook_id="01KANOTHER"), webhook_id="01KANOTHER"), "another webhook"),
        (signed(b"{not json}"), "form"),
        (signed(b"{}"), "form"),
        (signed(b'{"data": {}, "meta": {"klaviyo_webhook_id": "w", "timestamp": "2026-11-22"}}'), "form"),
        (signed(b'{"a":' * 50_000 + b"1" + b"}" * 50_000), "form"),
        (signed(document(sent_at="yesterday")), "form"),
        (signed(document(sent_at="0001-01-01T00:00:00+14:00")), "form"),
        (signed(document() | {"meta": None}), "form"),
        (signed(document() | {"meta": {"klaviyo_webhook_id": 5, "timestamp": "2026-11-22T12:00:00Z"}}), "form"),
    ],
)
def test_what_is_not_this_webhooks_delivery_is_refused(request_: Signed, reason: str) -> None:
    with pytest.raises(WebhookRefused, match=reason):
        receive(receiver(webhook_id=WEBHOOK_ID), request_)


@given(st.text().filter(lambda text: text != WEBHOOK_ID) | st.none() | st.integers())
def test_any_other_webhook_id_in_the_header_is_refused(value: Any) -> None:
    request = signed()
    with pytest.raises(WebhookRefused):
        receive(receiver(), Signed(body=request.body, headers=request.headers | {"Klaviyo-Webhook-Id": value}))


@pytest.mark.parametrize("age", [0, -AHEAD, 60, WINDOW])
def test_a_delivery_within_the_window_is_received(age: float) -> None:
    assert receive(receiver(), sent(age)).sent_at == NOW - timedelta(seconds=age)


@pytest.mark.parametrize("age", [-AHEAD - 1, WINDOW + 1, 10 * WINDOW])
def test_a_delivery_outside_the_window_is_refused(age: float) -> None:
    with pytest.raises(WebhookRefused, match="ago"):
        receive(receiver(), sent(age))


def test_the_window_can_be_narrowed() -> None:
    with pytest.raises(WebhookRefused, match="301 s ago"):
        receive(receiver(window=300), sent(301))


@pytest.mark.parametrize("written", ["2026-11-22T12:00:00Z", "2026-11-22T12:00:00", "2026-11-22T14:00:00.5+02:00"])
def test_times_are_read_as_iso_8601_writes_them(written: str) -> None:
    assert receive(receiver(), signed(document(sent_at=written))).sent_at.replace(microsecond=0) == NOW


def test_a_replayed_delivery_is_handed_over_once() -> None:
    by, request = receiver(), signed()
    receive(by, request)
    with pytest.raises(WebhookRepeated) as repeated:
        receive(by, request)
    assert repeated.value.handled is True


def test_two_deliveries_of_one_second_are_two() -> None:
    by = receiver()
    other = document()
    other["data"][0]["external_id"] = "6R"
    assert [receive(by, signed()).events[0].id, receive(by, signed(other)).events[0].id] == ["5Q", "6R"]


def test_a_delivery_whose_handler_failed_is_received_again() -> None:
    by, request = receiver(), signed()
    with pytest.raises(ZeroDivisionError), by.receive(request.body, request.headers):
        raise ZeroDivisionError
    assert receive(by, request).webhook_id == WEBHOOK_ID


def test_a_delivery_that_is_being_handled_is_not_begun_again_until_its_lease_ends() -> None:
    clock = Clock()
    by, request = receiver(clock), signed()
    with by.receive(request.body, request.headers):
        with pytest.raises(WebhookRepeated) as repeated:
            receive(by, request)
        assert repeated.value.handled is False
        clock.now += LEASE + 1
        assert receive(by, request).webhook_id == WEBHOOK_ID


def test_receivers_that_share_a_memory_receive_a_delivery_once() -> None:
    memory = LocalMemory(Clock())
    one, other = receiver(memory=memory), receiver(memory=memory)
    receive(one, signed())
    with pytest.raises(WebhookRepeated):
        receive(other, signed())


def test_a_memory_forgets_what_the_window_refuses_anyway() -> None:
    clock = Clock()
    memory = LocalMemory(clock)
    by = receiver(clock, memory=memory, window=300)
    receive(by, signed())
    clock.now += 301
    receive(by, sent(-301))
    assert len(memory) == 1
    with pytest.raises(WebhookRefused, match="ago"):
        receive(by, signed())


def test_a_memory_is_bounded_and_forgets_the_oldest_first() -> None:
    memory = LocalMemory(Clock(), capacity=3)
    by = receiver(memory=memory)
    requests = [sent(age) for age in range(10)]
    for request in requests:
        receive(by, request)
    assert len(memory) == 3
    known = [_is_known(by, request) for request in requests[7:]]
    assert known == [True, True, True]


def _is_known(by: WebhookReceiver, request: Signed) -> bool:
    try:
        receive(by, request)
    except WebhookRepeated:
        return True
    return False


@pytest.mark.parametrize("change", [lambda body: body + b" ", lambda body: body.replace(b"5Q", b"5R")])
def test_a_changed_delivery_is_refused_and_not_remembered(change: Callable[[bytes], bytes]) -> None:
    by, request = receiver(), signed()
    with pytest.raises(WebhookRefused):
        receive(by, Signed(body=change(request.body), headers=request.headers))
    assert receive(by, request).webhook_id == WEBHOOK_ID
