"""What the auditor writes into the names of Klaviyo's list, which are free labels: whose an entry is, and how it ended.

A mark is ``[<fingerprint>-<last four characters>]``, and once its key was disabled ``[… ended]`` or ``[… leaked]``. It
holds for the entry alone that ends so: Klaviyo's clone of a key keeps the name, and has other characters.
``[not <fingerprint>]`` stands on a look-alike that was taken for that key once.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

_MARK: Final = re.compile(r" ?\[([0-9a-f]{12})-([0-9a-f]{4})(?: (ended|leaked))?\]")
_NOT: Final = re.compile(r"\[not ([0-9a-f]{12})\]")


class End(StrEnum):
    """How a key came to its end."""

    ENDED = "ended"
    LEAKED = "leaked"
    """For good: whatever is done with the key later, its mark says so."""


class Mark(NamedTuple):
    """A mark in a name.

    Attributes:
        fingerprint: of the key.
        ends_with: its last four characters.
        end: how it ended, if it did.
    """

    fingerprint: str
    ends_with: str
    end: End | None = None

    def __str__(self) -> str:
        return f"[{self.fingerprint}-{self.ends_with}{f' {self.end}' if self.end else ''}]"


def marks(name: str, *, ends_with: str) -> Iterator[Mark]:
    """The marks in the name of an entry that hold for it."""
    for fingerprint, ending, end in _MARK.findall(name):
        if ending == ends_with:
            yield Mark(fingerprint, ending, End(end) if end else None)


def denied(name: str) -> frozenset[str]:
    """The fingerprints of keys that this entry is not."""
    return frozenset(_NOT.findall(name))


def with_mark(name: str, mark: Mark) -> str:
    """The name with this mark and no other; a key that leaked once stays called so."""
    before = marks(name, ends_with=mark.ends_with)
    if any(one.fingerprint == mark.fingerprint and one.end is End.LEAKED for one in before):
        mark = mark._replace(end=End.LEAKED)
    return f"{_MARK.sub('', name)} {mark}".lstrip()


def without_mark(name: str, fingerprint: str) -> str:
    """The name without marks, and with the word that it is not this key."""
    return f"{_MARK.sub('', name)} [not {fingerprint}]".lstrip()
