"""What an audit log is made with, handed as one value to each process that writes it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from klaviyo_access.audit.pseudonyms import Pseudonyms
from klaviyo_access.audit.sinks import Sink
from klaviyo_access.audit.suspicion import Suspicions

_COUNTS: Final = ("capacity", "capacity_bytes", "spool_bytes", "anchor_every")
_SECONDS: Final = ("gather_seconds", "anchor_seconds")


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """The settings of one log, as `AuditLog` describes them.

    Attributes:
        service: the service's name.
        sink: where entries go.
        anchors: where anchors go; None where nothing is anchored.
        suspicions: what marks entries.
        pseudonyms: what replaces personal data; None where nothing does.
        spool: directory of all spools.
        spool_bytes: what one chain's spool may hold.
        capacity: entries that the queue may hold.
        capacity_bytes: bytes that their texts may have together.
        gather_seconds: how long entries are gathered in memory.
        anchor_every: entries from one anchor to the next.
        anchor_seconds: how long a delivered entry stays without an anchor at most.
        clock: seconds since the epoch.

    Raises:
        TypeError: a sink that cannot be written to.
        ValueError: a count or a time that is none.
    """

    service: str
    sink: Sink
    anchors: Sink | None
    suspicions: Suspicions
    pseudonyms: Pseudonyms | None
    spool: Path
    spool_bytes: int
    capacity: int
    capacity_bytes: int
    gather_seconds: float
    anchor_every: int
    anchor_seconds: float
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        for name, sink in (("sink", self.sink), ("anchors", self.anchors)):
            if not (callable(getattr(sink, "write", None)) or (name == "anchors" and sink is None)):
                raise TypeError(
                    f"An audit log hands its lines to write(stream, lines) of its sink, and {name} has no such method; "
                    f"given: {type(sink).__name__}. Pass StandardOutput(), CloudWatchLogs(...), or one of your own."
                )
        for name in _COUNTS:
            count = getattr(self, name)
            if type(count) is not int or count < 1:
                raise ValueError(f"{name} is a count of 1 or more; given: {count!r}. Leave it out for what is usual.")
        for name in _SECONDS:
            seconds = getattr(self, name)
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
                raise ValueError(f"{name} is seconds, 0 or more; given: {seconds!r}. Leave it out for what is usual.")
