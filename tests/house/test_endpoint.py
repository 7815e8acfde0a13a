"""Where keys may be sent."""

import pytest

from klaviyo_access.endpoint import is_loopback, is_safe


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.klaviyo.com", True),
        ("http://127.0.0.1:4567", True),
        ("http://[::1]:4567", True),
        ("http://localhost:4567", True),
        ("http://a.klaviyo.com", False),
        ("http://127.0.0.1.evil.test", False),
        ("https://a.klaviyo.com/api", False),
        ("https://a.klaviyo.com?x=1", False),
        ("https://user:pw@a.klaviyo.com", False),
        ("https://a.klaviyo.com\n", False),
        ("https://a.klaviyo.com\r\nX: y", False),
        ("https://", False),
        ("https://a.klaviyo.com:port", False),
        ("https://[", False),
        ("ftp://127.0.0.1", False),
        ("", False),
    ],
)
def test_a_key_travels_by_https_or_stays_on_this_machine(url: str, safe: bool) -> None:
    assert is_safe(url) is safe


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.8.9.10", True),
        ("https://localhost", True),
        ("http://[::1]", True),
        ("http://10.0.0.1", False),
        ("https://secretsmanager.eu-west-1.amazonaws.com", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback
