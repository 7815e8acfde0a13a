"""The chain: each entry carries the hash of the one before, and anchors say how far a chain had come.

A line is the canonical JSON of ``entry``, ``hash``, ``previous``, ``sequence``, ``stream`` and ``suspicious``; ``hash``
is the SHA-256 of the same without ``hash``. So a line that is changed no longer fits its own hash, and one that is
replaced, removed or moved no longer fits its neighbours. Only the end can be cut off unseen: there an anchor stands.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from klaviyo_access.audit.entry import canonical

NO_PREVIOUS: Final = "0" * 64
"""What the first entry of a chain has for ``previous``."""

_STREAM: Final = re.compile(r"[a-z][a-z0-9-]{0,39}/[0-9a-f]{16}")
_LARGEST: Final = 2**63
_LINK_KEYS: Final = {"entry", "hash", "previous", "sequence", "stream", "suspicious"}
_ANCHOR_KEYS: Final = {"closed", "hash", "sequence", "stream", "timestamp"}


@dataclass(frozen=True, kw_only=True)
class Link:
    """One line of a chain.

    Attributes:
        stream: the process that wrote it: the service's name and 16 hex digits.
        sequence: its place in the chain, from 0.
        previous: hash of the line before.
        hash: its own hash, as it states it.
        entry: the audit entry's plain values.
        suspicious: the names of the suspicions that it meets.
    """

    stream: str
    sequence: int
    previous: str
    hash: str
    entry: Mapping[str, Any]
    suspicious: tuple[str, ...]

    @property
    def true_hash(self) -> str:
        """The hash that its content has."""
        body = {
            "entry": self.entry,
            "previous": self.previous,
            "sequence": self.sequence,
            "stream": self.stream,
            "suspicious": self.suspicious,
        }
        return _sha256(canonical(body))


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """How far a chain had come at some time: its newest line's place and hash.

    Attributes:
        stream: the chain.
        sequence: place of the newest line.
        hash: its hash.
        closed: whether the process wrote nothing after it.
        timestamp: when it was anchored, seconds since the epoch.
    """

    stream: str
    sequence: int
    hash: str
    closed: bool
    timestamp: float

    def line(self) -> str:
        """The anchor as a line."""
        return canonical({"anchor": {name: getattr(self, name) for name in _ANCHOR_KEYS}})


class Chain:
    """The chain that one process writes.

    Args:
        stream: its name, which no other chain has.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.length = 0
        self._head = NO_PREVIOUS

    def append(self, document: Mapping[str, Any], suspicious: Sequence[str] = ()) -> str:
        """Chain the next entry, given as plain values, and return its line without the line's end."""
        body = {
            "entry": document,
            "previous": self._head,
            "sequence": self.length,
            "stream": self.stream,
            "suspicious": suspicious,
        }
        self._head = _sha256(canonical(body))
        self.length += 1
        return canonical(body | {"hash": self._head})


def parse_link(line: str) -> Link | None:
    """Read a line of a chain; None unless it has exactly the form in which `Chain` writes it."""
    document = _parse(line)
    if document is None or document.keys() != _LINK_KEYS or not _names_a_place(document):
        return None
    stream, sequence, entry, suspicious = (document[key] for key in ("stream", "sequence", "entry", "suspicious"))
    hashes = document["previous"], document["hash"]
    if not (all(isinstance(text, str) for text in hashes) and isinstance(entry, dict) and isinstance(suspicious, list)):
        return None
    return Link(
        stream=stream,
        sequence=sequence,
        previous=hashes[0],
        hash=hashes[1],
        entry=entry,
        suspicious=tuple(suspicious),
    )


def parse_anchor(line: str) -> Anchor | None:
    """Read an anchor's line; None unless it has exactly the form in which anchors are written."""
    document = _parse(line)
    if document is None or document.keys() != {"anchor"}:
        return None
    fields = document["anchor"]
    if not isinstance(fields, dict) or fields.keys() != _ANCHOR_KEYS or not _names_a_place(fields):
        return None
    kinds = {"hash": str, "closed": bool, "timestamp": float}
    return Anchor(**fields) if all(type(fields[name]) is kind for name, kind in kinds.items()) else None


def _parse(line: str) -> dict[str, Any] | None:
    """The object that ``line`` holds; None unless it stands there in its canonical form, which has finite numbers."""
    try:
        document = json.loads(line)
        is_canonical = canonical(document) == line
    except (ValueError, RecursionError):
        return None
    return document if is_canonical and isinstance(document, dict) else None


def _names_a_place(fields: Mapping[str, Any]) -> bool:
    stream, sequence = fields["stream"], fields["sequence"]
    is_stream = isinstance(stream, str) and _STREAM.fullmatch(stream) is not None
    return is_stream and type(sequence) is int and 0 <= sequence < _LARGEST


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
