"""Where keys may be sent: https, or http on this machine. Standard library only; every room may ask."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

KLAVIYO_URL: Final = "https://a.klaviyo.com"
"""Base URL of Klaviyo's API."""

RULE: Final = "https://HOST, or http:// on a loopback address, without path, query or credentials"


def is_loopback(url: str) -> bool:
    """Whether ``url``'s host is this machine: 127.0.0.0/8, ::1 or localhost."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe(url: str) -> bool:
    """Whether a key may travel to ``url`` in a header; a slash at its end is left out before."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    printable = url.isascii() and url.isprintable() and " " not in url
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
    return bool(parts.hostname) and has_port and plain and printable and safe
