"""The webhook rotator's entry: what it logs, what leaves it, and what it takes from its environment."""

import json

import pytest

from rotation.errors import EventRefusedError, RotatorFailedError, SettingsError
from rotation.webhooks import rotator as webhook_rotator
from rotation.webhooks.rotator import handler, make_secret
from rotation.webhooks.settings import WebhookSettings
from tests.webhooks.webhook_world import WebhookWorld

VARIABLES = {
    "WEBHOOK": "orders",
    "WEBHOOK_ID": "01KWEBHOOK0000000000000001",
    "WEBHOOK_SECRET_ARN": "arn:webhook",
    "KEY_SECRET_ARN": "arn:key",
    "KLAVIYO_URL": "https://klaviyo.test",
    "KLAVIYO_REVISION": "2026-10-15",
}


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> WebhookWorld:
    """A world in which the handler itself is the rotation's function."""
    world = WebhookWorld()
    variables = VARIABLES | {"WEBHOOK_SECRET_ARN": world.secret_arn, "KEY_SECRET_ARN": world.key_arn}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(webhook_rotator, "secrets_manager", lambda: world.client)
    monkeypatch.setattr(webhook_rotator, "send", world.klaviyo)
    monkeypatch.setattr("time.sleep", world.slept.append)
    monkeypatch.setattr(world, "invoke", lambda event: handler(event, Context()))
    return world


def test_each_step_writes_one_line_of_json_without_a_secret(
    world: WebhookWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.rotate()
    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["webhook"], line["action"], line["outcome"]) for line in lines] == [
        ("orders", "createSecret", "created"),
        ("orders", "setSecret", "taken by Klaviyo"),
        ("orders", "testSecret", "nothing to ask"),
        ("orders", "finishSecret", "already current"),
    ]
    assert world.klaviyo.secret not in out
    assert world.klaviyo.key not in out


def test_an_unforeseen_error_leaves_as_its_kind_alone(world: WebhookWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError(world.klaviyo.key)

    monkeypatch.setattr(webhook_rotator, "secrets_manager", broken)
    event = {"Step": "testSecret", "SecretId": world.secret_arn, "ClientRequestToken": "0" * 32}
    with pytest.raises(RotatorFailedError) as failed:
        handler(event, Context())
    assert world.klaviyo.key not in f"{failed.value!r} {failed.value}"


def test_a_refused_event_is_logged_and_raised(world: WebhookWorld, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EventRefusedError):
        handler({"action": "steal"}, Context())
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["error"], line["webhook"]) == ("ERROR", "EventRefusedError", "orders")


def test_new_secrets_are_long_random_and_fit_a_header() -> None:
    made = {make_secret().reveal() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {64}
    assert all(secret.isascii() and secret.isprintable() for secret in made)


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        WebhookSettings.of({key: value for key, value in VARIABLES.items() if key != name})


@pytest.mark.parametrize(
    "change",
    [{"WEBHOOK_ID": "../accounts"}, {"WEBHOOK_ID": "a b"}, {"KLAVIYO_URL": "http://klaviyo.test"}],
)
def test_a_variable_that_is_wrong_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        WebhookSettings.of(VARIABLES | change)
