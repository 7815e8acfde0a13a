"""The thread that delivers: the process's own chain, what dead processes left, and again after failures."""

import math
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final

from klaviyo_access.audit.delivery import Delivery, deliver_abandoned
from klaviyo_access.audit.settings import AuditSettings
from klaviyo_access.audit.spool import Spool
from klaviyo_access.audit.troubles import Trouble, Troubles

RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""How long to wait after the first failure, the second one, and so on; the last for all that follow."""

_ADOPT_SECONDS: Final = 60.0


@dataclass(frozen=True, eq=False)
class Mark:
    """Travels behind entries; ``reached`` is set when all before it is delivered. Nothing comes after the ``last``."""

    last: bool
    reached: threading.Event = field(default_factory=threading.Event)


class Courier:
    """Delivers what the spool holds.

    Args:
        delivery: the process's own chain.
        settings: those of the log.
        troubles: where failures are noted.
    """

    def __init__(self, delivery: Delivery, settings: AuditSettings, troubles: Troubles) -> None:
        self.spool: Spool | None = None
        self._delivery = delivery
        self._settings = settings
        self._troubles = troubles
        self._news: SimpleQueue[Mark | None] = SimpleQueue()
        self._marks: list[Mark] = []
        self._failures = 0
        self._anchor_failures = 0
        self._anchor_at = math.inf
        self._adopt_at = 0.0

    def notify(self, mark: Mark | None = None) -> None:
        """Say that a batch was spooled, or that ``mark`` comes now."""
        self._news.put(mark)

    def run(self) -> None:
        """Deliver until the last mark."""
        ending = False
        while not ending:
            self._wait()
            ending = any(mark.last for mark in self._marks)
            try:
                self._deliver(ending=ending)
            except Exception as error:  # noqa: BLE001 - a sink may raise anything, and the log goes on
                self._failures += 1
                self._troubles.note(Trouble.DELIVERY, error)
            else:
                self._delivered(ending=ending)
        if self.spool is not None:
            self.spool.release()

    def _deliver(self, *, ending: bool) -> None:
        if self.spool is None:
            return
        if ending:
            with suppress(OSError):  # a full disk: the chain is delivered all the same
                self.spool.mark_closed()
        while self._delivery.send_oldest(self.spool):
            self._troubles.over(Trouble.DELIVERY)
            self._anchor_if_due()

    def _delivered(self, *, ending: bool) -> None:
        self._failures = 0
        for mark in self._marks:
            mark.reached.set()
        self._marks.clear()
        if ending:
            if self._anchor(closed=True) and self.spool is not None:
                with suppress(OSError):  # the next process removes it
                    self.spool.discard()
            return
        self._anchor_if_due()
        if time.monotonic() >= self._adopt_at:
            self._adopt()

    def _anchor_if_due(self) -> None:
        """Anchor after so many lines or so much time; after a failure when it is time to try again."""
        is_due = self._delivery.is_anchor_due and not self._anchor_failures
        if is_due or time.monotonic() >= self._anchor_at:
            self._anchor()
        elif self._anchor_at == math.inf and not self._delivery.is_anchored:
            self._anchor_at = time.monotonic() + self._settings.anchor_seconds

    def _anchor(self, *, closed: bool = False) -> bool:
        """Anchor what is delivered; whether that was possible. Where it is not, entries are delivered all the same."""
        try:
            self._delivery.anchor(closed=closed)
        except Exception as error:  # noqa: BLE001 - a sink may raise anything, and the log goes on
            self._anchor_failures += 1
            self._anchor_at = time.monotonic() + _retry_seconds(self._anchor_failures)
            self._troubles.note(Trouble.ANCHORS, error)
            return False
        self._anchor_failures, self._anchor_at = 0, math.inf
        self._troubles.over(Trouble.ANCHORS)
        return True

    def _adopt(self) -> None:
        """Deliver what dead processes left; where that fails it keeps up nothing else."""
        self._adopt_at = time.monotonic() + _ADOPT_SECONDS
        try:
            deliver_abandoned(self._settings)
        except Exception as error:  # noqa: BLE001 - a sink may raise anything, and the log goes on
            self._troubles.note(Trouble.LEFT, error)
        else:
            self._troubles.over(Trouble.LEFT)

    def _wait(self) -> None:
        """Until there is news, until an anchor is due, or, after a failure, until it is time to try again."""
        until = self._anchor_at
        if self._failures:
            until = time.monotonic() + _retry_seconds(self._failures)
        with suppress(Empty):
            while True:
                timeout = None if until == math.inf else max(0.0, until - time.monotonic())
                mark = self._news.get(timeout=timeout)
                if mark is not None:
                    self._marks.append(mark)
                if mark is not None or not self._failures:  # more to deliver is no reason to ask a failing sink sooner
                    return


def _retry_seconds(failures: int) -> float:
    return RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1]
