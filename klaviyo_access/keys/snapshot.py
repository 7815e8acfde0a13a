"""A key as it was fetched, with what its rotator wrote beside it."""

import json
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from klaviyo_access.keys.secret import Key, MalformedKeyError

KLAVIYO_URL: Final = "https://a.klaviyo.com"


@dataclass(frozen=True, kw_only=True)
class KeySnapshot:
    """One role's key at one moment; nothing in it changes, and nothing shows the key.

    Attributes:
        role: the role that owns the key.
        key: the key, which prints as its last four characters and its fingerprint.
        scopes: the scopes that the rotator proved or was told, sorted; empty where the value names none.
        endpoint: Klaviyo's base URL, without a slash at its end.
        version_id: the secret's version.
        fetched_at: seconds since the epoch.
    """

    role: str
    key: Key
    scopes: tuple[str, ...]
    endpoint: str
    version_id: str
    fetched_at: float

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as labels and audit entries name it."""
        return self.key.fingerprint


def read_value(text: str, *, role: str, version_id: str, fetched_at: float) -> KeySnapshot | str:
    """Read a secret's value, as the rotator writes it.

    Returns the snapshot, or what is wrong with the value as the end of a sentence. Nothing is raised here, because an
    exception would carry this frame, and with it the value, into whatever prints tracebacks with their variables.
    """
    value = _json_object(text)
    if value is None:
        return "is no JSON object"
    owner = value.get("role", role)
    if owner != role:
        return f"holds the key of role {owner!r}"
    endpoint = str(value.get("endpoint") or KLAVIYO_URL).rstrip("/")
    if not _is_safe(endpoint):
        return "names an endpoint that is neither https nor on a loopback address, where the key would travel in clear"
    if (key := _key(value.get("apiKey"))) is None:
        return "has no 'apiKey' of the form of a Klaviyo private key"
    scopes = value.get("scopes")
    return KeySnapshot(
        role=role,
        key=key,
        scopes=tuple(sorted(map(str, scopes))) if isinstance(scopes, list) else (),
        endpoint=endpoint,
        version_id=version_id,
        fetched_at=fetched_at,
    )


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _key(value: object) -> Key | None:
    try:
        return Key(value) if isinstance(value, str) else None
    except MalformedKeyError:
        return None


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        loopback = parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = False
    return url.startswith("https://") or (url.startswith("http://") and loopback)
