"""The thread that writes: entries from the queue made plain, marked, pseudonymised, chained and spooled."""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final

from klaviyo_access.audit.chain import Chain
from klaviyo_access.audit.courier import Courier, Mark
from klaviyo_access.audit.delivery import Delivery
from klaviyo_access.audit.entry import AuditEntry, bounded, document_of
from klaviyo_access.audit.intake import Intake
from klaviyo_access.audit.settings import AuditSettings
from klaviyo_access.audit.spool import Spool
from klaviyo_access.audit.troubles import Trouble, Troubles, logger

LOST_ACTION: Final = "audit.entries-lost"
"""Action of the entry that a log writes itself after it had to let others go; ``metadata.count`` says how many."""

_FULL_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Lines that follow each other.

    Attributes:
        sequence: the place of the first in the chain.
        lines: the lines; the first ``own`` of them the log writes itself.
        own: 1 where the batch starts with the loss of others, else 0.
    """

    sequence: int
    lines: list[str]
    own: int


class Writer:
    """Takes entries from ``intake`` into the courier's spool.

    Args:
        stream: the chain.
        settings: those of the log.
        courier: who delivers what is spooled.
        delivery: for when the disk takes nothing.
        troubles: where failures are noted.
    """

    def __init__(
        self, stream: str, settings: AuditSettings, *, courier: Courier, delivery: Delivery, troubles: Troubles
    ) -> None:
        self.intake = Intake(capacity=settings.capacity, capacity_bytes=settings.capacity_bytes)
        self._settings = settings
        self._courier = courier
        self._delivery = delivery
        self._troubles = troubles
        self._chain = Chain(stream)
        self._suspicions = settings.suspicions.fresh()
        self._hurry: SimpleQueue[None] = SimpleQueue()
        self._give_up_at = math.inf

    def hurry(self, mark: Mark, *, patience: float = math.inf) -> None:
        """Send ``mark`` behind the entries accepted so far, and wait for no more of them.

        Args:
            mark: the mark.
            patience: how many seconds entries that find no room are kept trying with.
        """
        self._give_up_at = time.monotonic() + patience
        self.intake.mark(mark)
        self._hurry.put(None)

    def run(self) -> None:
        """Write until the last mark."""
        ended = False
        while not ended:
            entries, marks = self._take()
            for batch in self._batches(entries):
                self._keep(batch)
            for mark in marks:
                self._courier.notify(mark)
                ended = ended or mark.last

    def _take(self) -> tuple[list[AuditEntry], list[Mark]]:
        """Wait for an entry or a mark, then a moment for more."""
        items = [self.intake.wait()]
        if not isinstance(items[0], Mark):
            self._pause(self._settings.gather_seconds)
        items += self.intake.take(self._settings.capacity)
        entries = [item for item in items if not isinstance(item, Mark)]
        return entries, [item for item in items if isinstance(item, Mark)]

    def _batches(self, entries: Iterable[AuditEntry]) -> Iterator[Batch]:
        """Chain ``entries``, and before them that others were lost; no batch goes past a multiple of `anchor_every`."""
        lost = self._troubles.unreported()
        own, start, lines = int(lost > 0), self._chain.length, list[str]()
        for entry in [self._loss(lost), *entries] if lost else entries:
            lines.append(self._line(entry))
            if self._chain.length % self._settings.anchor_every == 0:
                yield Batch(sequence=start, lines=lines, own=own)
                own, start, lines = 0, self._chain.length, []
        if lines:
            yield Batch(sequence=start, lines=lines, own=own)

    def _line(self, entry: AuditEntry) -> str:
        try:
            document = document_of(entry)
            suspicious = self._suspicions.met_by(document)
        except Exception as error:  # noqa: BLE001 - whatever an application hands over, the log goes on
            logger.warning("An audit entry cannot be read: %s", type(error).__name__)
            self._troubles.lose(1, is_reported=True)
            document, suspicious = document_of(self._loss(1)), []
        if self._settings.pseudonyms is not None:
            document = self._settings.pseudonyms.applied(document)
        return self._chain.append(bounded(document), suspicious)

    def _loss(self, count: int) -> AuditEntry:
        return AuditEntry(
            timestamp=datetime.fromtimestamp(self._settings.clock(), UTC),
            user_id="",
            role="",
            action=LOST_ACTION,
            resource=self._chain.stream,
            result="failed",
            metadata={"count": count},
        )

    def _keep(self, batch: Batch) -> None:
        """See ``batch`` onto the disk or into the sink, however long that takes, unless the end is near."""
        while not (self._spooled(batch) or self._sent(batch)):
            if time.monotonic() >= self._give_up_at:
                self._troubles.lose(len(batch.lines) - batch.own)
                return
            if self._give_up_at < math.inf:
                self._courier.notify(Mark(last=False))  # no time is left to spare a failing sink
            self._pause(_FULL_SECONDS if self._give_up_at == math.inf else _LAST_SECONDS)
        self._courier.notify()

    def _spooled(self, batch: Batch) -> bool:
        try:
            if self._courier.spool is None:
                settings = self._settings
                self._courier.spool = Spool.create(settings.spool, self._chain.stream, limit=settings.spool_bytes)
            self._courier.spool.add(batch.sequence, batch.lines)
        except Exception as error:  # noqa: BLE001 - the log goes on, whatever the disk does
            self._troubles.note(Trouble.DISK, error)
            return False
        self._troubles.over(Trouble.DISK)
        return True

    def _sent(self, batch: Batch) -> bool:
        """Deliver past the disk, unless older lines wait there."""
        if self._courier.spool is not None and self._courier.spool.waiting:
            return False
        try:
            self._delivery.send(batch.lines)
        except Exception as error:  # noqa: BLE001 - a sink may raise anything, and the log goes on
            self._troubles.note(Trouble.DELIVERY, error)
            return False
        self._troubles.over(Trouble.DELIVERY)
        return True

    def _pause(self, seconds: float) -> None:
        with suppress(Empty):
            self._hurry.get(timeout=seconds)
