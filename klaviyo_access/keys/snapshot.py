"""A key as it was fetched, with what its rotator wrote beside it."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from klaviyo_access.endpoint import KLAVIYO_URL, RULE, is_safe
from klaviyo_access.keys.secret import Key, MalformedKeyError, describe_malformed

FRESH_FOR: Final = 900.0
"""Seconds for which a key needs not be fetched anew; about three thousand calls a month for one process."""

_NO_OBJECT: Final = "is no JSON object"


class KeySnapshot(NamedTuple):
    """One role's key at one moment; nothing in it changes, and nothing shows the key.

    Attributes:
        role: the role that owns the key.
        key: the key, which prints as its last four characters and its fingerprint.
        scopes: the scopes that the rotator proved or was told, sorted; empty where the value names none.
        endpoint: Klaviyo's base URL, without a slash at its end.
        version_id: the secret's version.
        fetched_at: seconds since the epoch.
        fresh_for: seconds for which its source advises not to ask again.
    """

    role: str
    key: Key
    scopes: tuple[str, ...]
    endpoint: str
    version_id: str
    fetched_at: float
    fresh_for: float = FRESH_FOR

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as labels and audit entries name it."""
        return self.key.fingerprint


def read_value(
    text: str, *, role: str, version_id: str, fetched_at: float, fresh_for: float = FRESH_FOR
) -> KeySnapshot | str:
    """Read a secret's value, as the rotator writes it.

    Returns the snapshot, or what is wrong with the value as the end of a sentence. Nothing is raised here, because an
    exception would carry this frame, and with it the value, into whatever prints tracebacks with their variables.
    """
    value = _json_object(text)
    if value is None:
        return _NO_OBJECT
    owner = value.get("role", role)
    if owner != role:
        return f"holds the key of role {owner!r}"
    endpoint = str(value.get("endpoint") or KLAVIYO_URL).rstrip("/")
    if not is_safe(endpoint):
        return f"names an endpoint that is not {RULE}"
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
        fresh_for=fresh_for,
    )


def read_injected(
    text: str, *, role: str, environ: Mapping[str, str], fetched_at: float, fresh_for: float
) -> KeySnapshot | str:
    """Read what a platform hands over: the secret's value, or a bare key, with or without white space around it.

    A bare key names no endpoint: it is for ``KLAVIYO_URL`` of ``environ``, without that for Klaviyo itself. Returns as
    ``read_value`` does, and for the same reason.
    """
    text = text.strip()
    if _key(text):
        text = json.dumps({"apiKey": text, "endpoint": environ.get("KLAVIYO_URL")})
    found = read_value(text, role=role, version_id="", fetched_at=fetched_at, fresh_for=fresh_for)
    if found == _NO_OBJECT:
        return f"is neither a JSON object nor a key. {describe_malformed(text).rstrip('.')}"
    return found


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
