"""What an audit log is made with, handed as one value to each process that writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from klaviyo_access.audit.pseudonyms import Pseudonyms
from klaviyo_access.audit.sinks import Sink
from klaviyo_access.audit.suspicion import Suspicions


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
        gather_seconds: how long entries are gathered in memory.
        anchor_every: entries from one anchor to the next.
        anchor_seconds: how long a delivered entry stays without an anchor at most.
        clock: seconds since the epoch.
    """

    service: str
    sink: Sink
    anchors: Sink | None
    suspicions: Suspicions
    pseudonyms: Pseudonyms | None
    spool: Path
    spool_bytes: int
    capacity: int
    gather_seconds: float
    anchor_every: int
    anchor_seconds: float
    clock: Callable[[], float]
