"""What services test with: the page's own tests pass, and importing it needs the standard library alone."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.errors import WebhookRefused, WebhookRepeated
from klaviyo_access.testing import WEBHOOK_ID, FixedKey, made_up_key, signed_delivery
from klaviyo_access.webhooks import SigningSecret, WebhookEvent, WebhookReceiver

PROJECT = Path(__file__).parents[2]
(PAGE,) = re.findall(r"^```py\n(.*?)^```$", (PROJECT / "docs" / "testing.md").read_text("utf-8"), re.M | re.S)
TESTS = re.findall(r"^def (test_\w+)", PAGE, re.M)
PROGRAM = f"import sys; sys.path.append({str(PROJECT)!r}); import klaviyo_access.testing"  # without site-packages
SECRET = SigningSecret("a secret of this test")
PLACED = WebhookEvent(id="5Q", topic="event:klaviyo.placed_order", payload={"data": {}})


@pytest.mark.parametrize("name", TESTS)
def test_the_tests_of_the_page_pass(name: str, tmp_path: Path) -> None:
    defined: dict[str, Any] = {"__name__": __name__}
    exec(compile(PAGE, "docs/testing.md", "exec"), defined)  # noqa: S102 - the page's own snippet
    test: Callable[..., None] = defined[name]
    test(*[tmp_path / "spool"] if "spool" in test.__annotations__ else [])


def test_a_delivery_is_of_the_webhook_the_account_and_the_time_that_the_test_names() -> None:
    sent_at = datetime(2026, 1, 2, 12, tzinfo=UTC)
    request = signed_delivery(SECRET, [PLACED], account_id="AbC123", sent_at=sent_at)
    receiver = WebhookReceiver([SECRET], webhook_id=WEBHOOK_ID, clock=sent_at.timestamp)
    with receiver.receive(request.body, request.headers) as delivery:
        assert (delivery.account_id, delivery.sent_at) == ("AbC123", sent_at)
    with pytest.raises(WebhookRepeated):
        receiver.receive(request.body, request.headers).__enter__()


def test_a_delivery_is_signed_with_its_own_secret_and_for_its_own_webhook() -> None:
    others = [signed_delivery(SigningSecret("another secret of it"), []), signed_delivery(SECRET, [], webhook_id="x")]
    for request in others:
        with pytest.raises(WebhookRefused):
            WebhookReceiver([SECRET], webhook_id=WEBHOOK_ID).receive(request.body, request.headers).__enter__()


def test_keys_are_never_the_same_and_go_where_the_test_says() -> None:
    assert made_up_key() != made_up_key()
    assert FixedKey("viewer", endpoint="http://127.0.0.1:1").fetch().endpoint == "http://127.0.0.1:1"


def test_importing_it_needs_the_standard_library_alone() -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", PROGRAM], check=True)
