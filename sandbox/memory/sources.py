"""Where what is remembered lives while the sandbox runs, and what of it has changed since it was last written."""

import ast
import hashlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sandbox.memory.encoding import decode, encode

_TRIES: Final = 10
Table = MutableMapping[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One entry that differs from its row; ``written`` is None for one that is gone.

    ``mark`` is what the source takes the entry for from now on, once the change is in the file.
    """

    table: str
    key: Any
    written: bytes | None
    mark: object = None


class Source(Protocol):
    """Something that is remembered: entries by table and key."""

    @property
    def name(self) -> str: ...

    def changes(self) -> list[Change]:
        """What differs from what ``settle`` was last told."""
        ...

    def settle(self, change: Change) -> None:
        """Take a change as written."""
        ...

    def compare_all(self) -> None:
        """Overlook nothing the next time: what ``changes`` told was not written, or happened unseen."""
        ...

    def restore(self, table: str, key: str, written: bytes) -> None:
        """Take an entry from the file."""
        ...


class Values:
    """A dictionary of values that are replaced and never changed in place.

    Args:
        name: names it in the file.
        entries: the dictionary.
    """

    def __init__(self, name: str, entries: Table) -> None:
        self.name = name
        self._entries = entries
        self._marks: dict[Any, object] = {}

    def compare_all(self) -> None:
        """It always does."""

    def changes(self) -> list[Change]:
        new = [
            Change(table="", key=key, written=encode(value), mark=value)
            for key, value in list(self._entries.items())
            if key not in self._marks or self._marks[key] is not value
        ]
        gone = [Change(table="", key=key, written=None) for key in self._marks.keys() - self._entries.keys()]
        return new + gone

    def settle(self, change: Change) -> None:
        if change.written is None:
            del self._marks[change.key]
        else:
            self._marks[change.key] = change.mark

    def restore(self, table: str, key: str, written: bytes) -> None:  # noqa: ARG002 - it has one table
        found = ast.literal_eval(key)
        self._marks[found] = self._entries[found] = decode(written)


class Records:
    """A list that only grows.

    Args:
        name: names it in the file.
        records: the list.
    """

    def __init__(self, name: str, records: list[Any]) -> None:
        self.name = name
        self._records = records
        self._written = 0

    def compare_all(self) -> None:
        """It always does."""

    def changes(self) -> list[Change]:
        start = self._written
        return [
            Change(table="", key=index, written=encode(record))
            for index, record in enumerate(self._records[start:], start=start)
        ]

    def settle(self, change: Change) -> None:
        self._written = change.key + 1

    def restore(self, table: str, key: str, written: bytes) -> None:  # noqa: ARG002 - it has one table, read in order
        self._records.append(decode(written))
        self._written = len(self._records)


class Watched(dict[Any, Any]):
    """A dictionary that knows which of its values were handed out, and so may have changed in place."""

    def __init__(self, entries: Mapping[Any, Any]) -> None:
        super().__init__(entries)
        self._seen: set[Any] = set()
        self._all_seen = True

    def take_seen(self) -> set[Any] | None:
        """The keys whose values were handed out since this was last asked; None for all."""
        seen, every = self._seen, self._all_seen
        self._seen, self._all_seen = set(), False
        return None if every else seen

    def __getitem__(self, key: Any) -> Any:
        self._seen.add(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._seen.add(key)
        super().__setitem__(key, value)

    def get(self, key: Any, default: Any = None) -> Any:
        self._seen.add(key)
        return super().get(key, default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        self._seen.add(key)
        return super().setdefault(key, default)

    def update(self, *others: Any, **named: Any) -> None:
        self._all_seen = True
        super().update(*others, **named)

    def values(self) -> Any:
        self._all_seen = True
        return super().values()

    def items(self) -> Any:
        self._all_seen = True
        return super().items()


class Tables:
    """Dictionaries whose values change in place: compared by content, and so only when ``touched``.

    Of a ``Watched`` one only what was handed out is compared, unless all was told to be.

    Args:
        name: names them in the file.
        tables: the dictionaries that there are now, by name.
        table: one of them by name, made where there is none yet.
    """

    def __init__(self, name: str, tables: Callable[[], Mapping[str, Table]], *, table: Callable[[str], Table]) -> None:
        self.name = name
        self.touched = False
        self._all = True
        self._tables = tables
        self._table = table
        self._marks: dict[str, dict[Any, object]] = {}

    def compare_all(self) -> None:
        """Compare everything the next time."""
        self.touched = self._all = True

    def changes(self) -> list[Change]:
        if not self.touched:
            return []
        found = [change for name, entries in self._tables().items() for change in self._changes_of(name, entries)]
        self.touched = self._all = False
        return found

    def settle(self, change: Change) -> None:
        marks = self._marks.setdefault(change.table, {})
        if change.written is None:
            del marks[change.key]
        else:
            marks[change.key] = change.mark

    def restore(self, table: str, key: str, written: bytes) -> None:
        found = ast.literal_eval(key)
        self._table(table)[found] = decode(written)
        self._marks.setdefault(table, {})[found] = _digest(written)

    def _changes_of(self, name: str, entries: Table) -> Iterator[Change]:
        marks = self._marks.get(name, {})
        present = list(dict.items(entries)) if isinstance(entries, dict) else list(entries.items())
        seen = entries.take_seen() if isinstance(entries, Watched) else None
        for key, value in present:
            if seen is not None and not self._all and key not in seen and key in marks:
                continue
            written = _encode_while_it_changes(value)
            mark = _digest(written)
            if marks.get(key) != mark:
                yield Change(table=name, key=key, written=written, mark=mark)
        for key in marks.keys() - {key for key, _ in present}:
            yield Change(table=name, key=key, written=None)


def _digest(written: bytes) -> bytes:
    return hashlib.blake2b(written, digest_size=16).digest()


def _encode_while_it_changes(value: Any) -> bytes:
    """ministack's own threads may be at a value: a dictionary that grows under the pickler is read again."""
    for _ in range(_TRIES - 1):
        try:
            return encode(value)
        except RuntimeError:
            continue
    return encode(value)
