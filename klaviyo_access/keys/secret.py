"""The key itself: a type that shows nothing, its format and its fingerprint.

Standard library only, since the rotator's bundle carries this module.
"""

import re
from typing import Final

from klaviyo_access.hidden import Hidden, fingerprint

__all__ = ["KEY_PATTERN", "Key", "MalformedKeyError", "describe_malformed", "fingerprint"]

KEY_PATTERN: Final = re.compile(r"pk_(?:[A-Za-z0-9]{6}_)?[0-9a-f]{34}")
"""Klaviyo's private keys: ``pk_``, since 2026 the company id, then 34 lowercase hex digits."""


class MalformedKeyError(ValueError):
    """What was given is no Klaviyo private key. The message never quotes it."""


class Key(Hidden[str]):
    """A Klaviyo private API key that no repr, log line, pickle or traceback can show.

    Args:
        value: the key as Klaviyo's dashboard showed it, without white space around it.

    Raises:
        MalformedKeyError: ``value`` has not the form of a private key.
    """

    __slots__ = ("__fingerprint",)

    def __init__(self, value: str) -> None:
        if not KEY_PATTERN.fullmatch(value):
            raise MalformedKeyError(describe_malformed(value))
        super().__init__(value)
        self.__fingerprint = fingerprint(value)

    @property
    def fingerprint(self) -> str:
        """The first 12 hex digits of the key's SHA-256, by which labels and audit entries name it."""
        return self.__fingerprint

    def __repr__(self) -> str:
        return f"pk_…{self.reveal()[-4:]} ({self.fingerprint})"


def describe_malformed(value: str) -> str:
    """Say what is wrong with ``value`` as a key, without quoting any of it."""
    rule = "A Klaviyo private key is 'pk_', optionally the 6-character company id and '_', then 34 lowercase hex digits"
    if not value:
        return f"{rule}; nothing was given."
    if value != value.strip():
        return f"{rule}; what was given has white space or a newline around it: copy it again without."
    if re.fullmatch(r"[A-Za-z0-9]{6}", value):
        return f"{rule}; what was given looks like the public key (site id): create a private key instead."
    if not value.startswith("pk_"):
        return f"{rule}; what was given ({len(value)} characters) does not start with 'pk_'."
    return f"{rule}; what was given has {len(value)} characters in another form: copy the whole key again."
