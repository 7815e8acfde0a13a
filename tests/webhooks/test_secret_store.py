"""The receiver's secrets: read at once, by age, and when a signature fits none; forgers cause few readings."""

import threading
from dataclasses import dataclass, field

import pytest

from klaviyo_access.errors import WebhookRefused, WebhookSecretsNotConfigured, WebhookSecretsUnavailable
from klaviyo_access.webhooks import SigningSecret, WebhookReceiver, WebhookSecrets
from klaviyo_access.webhooks.secrets_manager import locate
from klaviyo_access.webhooks.store import HOLD_OFF, REFRESH_EVERY, STALE_AFTER, TELLS_FORGED
from rotation.webhooks.change import PUBLISHED_FOR
from tests.webhooks.signed_requests import SECRET, Clock, Versions, signed

OLD, NEW = "the-old-secret-of-16", "the-new-secret-of-16"


class Receiver:
    """A receiver over secrets that the test changes, on a clock that it sets."""

    def __init__(self, versions: Versions | None = None) -> None:
        self.versions = versions or Versions([OLD])
        self.clock = Clock()
        self.secrets = WebhookSecrets(versions=self.versions, clock=self.clock)
        self.receiver = WebhookReceiver(self.secrets, clock=Clock())
        self.number = 0

    def accepts(self, secret: str) -> bool:
        self.number += 1
        request = signed(secret=secret, timestamp=f"request {self.number}")
        try:
            with self.receiver.receive(request.body, request.headers):
                return True
        except WebhookRefused:
            return False


@pytest.fixture
def by() -> Receiver:
    return Receiver()


def test_a_new_secret_is_found_when_a_signature_fits_no_known_one(by: Receiver) -> None:
    by.versions.secrets = [OLD, NEW]
    by.clock.now += HOLD_OFF
    assert (by.accepts(NEW), by.accepts(OLD), by.versions.readings) == (True, True, 2)


def test_forgers_cause_one_reading_in_each_hold_off(by: Receiver) -> None:
    by.clock.now += HOLD_OFF
    refused = [by.accepts(SECRET) for _ in range(50)]
    assert (any(refused), by.versions.readings) == (False, 2)
    by.clock.now += HOLD_OFF
    assert (by.accepts(SECRET), by.versions.readings) == (False, 3)


def test_known_secrets_cause_no_reading(by: Receiver) -> None:
    assert all(by.accepts(OLD) for _ in range(10))
    assert by.versions.readings == 1


def test_a_retired_secret_is_refused_once_the_secrets_are_an_hour_old(by: Receiver) -> None:
    by.versions.secrets = [NEW]
    assert by.accepts(OLD)
    by.clock.now += REFRESH_EVERY + 1
    assert (by.accepts(OLD), by.versions.readings) == (False, 2)


def test_known_secrets_serve_for_a_day_while_aws_is_down_and_then_no_more(by: Receiver) -> None:
    by.versions.down = True
    by.clock.now += STALE_AFTER - 1
    assert by.accepts(OLD)
    by.clock.now += 2
    with pytest.raises(WebhookSecretsUnavailable):
        by.accepts(OLD)


def test_an_unknown_signature_is_not_called_forged_while_aws_is_down(by: Receiver) -> None:
    by.versions.down = True
    by.clock.now += HOLD_OFF
    for _ in range(3):
        with pytest.raises(WebhookSecretsUnavailable):
            by.accepts(NEW)
    assert by.versions.readings == 2
    by.versions.down, by.versions.secrets = False, [NEW]
    by.clock.now += HOLD_OFF
    assert by.accepts(NEW)


def test_a_store_says_at_once_that_there_is_nothing_to_verify_with() -> None:
    with pytest.raises(WebhookSecretsUnavailable, match="AWS is down"):
        WebhookSecrets(versions=Versions(down=True))


@dataclass
class HangingVersions(Versions):
    """Secrets whose next reading takes until ``answered``."""

    hanging: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)

    def fetch(self) -> tuple[SigningSecret, ...]:
        if self.readings:
            self.hanging.set()
            assert self.answered.wait(timeout=20)
        return super().fetch()


def test_while_aws_hangs_one_thread_waits_for_it_and_nobody_else() -> None:
    by = Receiver(versions := HangingVersions([OLD]))
    versions.secrets = [NEW, OLD]
    by.clock.now += HOLD_OFF
    found: list[bool] = []
    first = threading.Thread(target=lambda: found.append(by.accepts(NEW)))
    first.start()
    assert versions.hanging.wait(timeout=20)
    assert by.accepts(OLD)
    for _ in range(3):
        with pytest.raises(WebhookSecretsUnavailable, match="sends the delivery again"):
            by.accepts(NEW)
    by.clock.now += STALE_AFTER + 1
    with pytest.raises(WebhookSecretsUnavailable, match="sends the delivery again"):
        by.accepts(OLD)
    versions.answered.set()
    first.join()
    by.clock.now += HOLD_OFF
    assert (found, by.accepts(NEW), by.accepts(OLD), by.versions.readings) == ([True], True, True, 3)


class SlowVersions(Versions):
    """Secrets whose every reading but the first takes as many seconds as ``seconds`` says."""

    def __init__(self, clock: Clock, *, seconds: float) -> None:
        super().__init__([OLD])
        self.clock, self.seconds = clock, seconds

    def fetch(self) -> tuple[SigningSecret, ...]:
        found = super().fetch()
        self.clock.now += self.seconds if self.readings > 1 else 0
        return found


def test_a_slow_reading_is_followed_by_a_whole_hold_off() -> None:
    by = Receiver()
    by.secrets = WebhookSecrets(versions=(slow := SlowVersions(by.clock, seconds=8)), clock=by.clock)
    by.receiver = WebhookReceiver(by.secrets, clock=Clock())
    by.clock.now += HOLD_OFF
    assert [by.accepts(SECRET), by.accepts(SECRET)] == [False, False]
    by.clock.now += HOLD_OFF - 0.1
    assert (by.accepts(SECRET), slow.readings) == (False, 2)
    by.clock.now += 0.1
    assert (by.accepts(SECRET), slow.readings) == (False, 3)


def test_after_too_slow_a_reading_an_unknown_signature_is_not_called_forged() -> None:
    by = Receiver()
    by.secrets = WebhookSecrets(versions=SlowVersions(by.clock, seconds=TELLS_FORGED), clock=by.clock)
    by.receiver = WebhookReceiver(by.secrets, clock=Clock())
    by.clock.now += HOLD_OFF
    assert not by.accepts(NEW)
    by.clock.now += 0.1
    with pytest.raises(WebhookSecretsUnavailable, match="sends the delivery again"):
        by.accepts(NEW)
    assert TELLS_FORGED < PUBLISHED_FOR


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "KLAVIYO_ACCESS_WEBHOOK and KLAVIYO_ACCESS_ENVIRONMENT"),
        ({"KLAVIYO_ACCESS_WEBHOOK": "orders"}, "set KLAVIYO_ACCESS_ENVIRONMENT"),
        ({"KLAVIYO_ACCESS_ENVIRONMENT": "dev"}, "set KLAVIYO_ACCESS_WEBHOOK"),
    ],
)
def test_what_is_not_named_is_named_in_the_error(environ: dict[str, str], named: str) -> None:
    with pytest.raises(WebhookSecretsNotConfigured, match=named):
        locate(environ=environ)


def test_a_secret_is_found_by_webhook_and_environment_or_by_its_arn() -> None:
    environ = {"KLAVIYO_ACCESS_ENVIRONMENT": "dev", "AWS_REGION": "eu-west-1"}
    arn = "arn:aws:secretsmanager:eu-north-1:1:secret:x"
    assert locate("orders", environ=environ).secret_id == "klaviyo/dev/orders/webhook"
    assert locate("orders", environ=environ).region == "eu-west-1"
    assert locate(secret_id=arn, environ=environ).region == "eu-north-1"
