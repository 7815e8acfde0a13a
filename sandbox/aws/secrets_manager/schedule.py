"""Rotation schedules: ``rate()`` and ``cron()`` as Secrets Manager reads them, all in UTC.

A window opens at the time of the expression and closes after its duration; without one, a schedule in hours closes
after an hour and a schedule in days at the end of the UTC day. A secret rotates every four hours at the most.
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from sandbox.aws.calls import AwsError
from sandbox.aws.secrets_manager.state import HOUR, RotationRules

SHORTEST_HOURS: Final = 4
YEARS_AHEAD: Final = 8
"""Far enough for 29 February on any side of a century."""

MONTHS: Final = tuple(name.upper() for name in calendar.month_abbr)
WEEKDAYS: Final = ("", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class Schedule(Protocol):
    """When windows open, and how many hours they stay open where no duration says so (None: until midnight)."""

    @property
    def default_hours(self) -> int | None: ...

    def next(self, after: float) -> float:
        """The first opening after ``after``."""
        ...

    def fits(self, duration: int) -> bool:
        """Whether a window of ``duration`` hours ends before the next one and before the UTC day does."""
        ...


@dataclass(frozen=True)
class Rate:
    """``rate(10 days)`` or ``rate(12 hours)``: windows open at midnight, or at that many hours from midnight on."""

    every: timedelta

    @property
    def default_hours(self) -> int | None:
        return None if self._in_days else 1

    def next(self, after: float) -> float:
        moment = datetime.fromtimestamp(after, UTC)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if self._in_days:
            return (midnight + self.every).timestamp()
        return (midnight + ((moment - midnight) // self.every + 1) * self.every).timestamp()

    def fits(self, duration: int) -> bool:
        return timedelta(hours=duration) <= min(self.every, timedelta(days=1))

    @property
    def _in_days(self) -> bool:
        return self.every % timedelta(days=1) == timedelta()


@dataclass(frozen=True)
class Cron:
    """``cron(0 4 1 * ? *)``: hours of the day, and a test for the day."""

    hours: tuple[int, ...]
    matches: Callable[[date], bool]

    @property
    def default_hours(self) -> int | None:
        return 1 if len(self.hours) > 1 else None

    def next(self, after: float) -> float:
        moment = datetime.fromtimestamp(after, UTC)
        for days in range(366 * YEARS_AHEAD):
            day = moment.date() + timedelta(days=days)
            if not self.matches(day):
                continue
            for hour in self.hours:
                opening = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
                if opening > moment:
                    return opening.timestamp()
        raise invalid("the expression never comes true")

    def fits(self, duration: int) -> bool:
        following = (*self.hours[1:], 24)
        return all(hour + duration <= end for hour, end in zip(self.hours, following, strict=True))


def schedule_of(rules: RotationRules) -> Schedule:
    """The schedule that rules describe.

    Raises:
        AwsError: InvalidParameterException, the rules are no schedule; it says why.
    """
    if (rules.days is None) == (rules.expression is None):
        raise invalid("give either AutomaticallyAfterDays or ScheduleExpression, not both")
    schedule = Rate(timedelta(days=rules.days)) if rules.days is not None else parse(rules.expression or "")
    if rules.duration is not None and not (rules.duration >= 1 and schedule.fits(rules.duration)):
        raise invalid(
            f"a window of {rules.duration}h must not extend into the next rotation window or the next UTC day"
        )
    return schedule


def window_end(rules: RotationRules, opening: float) -> float:
    """When the window that opens at ``opening`` closes."""
    hours = rules.duration or schedule_of(rules).default_hours
    if hours is not None:
        return opening + hours * HOUR
    midnight = datetime.fromtimestamp(opening, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(days=1)).timestamp()


def parse(expression: str) -> Schedule:
    """A schedule from a ``rate()`` or ``cron()`` expression."""
    if rate := re.fullmatch(r"rate\((\d+) (hour|day)s?\)", expression):
        every = timedelta(**{f"{rate[2]}s": int(rate[1])})
        if not timedelta(hours=SHORTEST_HOURS) <= every <= timedelta(days=999):
            raise invalid(f"rate() is from {SHORTEST_HOURS} hours to 999 days; received {expression!r}")
        return Rate(every)
    if cron := re.fullmatch(r"cron\((.*)\)", expression):
        fields = cron[1].split()
        if len(fields) != 6:
            raise invalid(f"cron() has six fields (minutes hours day-of-month month day-of-week year): {expression!r}")
        return parse_cron(fields, expression)
    raise invalid(f"an expression is 'rate(N hours|days)' or 'cron(…)'; received {expression!r}")


def parse_cron(fields: list[str], expression: str) -> Cron:
    """The six fields of a cron expression, as Secrets Manager restricts them."""
    minutes, hour_field, day_field, month_field, weekday_field, year = fields
    if minutes != "0":
        raise invalid(f"the minutes of cron() are 0, since windows open on the hour; received {expression!r}")
    if year != "*":
        raise invalid(f"the year of cron() is '*'; received {expression!r}")
    if (day_field == "?") == (weekday_field == "?"):
        raise invalid(f"exactly one of day-of-month and day-of-week is '?'; received {expression!r}")
    hours = numbers(hour_field, 0, 23)
    gaps = [later - earlier for earlier, later in zip(hours, (*hours[1:], hours[0] + 24), strict=True)]
    if min(gaps) < SHORTEST_HOURS:
        raise invalid(f"a secret rotates every {SHORTEST_HOURS} hours at the most; received {expression!r}")
    months = set(numbers(month_field, 1, 12, names=MONTHS))
    fits_day = days_of_month(day_field) if weekday_field == "?" else days_of_week(weekday_field)
    return Cron(tuple(hours), lambda day: day.month in months and fits_day(day))


def days_of_month(field: str) -> Callable[[date], bool]:
    """A test for the day of the month; ``L`` is the last one."""
    if field == "L":
        return lambda day: day.day == _length(day)
    wanted = set(numbers(field, 1, 31))
    return lambda day: day.day in wanted


def days_of_week(field: str) -> Callable[[date], bool]:
    """A test for the day of the week, 1 or SUN to 7 or SAT; ``6L`` is the last Friday, ``6#2`` the second."""
    special = re.fullmatch(r"([1-7]|[A-Z]{3})(L|#[1-5])", field.upper())
    if special is None:
        wanted = set(numbers(field, 1, 7, names=WEEKDAYS))
        return lambda day: _weekday(day) in wanted
    weekday = numbers(special[1], 1, 7, names=WEEKDAYS)[0]
    if special[2] == "L":
        return lambda day: _weekday(day) == weekday and day.day > _length(day) - 7
    week = int(special[2][1:])
    return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == week


def numbers(field: str, low: int, high: int, *, names: tuple[str, ...] = ()) -> list[int]:
    """The sorted values of one cron field: ``*``, ``/4``, ``1,15``, ``MON-FRI``, ``2-10/2``."""
    found: set[int] = set()
    for part in field.upper().split(","):
        span, _, step = part.partition("/")
        if span in {"", "*"}:
            first, last = low, high
        else:
            start, _, end = span.partition("-")
            first = _number(start, field, names)
            last = _number(end, field, names) if end else (high if step else first)
        if not low <= first <= last <= high or (step and not (step.isdigit() and int(step))) or not part:
            raise invalid(f"{field!r} is not within {low} to {high}")
        found.update(range(first, last + 1, int(step or 1)))
    return sorted(found)


def invalid(why: str) -> AwsError:
    """What is wrong with rotation rules."""
    return AwsError("InvalidParameterException", f"The rotation schedule isn't valid: {why}.")


def _number(text: str, field: str, names: tuple[str, ...]) -> int:
    if text.isdigit():
        return int(text)
    if text and text in names:
        return names.index(text)
    raise invalid(f"{field!r} is no cron field that Secrets Manager reads")


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
