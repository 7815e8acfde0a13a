"""Bursts and working hours, as access.yaml writes them. Standard library only; every room may ask."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

_BURST: Final = re.compile(r"([1-9]\d{0,3}) in ([1-9]\d{0,4})s")
_HOURS: Final = re.compile(r"([a-z]{3})-([a-z]{3}) ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True)
class Burst:
    """So many entries of one user in so short a time.

    Attributes:
        times: the entry that makes it a burst.
        seconds: how far apart the first and that one may be.
    """

    times: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``10 in 60s``.

        Raises:
            ValueError: ``text`` has not that form.
        """
        if found := _BURST.fullmatch(text):
            return cls(times=int(found[1]), seconds=int(found[2]))
        raise ValueError(f"A burst is written as in '10 in 60s', times and seconds; given: {text!r}.")


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Working hours in UTC, on the days from ``first_day`` to ``last_day`` (0 is Monday), in minutes of the day."""

    first_day: int
    last_day: int
    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``mon-fri 07:00-19:00``.

        Raises:
            ValueError: ``text`` has not that form.
        """
        found = _HOURS.fullmatch(text)
        if found and found[1] in _DAYS and found[2] in _DAYS:
            hours = cls(
                first_day=_DAYS.index(found[1]),
                last_day=_DAYS.index(found[2]),
                start=60 * int(found[3]) + int(found[4]),
                end=60 * int(found[5]) + int(found[6]),
            )
            if hours.first_day <= hours.last_day and hours.start < hours.end:
                return hours
        raise ValueError(
            f"Hours are written as in 'mon-fri 07:00-19:00', in UTC, from the earlier to the later; given: {text!r}."
        )

    def include(self, time: datetime) -> bool:
        """Whether ``time``, in UTC, is within the hours."""
        minute = 60 * time.hour + time.minute
        return self.first_day <= time.weekday() <= self.last_day and self.start <= minute < self.end
