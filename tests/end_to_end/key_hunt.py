"""Finds keys in texts: whole or in part, as they are or encoded, in whatever encoding stands within another."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

PART: Final = 12
"""Characters in a row of a key's secret digits that are a find; its last 4 are shown by design, its fingerprint is no
part of it."""

_DIGITS: Final = re.compile(rf"[0-9a-f]{{{PART},}}")
_ESCAPE: Final = re.compile(r"\\+(?:u00|U000000|x)([0-9a-fA-F]{2})")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_BASE16: Final = re.compile(r"(?:[0-9a-fA-F]{2}){12,}")


class Hunt:
    """Looks for keys.

    Args:
        keys: each by a name that failures may show.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._parts = {part: name for name, key in keys.items() for part in _parts(key[-34:])}

    def find(self, text: str) -> set[str]:
        """The names of the keys that are in a text."""
        return {
            self._parts[part]
            for shown in _unwrapped(text)
            for digits in _DIGITS.findall(shown.lower())
            for part in _parts(digits)
            if part in self._parts
        }


def _parts(digits: str) -> Iterator[str]:
    return (digits[start : start + PART] for start in range(len(digits) - PART + 1))


def _unwrapped(text: str) -> Iterator[str]:
    """A text, and what it is once its encodings are taken off; what is found in base64 is looked at once more."""
    for plain in dict.fromkeys(_decoded(text)):
        yield plain
        for inner in _in_base64(plain):
            yield from dict.fromkeys(_decoded(inner))
            yield from _in_base64(inner)


def _decoded(text: str) -> Iterable[str]:
    unescaped = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    return text, unescaped, unquote(text), _from_base16(text)


def _from_base16(text: str) -> str:
    return "\n".join(bytes.fromhex(digits).decode("latin-1") for digits in _BASE16.findall(text))


def _in_base64(text: str) -> Iterator[str]:
    """What runs of base64, of either alphabet, stand for, wherever in them it starts."""
    runs = _BASE64.findall(text.translate(str.maketrans("-_", "+/")))
    for start in range(4):
        yield "\n".join(_from_base64(run[start:]) for run in runs)


def _from_base64(run: str) -> str:
    try:
        return base64.b64decode(run[: len(run) // 4 * 4]).decode("latin-1")
    except binascii.Error:
        return ""
