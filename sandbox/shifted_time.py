"""Moves what a whole process takes for the time: for ministack and for functions, which ask the machine's clock.

To be called before anything takes ``time.time`` or ``datetime.datetime`` by name. Waiting and time-outs go by the
monotonic clock and stay as they are. Standard library only: functions' processes load it too.
"""

import datetime
import time
from collections.abc import Callable


def move_process(offset: Callable[[], float]) -> None:
    """Let ``time`` and ``datetime`` tell the time that is ``offset()`` seconds ahead of the machine's."""
    clock, clock_ns = time.time, time.time_ns
    gmtime, localtime = time.gmtime, time.localtime
    real, real_date = datetime.datetime, datetime.date

    class OfAny(type):
        """A moment or a day made before, or by C code, counts as one as well."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real if issubclass(cls, real) else real_date)

    class Moment(datetime.datetime, metaclass=OfAny):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Moment":
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> "Moment":
            return cls.now(datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> "Moment":
            return cls.now()

    class Day(datetime.date, metaclass=OfAny):
        @classmethod
        def today(cls) -> "Day":
            return cls.fromtimestamp(time.time())

    time.time = lambda: clock() + offset()
    time.time_ns = lambda: clock_ns() + int(offset() * 1e9)
    time.gmtime = lambda seconds=None: gmtime(time.time() if seconds is None else seconds)
    time.localtime = lambda seconds=None: localtime(time.time() if seconds is None else seconds)
    datetime.datetime, datetime.date = Moment, Day  # type: ignore[misc]
