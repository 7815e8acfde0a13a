"""What goes wrong with a log, kept to be shown, and said once when it starts and once when it is over."""

import logging
import threading

logger = logging.getLogger("klaviyo_access.audit")


class Troubles:
    """The troubles of one process's part of a log."""

    def __init__(self) -> None:
        self.lost = 0
        self.last_error = ""
        self._counting = threading.RLock()  # a signal's handler may come while its own thread holds it
        self._reported = 0
        self._is_down = False

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

    def note(self, what: str, error: Exception) -> None:
        """Note that a sink or the disk failed."""
        self.last_error = f"{what}: {type(error).__name__}: {error}"
        if not self._is_down:
            self._is_down = True
            logger.warning("%s", self.last_error)

    def over(self) -> None:
        """Note that everything is delivered again."""
        if self._is_down:
            self._is_down = False
            logger.warning("Audit entries are delivered again")
