"""Which deliveries were handled already: a small memory, so that a request sent twice is handled once."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

CAPACITY: Final = 100_000
"""Deliveries that are remembered at most: about 20 MB."""

LEASE: Final = 60.0
"""Seconds after which a delivery that is still being handled may be begun again: its handler is taken for dead."""


class Claim(Enum):
    """What a memory knows of a delivery."""

    NEW = "new"
    """Nobody has it: it is the caller's now, who says how it ended."""
    RUNNING = "running"
    """Somebody is handling it, and may fail yet."""
    DONE = "done"
    """It was handled."""


class DeliveryMemory(Protocol):
    """Where deliveries are remembered; one that processes share makes replay protection span them.

    Each method is atomic, and may be called from any thread.
    """

    def claim(self, delivery: str, *, expires: float) -> Claim:
        """Take a delivery, unless somebody has it.

        Args:
            delivery: what names the request; the same bytes give the same name.
            expires: seconds since the epoch after which it would be refused anyway, and may be forgotten.
        """
        ...

    def complete(self, delivery: str) -> None:
        """Remember that a claimed delivery was handled."""
        ...

    def release(self, delivery: str) -> None:
        """Give a claimed delivery back: its handler failed, and Klaviyo will send it again."""
        ...


@dataclass(slots=True)
class _Known:
    expires: float
    leased_until: float
    done: bool = False


class LocalMemory:
    """A memory of this process alone, bounded in number and in time.

    What it cannot do: another process, and this one after a restart, knows nothing of what it saw. When it is full it
    forgets the oldest delivery first.

    Args:
        clock: seconds since the epoch.
        capacity: deliveries that are remembered at most.
    """

    def __init__(self, clock: Callable[[], float], *, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def claim(self, delivery: str, *, expires: float) -> Claim:
        """Take a delivery, unless it is being handled or was handled."""
        now = self._clock()
        with self._lock:
            known = self._known.get(delivery)
            if known and known.done:
                return Claim.DONE
            if known and known.leased_until > now:
                return Claim.RUNNING
            self._known[delivery] = _Known(expires, leased_until=now + LEASE)
            self._known.move_to_end(delivery)
            self._forget(now)
            return Claim.NEW

    def complete(self, delivery: str) -> None:
        """Remember that a claimed delivery was handled."""
        with self._lock:
            if known := self._known.get(delivery):
                known.done = True

    def release(self, delivery: str) -> None:
        """Give a claimed delivery back."""
        with self._lock:
            self._known.pop(delivery, None)

    def __len__(self) -> int:
        return len(self._known)

    def _forget(self, now: float) -> None:
        while self._known:
            oldest = next(iter(self._known.values()))
            if len(self._known) <= self._capacity and oldest.expires >= now:
                return
            self._known.popitem(last=False)
