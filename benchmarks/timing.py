"""Times of several candidates, taken in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from timeit import Timer
from typing import Any


@dataclass(frozen=True)
class Times:
    """What each candidate took in each round, in seconds."""

    by_name: Mapping[str, tuple[float, ...]]

    def median(self, name: str) -> float:
        """A candidate's median, in seconds."""
        return median(self.by_name[name])

    def ratio(self, name: str, other: str) -> float:
        """The median, over the rounds, of what one candidate took by what another took in the same round."""
        pairs = zip(self.by_name[name], self.by_name[other], strict=True)
        return median(one / two for one, two in pairs)


def in_turn(candidates: Mapping[str, Callable[[], float]], *, rounds: int) -> Times:
    """Let each candidate measure itself once a round: A B C, A B C, …

    Args:
        candidates: each returns what it took, in seconds.
        rounds: how often.
    """
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, measure in candidates.items():
            taken[name].append(measure())
    return Times({name: tuple(times) for name, times in taken.items()})


def calls_of(expression: str, names: Mapping[str, Any], *, calls: int) -> Callable[[], float]:
    """A candidate that evaluates an expression so often; what it takes is the time of one evaluation.

    Args:
        expression: evaluated as it stands, so that no call of a wrapper is measured with it.
        names: what the expression refers to.
        calls: how often.
    """
    timer = Timer(expression, globals=dict(names))
    return lambda: timer.timeit(calls) / calls
