"""The rotator's settings, read from its environment variables."""

from datetime import timedelta

import pytest

from rotation.errors import SettingsError
from rotation.settings import Settings

GOOD = {
    "KEY_SECRET_ARN": "arn:key",
    "RESERVE_SECRET_ARN": "arn:reserve",
    "ROLE": "viewer",
    "SCOPES": "lists:read,accounts:read,data-privacy:write",
    "KLAVIYO_URL": "https://a.klaviyo.com",
    "KLAVIYO_REVISION": "2026-10-15",
    "KLAVIYO_ACCOUNT_ID": "XyZ123",
    "GRACE_SECONDS": "86400",
    "REQUIRE_PROOF": "available",
    "WRITE_PROBES": "true",
}


def test_settings_are_read_as_deployed_with_sorted_scopes() -> None:
    assert Settings.of(GOOD) == Settings(
        key_secret_arn="arn:key",
        reserve_secret_arn="arn:reserve",
        role="viewer",
        scopes=("accounts:read", "data-privacy:write", "lists:read"),
        klaviyo_url="https://a.klaviyo.com",
        klaviyo_revision="2026-10-15",
        klaviyo_account_id="XyZ123",
        grace=timedelta(days=1),
        require_proof="available",
        write_probes=True,
    )


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"KLAVIYO_ACCOUNT_ID", "WRITE_PROBES"}))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.of(GOOD | {name: ""})


def test_the_account_may_be_left_open() -> None:
    assert Settings.of(GOOD | {"KLAVIYO_ACCOUNT_ID": ""}).klaviyo_account_id == ""


def test_write_probes_are_off_unless_deployed_otherwise() -> None:
    without = {name: value for name, value in GOOD.items() if name != "WRITE_PROBES"}

    assert Settings.of(without).write_probes is False
    assert Settings.of(GOOD | {"WRITE_PROBES": "false"}).write_probes is False


@pytest.mark.parametrize(
    "url", ["https://a.klaviyo.com", "http://127.0.0.1:4567", "http://[::1]:4567", "http://localhost:1"]
)
def test_keys_are_sent_over_tls_or_on_this_machine(url: str) -> None:
    assert Settings.of(GOOD | {"KLAVIYO_URL": url}).klaviyo_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KLAVIYO_URL", "http://a.klaviyo.com"),
        ("KLAVIYO_URL", "http://127.0.0.1.evil.test"),
        ("KLAVIYO_URL", "https://a.klaviyo.com/"),
        ("KLAVIYO_URL", "https://user:password@a.klaviyo.com"),
        ("KLAVIYO_URL", "ftp://a.klaviyo.com"),
        ("KLAVIYO_URL", "https://"),
        ("SCOPES", "accounts:read,lists"),
        ("SCOPES", "accounts:read, lists:read"),
        ("SCOPES", "lists:read"),
        ("REQUIRE_PROOF", "none"),
        ("WRITE_PROBES", "yes"),
        ("WRITE_PROBES", ""),
        ("GRACE_SECONDS", "0"),
        ("GRACE_SECONDS", "-1"),
        ("GRACE_SECONDS", "1 day"),
        ("GRACE_SECONDS", "86400.5"),
    ],
)
def test_a_wrong_variable_is_named_with_its_rule(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        Settings.of(GOOD | {name: value})

    assert "password" not in str(refused.value)
