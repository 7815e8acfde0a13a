"""The file: SQLite in its write-ahead mode, whose transactions a kill cannot tear."""

import os
import platform
import sqlite3
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

FORMAT: Final = 1
_ID: Final = 0x6B6C7661
_CURE: Final = "'.venv/bin/python -m sandbox forget' removes it and what the stack local deployed; then start anew"
_MADE: Final = f"""
PRAGMA application_id = {_ID};
DROP TABLE IF EXISTS writer;
DROP TABLE IF EXISTS entry;
CREATE TABLE writer (version TEXT);
CREATE TABLE entry (source TEXT, name TEXT, key TEXT, value BLOB, UNIQUE (source, name, key));
"""
_PUT: Final = """
INSERT INTO entry VALUES (?, ?, ?, ?) ON CONFLICT (source, name, key) DO UPDATE SET value = excluded.value
"""
_DROP: Final = "DELETE FROM entry WHERE source = ? AND name = ? AND key = ?"

Row = tuple[str, str, str, bytes | None]
"""Source, table, key and value; no value for an entry that is gone."""


class UnusableMemoryError(Exception):
    """The file holds a state that this sandbox cannot go on with; the message says why, and what to do."""


class MemoryFile:
    """The rows of one sandbox.

    Args:
        path: the file; made, for its user alone, where there is none.

    Raises:
        UnusableMemoryError: it is damaged, or another version of the sandbox wrote it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise self.damaged(error) from error

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written."""
        return self._connection.execute("SELECT 1 FROM entry LIMIT 1").fetchone() is None

    def rows(self) -> Iterator[tuple[str, str, str, bytes]]:
        """All rows, in the order in which their entries were made."""
        try:
            yield from self._connection.execute("SELECT source, name, key, value FROM entry ORDER BY rowid")
        except sqlite3.DatabaseError as error:
            raise self.damaged(error) from error

    def write(self, rows: Iterable[Row]) -> None:
        """Put and drop rows, all or none."""
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:
            for source, table, key, value in rows:
                if value is None:
                    self._connection.execute(_DROP, (source, table, key))
                else:
                    self._connection.execute(_PUT, (source, table, key, value))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def damaged(self, error: Exception) -> UnusableMemoryError:
        """What to say of a file that cannot be read."""
        return UnusableMemoryError(
            f"The sandbox's memory {self._path} is damaged ({type(error).__name__}: {error}): {_CURE}."
        )

    def of_another_version(self, difference: str) -> UnusableMemoryError:
        """What to say of a file that another version wrote."""
        return UnusableMemoryError(
            f"The sandbox's memory {self._path} was written by another version of the sandbox ({difference}): {_CURE}."
        )

    def _prepare(self) -> None:
        written = self._connection.execute("PRAGMA user_version").fetchone()[0]
        ours = f"ministack {version('ministack')}, Python {platform.python_version_tuple()[0]}"
        if written == 0:  # new, or its process was killed as it made it
            self._connection.executescript(_MADE)
            self._connection.execute("INSERT INTO writer VALUES (?)", (ours,))
            self._connection.execute(f"PRAGMA user_version = {FORMAT}")
            return
        if written != FORMAT:
            raise self.of_another_version(f"its format is {written}, this one's {FORMAT}")
        (theirs,) = self._connection.execute("SELECT version FROM writer").fetchone()
        if theirs != ours:
            raise self.of_another_version(f"{theirs}, this one {ours}")
        if (check := self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(check)
