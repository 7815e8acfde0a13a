"""The queue in memory between requests and the writer, bounded by entries and by bytes."""

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from klaviyo_access.audit.courier import Mark
from klaviyo_access.audit.entry import AuditEntry, weight_of

_WEIGHT_OF_ANYTHING: Final = 1024


class Intake:
    """Takes entries and marks, and gives them out in order.

    Args:
        capacity: entries that it may hold.
        capacity_bytes: bytes of text that they may hold together, since whoever sends requests decides how long they
            are.
    """

    def __init__(self, *, capacity: int, capacity_bytes: int) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._items: SimpleQueue[tuple[AuditEntry | Mark, int]] = SimpleQueue()
        self._bytes = 0
        self._counting = threading.RLock()  # a signal's handler may come while its own thread holds it

    def __len__(self) -> int:
        """How many entries and marks wait."""
        return self._items.qsize()

    def accept(self, entry: AuditEntry) -> bool:
        """Take ``entry`` if there is room for it; never raises, never waits for more than a counter."""
        try:
            weight = weight_of(entry)
        except Exception:  # noqa: BLE001 - whatever an application hands over; the writer says that it is no entry
            weight = _WEIGHT_OF_ANYTHING
        if len(self) >= self._capacity or self._bytes + weight > self._capacity_bytes:
            return False
        self._count(weight)
        self._items.put((entry, weight))
        return True

    def mark(self, mark: Mark) -> None:
        """Take ``mark``, for which there is always room."""
        self._items.put((mark, 0))

    def wait(self) -> AuditEntry | Mark:
        """The oldest that waits, or the first that comes."""
        return self._taken(*self._items.get())

    def take(self, most: int) -> list[AuditEntry | Mark]:
        """What waits now, ``most`` at most."""
        items: list[AuditEntry | Mark] = []
        with suppress(Empty):
            while len(items) < most:
                items.append(self._taken(*self._items.get_nowait()))
        return items

    def _taken(self, item: AuditEntry | Mark, weight: int) -> AuditEntry | Mark:
        if weight:
            self._count(-weight)
        return item

    def _count(self, change: int) -> None:
        with self._counting:
            self._bytes += change
