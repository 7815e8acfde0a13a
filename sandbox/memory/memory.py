"""Takes all sources from the file at the start, and writes what changed in them before each answer."""

from collections.abc import Iterable
from typing import Final

from sandbox.memory.encoding import UnknownShapeError
from sandbox.memory.file import MemoryFile
from sandbox.memory.sources import Source

SECONDS_BETWEEN_SAVES: Final = 5.0
"""How long what happens without a call may wait."""


class Memory:
    """The state of one sandbox.

    Args:
        file: where it is kept.
        sources: all that it is made of.
    """

    def __init__(self, file: MemoryFile, sources: Iterable[Source]) -> None:
        self._file = file
        self._sources = {source.name: source for source in sources}

    @property
    def is_empty(self) -> bool:
        """Whether no earlier process wrote anything."""
        return self._file.is_empty

    def recall(self) -> None:
        """Give every source what an earlier process wrote.

        Raises:
            UnusableMemoryError: the file is damaged, or another version wrote it.
        """
        for source, table, key, value in self._file.rows():
            try:
                self._sources[source].restore(table, key, value)
            except (UnknownShapeError, AttributeError, KeyError) as error:
                raise self._file.of_another_version(f"{source}: {type(error).__name__} {error}") from error
            except Exception as error:
                raise self._file.damaged(error) from error

    def save(self) -> None:
        """Write what changed; when this returns, a kill loses none of it."""
        changed = [(source, change) for source in self._sources.values() for change in source.changes()]
        if not changed:
            return
        try:
            self._file.write((source.name, one.table, repr(one.key), one.written) for source, one in changed)
        except Exception:
            for source in self._sources.values():
                source.compare_all()
            raise
        for source, one in changed:
            source.settle(one)

    def close(self) -> None:
        """Write the last changes and let go of the file."""
        self.save()
        self._file.close()
