"""Where AWS's documents allow two readings: the points that are open, and which reading a sandbox follows.

The conformance tests settle them on a real account: ``pytest -m aws tests/conformance``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Point:
    """One open point: a question, and its readings with what each says; the first is the sandbox's own."""

    question: str
    readings: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The reading of each point of ``POINTS``, by the point's name with underscores."""

    first_value: str = "also-current"
    retry: str = "again"
    step_names: str = "camel"
    tested_version: str = "empty"
    abandoned_pending: str = "stays"
    rate_after_put: str = "postponed"

    def but(self, point: str, reading: str) -> "Readings":
        """These readings with another one of a point.

        Raises:
            ValueError: no such point or reading; the message says which there are.
        """
        if point not in POINTS:
            raise ValueError(f"No open point is named {point!r}: there are {', '.join(POINTS)}.")
        if reading not in POINTS[point].readings:
            raise ValueError(f"{point} has no reading {reading!r}: it has {', '.join(POINTS[point].readings)}.")
        return replace(self, **{point.replace("-", "_"): reading})

    def of(self, point: str) -> str:
        """The reading of a point."""
        return str(getattr(self, point.replace("-", "_")))

    def as_mapping(self) -> dict[str, str]:
        """The reading of every point, by the point's name."""
        return {field.name.replace("_", "-"): self.of(field.name) for field in fields(self)}


POINTS: Final[Mapping[str, Point]] = {
    "first-value": Point(
        question="Which labels has the first value of a secret, put under other labels than AWSCURRENT?",
        readings={"also-current": "AWSCURRENT beside those asked for", "as-asked": "those asked for alone"},
    ),
    "retry": Point(
        question="How is a rotation that failed tried again?",
        readings={
            "again": "under its token, from createSecret on",
            "renewed": "under a new token, whose version takes AWSPENDING",
            "resumed": "under its token, from the step that failed on",
        },
    ),
    "step-names": Point(
        question="How is a step spelled in the event?",
        readings={"camel": "createSecret", "snake": "create_secret"},
    ),
    "tested-version": Point(
        question="What has the AWSPENDING version of a test of the configuration?",
        readings={"empty": "no value", "copy": "the current value"},
    ),
    "abandoned-pending": Point(
        question="Where is AWSPENDING after a foreign write made AWS abandon a rotation?",
        readings={"stays": "where it was", "removed": "nowhere"},
    ),
    "rate-after-put": Point(
        question="Does a value put by hand postpone the next rotation of a rate() schedule?",
        readings={"postponed": "yes, as with AutomaticallyAfterDays", "kept": "no"},
    ),
}


def choices() -> list[Readings]:
    """Readings that differ in every point, until each reading of each point was among them."""
    most = max(len(point.readings) for point in POINTS.values())
    return [_choice(place) for place in range(most)]


def _choice(place: int) -> Readings:
    readings = Readings()
    for name, point in POINTS.items():
        options = list(point.readings)
        readings = readings.but(name, options[min(place, len(options) - 1)])
    return readings
