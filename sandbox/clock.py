"""The sandbox's clock: the machine's, moved ahead by as much as its user asked for."""

import re
import time
from typing import Final

_SPAN: Final = re.compile(r"([+-])(\d+(?:\.\d+)?)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MOST: Final = 10 * 366 * 86400.0


class ClockError(Exception):
    """The clock cannot be moved so; the message says why."""


class Clock:
    """Tells the sandbox's time. The machine's own is taken when this module is imported, before anything moves it."""

    machine = staticmethod(time.time)

    def __init__(self) -> None:
        self.entries: dict[str, float] = {}

    @property
    def offset(self) -> float:
        """Seconds by which it is ahead of the machine's."""
        return self.entries.get("offset", 0.0)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.machine() + self.offset

    def move(self, seconds: float) -> None:
        """Move it ahead.

        Raises:
            ClockError: backwards, or further than ten years in all.
        """
        if seconds < 0:
            raise ClockError(
                "The clock goes forward only: what has happened by now would lie in the future. "
                "'python -m sandbox forget' removes all that happened, and what the clock is ahead with it."
            )
        if self.offset + seconds > _MOST:
            raise ClockError(
                f"The clock is at most ten years ahead; this would make {(self.offset + seconds) / 86400:.0f} days."
            )
        self.entries["offset"] = self.offset + seconds


def read_span(text: str) -> float:
    """Seconds of a span as the command takes it: ``+31d``, ``+12h``, ``+90s``.

    Raises:
        ClockError: another form.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ClockError(f"A span is a plus, a number and one of s, m, h, d, w, as in +31d; received {text!r}.")
    return float(f"{found[1]}1") * float(found[2]) * _SECONDS[found[3]]
