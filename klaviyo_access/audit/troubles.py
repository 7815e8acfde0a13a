"""What goes wrong with a log, kept to be shown, and said once when it starts and once when it is over."""

import logging
import threading
from enum import StrEnum

logger = logging.getLogger("klaviyo_access.audit")


class Trouble(StrEnum):
    """What can fail for a while, in a sentence."""

    DELIVERY = "Audit entries are not delivered, and wait"
    ANCHORS = "Anchors of audit entries are not delivered"
    DISK = "The disk takes no audit entries"
    LEFT = "Audit entries that another process left are not delivered"
    THREADS = "Audit entries wait in memory"


class Troubles:
    """The troubles of one process's part of a log."""

    def __init__(self) -> None:
        self.lost = 0
        self.last_error = ""
        self._counting = threading.RLock()  # a signal's handler may come while its own thread holds it
        self._reported = 0
        self._present: set[Trouble] = set()

    def lose(self, count: int, *, is_reported: bool = False) -> None:
        """Count entries that nothing could keep; ``is_reported`` where the chain says so already."""
        with self._counting:
            self.lost += count
            self._reported += count if is_reported else 0
            first = self.lost == count
        if first:
            logger.error("Audit entries are lost (last error: %s)", self.last_error or "none")

    def unreported(self) -> int:
        """How many were lost since this was last asked."""
        with self._counting:
            count, self._reported = self.lost - self._reported, self.lost
        return count

    def note(self, trouble: Trouble, error: Exception) -> None:
        """Note that something failed."""
        self.last_error = f"{trouble}: {type(error).__name__}: {error}"
        if trouble not in self._present:
            self._present.add(trouble)
            logger.warning("%s", self.last_error)

    def over(self, trouble: Trouble) -> None:
        """Note that it succeeded."""
        if trouble in self._present:
            self._present.discard(trouble)
            logger.warning("Over: %s", trouble)
