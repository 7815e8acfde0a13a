"""The values that secrets hold: what is believed of a staged one, and the bytes of a promoted one."""

import json
import re
from typing import Final

from klaviyo_access.keys.secret import KEY_PATTERN, Key, MalformedKeyError
from rotation.settings import Settings

_KEY_ANYWHERE: Final = re.compile(rf"{KEY_PATTERN.pattern}(?![A-Za-z0-9_])")
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


def read_key(value: str) -> Key:
    """The key in a value. Of a value only ``apiKey`` is believed, and only in a key's exact form.

    Args:
        value: the SecretString, as staged by an operator or put by this rotator.

    Raises:
        MalformedKeyError: there is no key in it; the text quotes nothing of the value.
    """
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        raise MalformedKeyError("The value is not JSON.") from None
    key = document.get("apiKey") if isinstance(document, dict) else None
    if not isinstance(key, str):
        raise MalformedKeyError("The value has no text under 'apiKey'.")
    return Key(key)


def find_key(value: str) -> Key | None:
    """The one key in a value of any form, for keys that are adopted or disabled, never for promotion."""
    found = find_keys(value)
    return found[0] if len(found) == 1 else None


def find_keys(value: str) -> tuple[Key, ...]:
    """Every key that can be read in a value of any form: all of them are to be dead before it is let go.

    Letters that JSON escapes (``\\u0070`` for p) are read too.
    """
    unescaped = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), value)
    texts = {match.group() for text in (value, unescaped) for match in _KEY_ANYWHERE.finditer(text)}
    return tuple(Key(text) for text in sorted(texts))


def promoted_value(key: Key, settings: Settings) -> str:
    """What services read: AWS's form for an API key, with what this project adds.

    The bytes depend on the key and the settings alone, so that a retry puts the same ones.
    """
    document = {
        "apiKey": key.reveal(),
        "endpoint": settings.klaviyo_url,
        "fingerprint": key.fingerprint,
        "provider": "klaviyo",
        "role": settings.role,
        "scopes": list(settings.scopes),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
