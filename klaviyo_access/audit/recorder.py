"""What one process has of an audit log: its queue, its chain and the two threads that move lines along.

The writer takes entries from memory to the disk, the courier from the disk to the sinks, so that a sink that hangs
keeps no entry in memory. A fork gets a recorder of its own: threads and locks do not survive one, and two processes
cannot continue one chain.
"""

import secrets
import threading
import time

from klaviyo_access.audit.courier import Courier, Mark
from klaviyo_access.audit.delivery import Delivery
from klaviyo_access.audit.settings import AuditSettings
from klaviyo_access.audit.troubles import Trouble, Troubles
from klaviyo_access.audit.writer import Writer


class Recorder:
    """One process's part of an audit log.

    Args:
        settings: those of the log.
    """

    def __init__(self, settings: AuditSettings) -> None:
        self.stream = f"{settings.service}/{secrets.token_hex(8)}"
        self.is_running = False
        self.is_closed = False
        self._is_complete = False
        self.troubles = Troubles()
        self.delivery = Delivery(self.stream, settings)
        self.courier = Courier(self.delivery, settings, self.troubles)
        self.writer = Writer(
            self.stream, settings, courier=self.courier, delivery=self.delivery, troubles=self.troubles
        )
        self.intake = self.writer.intake
        self._work = (("writer", self.writer.run), ("courier", self.courier.run))
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads, once; whoever comes while another starts them does not wait."""
        if self.is_running or not self._starting.acquire(blocking=False):
            return
        try:
            for name, work in self._work[len(self._threads) :]:
                thread = threading.Thread(target=work, name=f"klaviyo-audit-{name}", daemon=True)
                thread.start()
                self._threads.append(thread)
            self.is_running = True
            self.troubles.over(Trouble.THREADS)
        except RuntimeError as error:  # the system gives no thread now: the next entry asks again
            self.troubles.note(Trouble.THREADS, error)
        finally:
            self._starting.release()

    def flush(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds until what was accepted so far is delivered; whether it was."""
        if not self.is_running or self.is_closed:
            return not self.intake
        mark = Mark(last=False)
        self.writer.hurry(mark)
        return mark.reached.wait(timeout)

    def close(self, timeout: float) -> bool:
        """Take no more entries and see the others out; whether all were delivered, and not only spooled or lost."""
        if self.is_closed:
            return self._is_complete
        self.is_closed = True
        if self.intake:
            self.start()
        mark = Mark(last=True)
        if self.is_running:
            deadline = time.monotonic() + timeout
            self.writer.hurry(mark, patience=timeout / 2)
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        self._lose_the_rest()
        self._is_complete = self.troubles.lost == 0 and (mark.reached.is_set() or not self.is_running)
        return self._is_complete

    def _lose_the_rest(self) -> None:
        """Count what came too late for the writer, or what it was not given the time for."""
        rest = sum(not isinstance(item, Mark) for item in self.intake.take(len(self.intake)))
        if rest:
            self.troubles.lose(rest)

    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's."""
        if self.courier.spool is not None:
            self.courier.spool.release()
