"""Pseudonyms: personal data in entries replaced by a keyed hash, so that only the key's holder can tell who it was."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

from klaviyo_access.audit.entry import TEXT_FIELDS
from klaviyo_access.hidden import Hidden

SHORTEST_KEY: Final = 32
"""Bytes of key; SHA-256 makes no use of fewer (RFC 2104, section 3)."""

PERSONAL_FIELDS: Final = ("user_id", "ip_address")


class PseudonymKey(Hidden[bytes]):
    """The key of pseudonyms, which no repr, log line, pickle or traceback can show.

    Args:
        secret: random bytes, at least 32, the same in every process whose entries shall be comparable.

    Raises:
        ValueError: ``secret`` is shorter.
    """

    __slots__ = ("id",)

    id: str
    """8 hex digits that name the key, so that entries tell which key made their pseudonyms."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SHORTEST_KEY:
            raise ValueError(
                f"A pseudonym key has at least {SHORTEST_KEY} bytes, because a shorter one can be found by trying; "
                f"given: {len(secret)} bytes. Make one with secrets.token_bytes({SHORTEST_KEY})."
            )
        super().__init__(bytes(secret))
        self.id = hashlib.sha256(b"id of a pseudonym key:" + self.reveal()).hexdigest()[:8]

    def pseudonym(self, value: str) -> str:
        """The pseudonym of ``value``: the key's id and 32 hex digits of the HMAC-SHA256.

        The same value has the same pseudonym in every field, so that entries of one person can be put together, and
        whoever holds the key can look for somebody by name.
        """
        digest = hmac.new(self.reveal(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"{self.id}:{digest[:32]}"

    def __repr__(self) -> str:
        return f"PseudonymKey({self.id})"


class Pseudonyms:
    """Which fields of an entry are replaced, and by which key.

    Args:
        key: the key.
        fields: names of text fields of `AuditEntry`, or ``metadata.<name>`` for one of its metadata.

    Raises:
        ValueError: a name is neither.
    """

    def __init__(self, key: PseudonymKey, *, fields: tuple[str, ...] = PERSONAL_FIELDS) -> None:
        for name in fields:
            if name not in TEXT_FIELDS and not name.startswith("metadata."):
                raise ValueError(
                    "A pseudonym replaces a text field of an entry or one of its metadata; given: "
                    f"{name!r}. Use one of {', '.join(TEXT_FIELDS)}, or metadata.<name>."
                )
        self._key = key
        self._fields = tuple(name for name in fields if name in TEXT_FIELDS)
        self._metadata = tuple(name.removeprefix("metadata.") for name in fields if name not in TEXT_FIELDS)

    def applied(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """``document``, an entry's plain values, with pseudonyms; what is empty stays empty."""
        replaced = {name: self._key.pseudonym(document[name]) for name in self._fields if document[name]}
        metadata = document["metadata"]
        hidden = {
            name: self._key.pseudonym(str(metadata[name]))
            for name in self._metadata
            if metadata.get(name) not in (None, "")
        }
        return {**document, **replaced, "metadata": {**metadata, **hidden}}
