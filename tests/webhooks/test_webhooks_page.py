"""The page docs/webhooks.md: its snippets run, and its numbers are the code's."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from klaviyo_access.errors import WebhookRepeated
from klaviyo_access.webhooks import SigningSecret, WebhookReceiver, receiver, replay, store
from rotation.webhooks import change as webhook_change
from rotation.webhooks import rotator as webhook_rotator
from tests.components.recording import PROJECT_DIR
from tests.webhooks.signed_requests import SECRET, Signed, Versions, document, signed
from tests.webhooks.test_webhook_frameworks import by_asgi
from tests.webhooks.test_webhook_secret_component import with_webhook

PAGE = (PROJECT_DIR / "docs" / "webhooks.md").read_text("utf-8")
BLOCKS = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def now_signed(event_id: str) -> Signed:
    body = document(sent_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    body["data"][0]["external_id"] = event_id
    return signed(body)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's snippets define, run one after the other."""
    monkeypatch.setenv("KLAVIYO_ACCESS_ENVIRONMENT", "prod")
    monkeypatch.setattr(store, "SecretsManagerVersions", lambda place, **_: Versions() if place else None)
    defined: dict[str, Any] = {"__name__": __name__}
    for block in BLOCKS:
        exec(compile(block, "docs/webhooks.md", "exec"), defined)  # noqa: S102 - the page's own snippets
    return defined


def test_the_endpoints_of_the_page_receive(page: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    in_flask, in_fastapi, elsewhere = (now_signed(name) for name in ("F", "A", "E"))
    client = page["flask_app"].test_client()
    assert client.post("/klaviyo/orders", data=in_flask.body, headers=in_flask.headers).status_code == 200
    assert by_asgi(page["app"], "/klaviyo/orders")(in_fastapi)[0] == 200
    page["receive"](elsewhere.body, elsewhere.headers)
    assert capsys.readouterr().out.splitlines() == [f"{name} event:klaviyo.opened_email" for name in "FA"] + ["1"]


@dataclass
class Redis:
    """The commands that the page's memory uses, with what redis-py answers: bytes, or text where it was told so."""

    decode_responses: bool
    now: float = 0.0
    values: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def set(self, name: str, value: str, *, ex: int, nx: bool = False) -> bool | None:
        if nx and self.get(name) is not None:
            return None
        self.values[name] = (value.encode(), self.now + ex)
        return True

    def get(self, name: str) -> bytes | str | None:
        value, until = self.values.get(name, (b"", self.now))
        if until <= self.now:
            return None
        return value.decode() if self.decode_responses else value

    def delete(self, name: str) -> int:
        return int(self.values.pop(name, None) is not None)


@pytest.mark.parametrize("decode_responses", [False, True])
def test_processes_that_share_the_pages_memory_receive_a_delivery_once(
    page: dict[str, Any], decode_responses: bool
) -> None:
    redis = Redis(decode_responses)
    one, other = (WebhookReceiver([SigningSecret(SECRET)], memory=page["SharedMemory"](redis)) for _process in range(2))
    request = now_signed("5Q")
    with one.receive(request.body, request.headers), pytest.raises(WebhookRepeated) as meanwhile:
        other.receive(request.body, request.headers).__enter__()
    with pytest.raises(WebhookRepeated) as afterwards:
        other.receive(request.body, request.headers).__enter__()
    assert (meanwhile.value.handled, afterwards.value.handled) == (False, True)
    redis.now += receiver.WINDOW + receiver.AHEAD - 1
    with pytest.raises(WebhookRepeated):
        other.receive(request.body, request.headers).__enter__()
    failed = now_signed("6R")
    with pytest.raises(httpx.ReadTimeout), one.receive(failed.body, failed.headers):
        raise httpx.ReadTimeout("the service's database is down")
    with other.receive(failed.body, failed.headers) as delivery:
        assert delivery.events[0].id == "6R"


def test_a_handler_that_outlives_its_lease_is_remembered_all_the_same(page: dict[str, Any]) -> None:
    redis = Redis(decode_responses=False)
    by = WebhookReceiver([SigningSecret(SECRET)], memory=page["SharedMemory"](redis))
    request = now_signed("5Q")
    with by.receive(request.body, request.headers):
        redis.now += replay.LEASE + 1
    redis.now += receiver.WINDOW - 1
    with pytest.raises(WebhookRepeated):
        by.receive(request.body, request.headers).__enter__()


def test_the_settings_of_the_page_are_settings() -> None:
    (block,) = re.findall(r"^ *```yaml\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    (orders,) = YAML(typ="safe").load(block)["klaviyo-access:webhooks"].values()
    assert with_webhook("prod", orders).webhooks["orders"].receivers == ("app-api",)


def test_the_numbers_of_the_page_are_the_codes() -> None:
    said = [
        f"lies readable for {webhook_change.PUBLISHED_FOR:.0f} seconds",
        f"none in the {store.HOLD_OFF:.0f} seconds after it",
        f"tells a forgery from a new secret for {store.TELLS_FORGED:.0f} seconds",
        f"may be {receiver.WINDOW / 3600:.0f} hours old, or {receiver.AHEAD / 60:.0f} minutes ahead",
        f"up to {replay.CAPACITY:,} of them",
        f"over {receiver.LARGEST_BODY // 2**20} MiB",
        f"random secret of {len(webhook_rotator.make_secret().reveal())} characters",
    ]
    page = " ".join(PAGE.split())
    assert [sentence for sentence in said if sentence not in page] == []
    assert (store.REFRESH_EVERY, store.STALE_AFTER) == (3600, 24 * 3600)
