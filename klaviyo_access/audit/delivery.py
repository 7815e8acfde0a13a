"""From the spool to the sinks: lines to where entries go, and the chain's head to where anchors go."""

import threading
from collections.abc import Sequence
from typing import Final

from klaviyo_access.audit.chain import Anchor, parse_link
from klaviyo_access.audit.settings import AuditSettings
from klaviyo_access.audit.spool import Spool

ENTRIES: Final = "entries"
ANCHORS: Final = "anchors"


class Delivery:
    """Delivers one chain, in order and at least once, and anchors its head.

    Args:
        stream: the chain.
        settings: those of the log, with its sinks.
    """

    def __init__(self, stream: str, settings: AuditSettings) -> None:
        self.delivered = 0
        self._stream = stream
        self._settings = settings
        self._sending = threading.Lock()
        self._head: tuple[int, str] | None = None
        self._anchored: tuple[int, bool] = (-1, False)

    @property
    def is_anchored(self) -> bool:
        """Whether an anchor stands at the newest delivered line, or none is asked for."""
        return self._settings.anchors is None or self._head is None or self._head[0] == self._anchored[0]

    def send(self, lines: Sequence[str]) -> None:
        """Deliver ``lines``, the chain's next ones, and anchor the last of them where that is due.

        Raises:
            Exception: a sink is down; the lines are to be sent again.
        """
        with self._sending:
            self._settings.sink.write(f"{ENTRIES}/{self._stream}", lines)
            self.delivered += len(lines)
            newest = parse_link(lines[-1])
            if newest is not None:
                self._head = (newest.sequence, newest.hash)
            if self._head is not None and self._head[0] - self._anchored[0] >= self._settings.anchor_every:
                self.anchor()

    def drain(self, spool: Spool) -> None:
        """Deliver every batch that waits in ``spool``.

        Raises:
            Exception: a sink is down, or the disk fails; what was not delivered still waits.
        """
        while lines := spool.oldest():
            self.send(lines)
            spool.remove_oldest()

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
    """Deliver what processes left on disk that are dead by now.

    Raises:
        Exception: a sink is down, or the disk fails; what was not delivered still waits.
    """
    for spool in Spool.abandoned(settings.spool):
        try:
            delivery = Delivery(spool.stream, settings)
            delivery.drain(spool)
            delivery.anchor(closed=spool.is_closed)
            spool.discard()
        finally:
            spool.release()
