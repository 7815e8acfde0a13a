"""From the spool to the sinks: lines to where entries go, and the chain's head to where anchors go."""

import threading
from collections.abc import Sequence
from typing import Final

from klaviyo_access.audit.chain import Anchor, parse_link
from klaviyo_access.audit.settings import AuditSettings
from klaviyo_access.audit.spool import Head, Spool

ENTRIES: Final = "entries"
ANCHORS: Final = "anchors"


class Delivery:
    """Delivers one chain, in order and at least once, and anchors its head.

    Args:
        stream: the chain.
        settings: those of the log, with its sinks.
        head: the newest line that was delivered before; None where none was.
    """

    def __init__(self, stream: str, settings: AuditSettings, *, head: Head | None = None) -> None:
        self.delivered = 0
        self._stream = stream
        self._settings = settings
        self._sending = threading.Lock()
        self._head = head
        self._anchored: tuple[int, bool] = (-1, False)

    @property
    def is_anchored(self) -> bool:
        """Whether an anchor stands at the newest delivered line, or none is asked for."""
        return self._settings.anchors is None or self._head is None or self._head[0] == self._anchored[0]

    @property
    def is_anchor_due(self) -> bool:
        """Whether so many lines were delivered without an anchor that it is time for one."""
        head = self._head
        return not self.is_anchored and head is not None and head[0] - self._anchored[0] >= self._settings.anchor_every

    def send(self, lines: Sequence[str]) -> None:
        """Deliver ``lines``, the chain's next ones.

        Raises:
            Exception: the sink is down; the lines are to be sent again.
        """
        with self._sending:
            self._settings.sink.write(f"{ENTRIES}/{self._stream}", lines)
            self.delivered += len(lines)
            newest = parse_link(lines[-1])
            if newest is not None:
                self._head = (newest.sequence, newest.hash)

    def send_oldest(self, spool: Spool) -> bool:
        """Deliver the oldest batch that waits in ``spool``; whether there was one.

        Raises:
            Exception: the sink is down, or the disk fails; what was not delivered still waits.
        """
        lines = spool.oldest()
        if lines:
            self.send(lines)
            spool.remove_oldest(self._head)
        return bool(lines)

    def anchor(self, *, closed: bool = False) -> None:
        """Anchor the newest delivered line, unless that was done.

        Raises:
            Exception: the sink of anchors is down.
        """
        anchors = self._settings.anchors
        if anchors is None or self._head is None or (self._head[0], closed) == self._anchored:
            return
        sequence, head = self._head
        timestamp = float(self._settings.clock())
        anchor = Anchor(stream=self._stream, sequence=sequence, hash=head, closed=closed, timestamp=timestamp)
        anchors.write(f"{ANCHORS}/{self._stream}", [anchor.line()])
        self._anchored = (sequence, closed)


def deliver_abandoned(settings: AuditSettings) -> None:
    """Deliver what processes of this service left on disk that are dead by now; each, whatever becomes of the others.

    Raises:
        Exception: a sink is down, or the disk fails; what was not delivered still waits.
    """
    failures: list[Exception] = []
    for directory in Spool.of_service(settings.spool, settings.service):
        try:
            _deliver_abandoned(Spool.adopt(directory), settings)
        except Exception as error:  # noqa: BLE001 - a sink may raise anything, and the others' lines wait too
            failures.append(error)
    if failures:
        raise failures[0]


def _deliver_abandoned(spool: Spool | None, settings: AuditSettings) -> None:
    if spool is None:
        return
    try:
        delivery = Delivery(spool.stream, settings, head=spool.head)
        while delivery.send_oldest(spool):
            pass
        delivery.anchor(closed=spool.is_closed)
        spool.discard()
    finally:
        spool.release()
