"""The form of a benchmark: what it measures, what it must reach, and how much work a run of it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much work a run does.

    Attributes:
        rounds: how often the sides of a comparison take their turns; odd, since medians are taken.
        calls: calls of each side in a round.
        threads: threads that start at once.
        tasks: asyncio tasks that start at once.
        rotations: rotations of a key under load.
        hang: seconds for which an endpoint hangs.
        roles: how many roles the environments have, fewest first.
        schedules: orders in which things happen to the keys of two roles.
    """

    rounds: int
    calls: int
    threads: int
    tasks: int
    rotations: int
    hang: float
    roles: tuple[int, int, int]
    schedules: int


FULL = Effort(
    rounds=9, calls=2_000, threads=64, tasks=1_000, rotations=100, hang=5.0, roles=(10, 50, 200), schedules=10_000
)
TINY = Effort(rounds=1, calls=10, threads=4, tasks=8, rotations=2, hang=0.3, roles=(2, 2, 3), schedules=4)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a run found.

    Attributes:
        value: the figure, in the benchmark's unit.
        beside: absolute numbers, each named with its unit.
    """

    value: float
    beside: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class KnownMiss:
    """A limit that is not reached, and what would have to give for it.

    Attributes:
        value: what the figure must not be worse than all the same.
        why: the reason, as the table prints it.
    """

    value: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One figure.

    Attributes:
        id: its name, as ``--only`` takes it.
        what: what is measured, in a sentence.
        unit: of value and limit.
        limit: what the value must not be worse than.
        better: which values are better.
        measure: measures it.
        packages: distributions that are measured beside the project.
        known_miss: where the limit is not reached, and why.
    """

    id: str
    what: str
    unit: str
    limit: float
    measure: Callable[[Effort], Measured]
    better: Literal["lower", "higher"] = "lower"
    packages: tuple[str, ...] = ()
    known_miss: KnownMiss | None = None

    def is_reached(self, value: float) -> bool:
        """Whether a value is within the limit."""
        return self._is_within(self.limit, value)

    def is_acceptable(self, value: float) -> bool:
        """Whether a value is within the limit, or no worse than it is known to be."""
        return self.is_reached(value) or (self.known_miss is not None and self._is_within(self.known_miss.value, value))

    def _is_within(self, limit: float, value: float) -> bool:
        return value <= limit if self.better == "lower" else value >= limit
