"""An audit log as a service uses it: entries are accepted at once, and never at a request's expense."""

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from klaviyo_access.audit import processes
from klaviyo_access.audit.entry import AuditEntry
from klaviyo_access.audit.pseudonyms import Pseudonyms
from klaviyo_access.audit.recorder import Recorder
from klaviyo_access.audit.settings import AuditSettings
from klaviyo_access.audit.sinks import Sink
from klaviyo_access.audit.spool import spool_directory
from klaviyo_access.audit.suspicion import Suspicions
from klaviyo_access.errors import AuditNotConfigured

CLOSE_SECONDS: Final = 5.0
"""How long a process that ends waits for the sink; what it has not taken by then stays on disk."""

_SERVICE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, kw_only=True)
class AuditStatus:
    """How this process's part of a log stands.

    Attributes:
        stream: the name of its chain.
        queued: entries in memory, those that a SIGKILL would lose.
        spooled: batches on disk that the sink has not taken yet.
        delivered: entries that the sink has taken.
        lost: entries that found no room, or could not be kept at the end.
        last_error: the last failure of disk or sink; empty where there was none.
    """

    stream: str
    queued: int
    spooled: int
    delivered: int
    lost: int
    last_error: str


class AuditLog:
    """Accepts audit entries, chains them, and sees them to a sink. May be shared by any number of threads.

    An accepted entry is in memory for about ``gather_seconds``, then on disk until the sink takes it. So a SIGKILL
    loses what was accepted in the last ``gather_seconds`` and the moment of writing it, never more than ``capacity``
    entries; what is on disk the next process of the same user delivers that is given the same ``spool``. SIGTERM, a
    regular exit and `close` lose nothing. Where the sink is down, the spool fills, then the queue; entries that then
    find no room are counted as lost, in `status` and by an entry ``audit.entries-lost`` as soon as there is room.

    Args:
        service: the service's name in access.yaml: small letters, digits and hyphens, at most 40.
        sink: where entries go.
        anchors: where anchors go that show a cut-off end: a sink that the service may only append to. None: nowhere.
        suspicions: what marks entries; nothing where it is None.
        pseudonyms: what replaces personal data; nothing where it is None.
        spool: directory of entries on their way, mode 0700; without it ``KLAVIYO_ACCESS_AUDIT_SPOOL``, then one below
            the temporary directory. It outlives a killed process where it lies on a volume that does.
        spool_bytes: what each process may keep there.
        capacity: entries that the queue in memory may hold.
        capacity_bytes: bytes that the texts of those may have together.
        gather_seconds: how long entries are gathered in memory.
        anchor_every: entries from one anchor to the next.
        anchor_seconds: how long a delivered entry stays without an anchor at most.
        clock: seconds since the epoch.
        environ: the environment variables.

    Raises:
        AuditNotConfigured: the service's name has another form, or the spool cannot be used.
        TypeError: a sink without ``write``.
        ValueError: a count or a time that is none.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own, by keyword
        self,
        service: str,
        sink: Sink,
        *,
        anchors: Sink | None = None,
        suspicions: Suspicions | None = None,
        pseudonyms: Pseudonyms | None = None,
        spool: Path | str | None = None,
        spool_bytes: int = 64 * 1024 * 1024,
        capacity: int = 10_000,
        capacity_bytes: int = 32 * 1024 * 1024,
        gather_seconds: float = 0.05,
        anchor_every: int = 100,
        anchor_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        if not _SERVICE.fullmatch(service):
            raise AuditNotConfigured(
                "An audit log has the name of its service in access.yaml, which has small letters, digits and hyphens "
                f"and at most 40 characters, because chains and log streams are named by it; given: {service!r}."
            )
        self._settings = AuditSettings(
            service=service,
            sink=sink,
            anchors=anchors,
            suspicions=suspicions or Suspicions(()),
            pseudonyms=pseudonyms,
            spool=spool_directory(spool, environ),
            spool_bytes=spool_bytes,
            capacity=capacity,
            capacity_bytes=capacity_bytes,
            gather_seconds=gather_seconds,
            anchor_every=anchor_every,
            anchor_seconds=anchor_seconds,
            clock=clock,
        )
        self._recorder = Recorder(self._settings)
        processes.watch(self)

    def record(self, entry: AuditEntry) -> None:
        """Accept ``entry``. Never raises, never waits: neither disk nor network is touched here."""
        recorder = self._recorder
        if recorder.is_closed or not recorder.intake.accept(entry):
            recorder.troubles.lose(1)
            return
        if not recorder.is_running:
            recorder.start()

    @property
    def status(self) -> AuditStatus:
        """How this process's part of the log stands."""
        recorder = self._recorder
        return AuditStatus(
            stream=recorder.stream,
            queued=len(recorder.intake),
            spooled=recorder.courier.spool.waiting if recorder.courier.spool else 0,
            delivered=recorder.delivery.delivered,
            lost=recorder.troubles.lost,
            last_error=recorder.troubles.last_error,
        )

    def flush(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Wait at most ``timeout`` seconds until the sink has what was accepted so far; whether it has."""
        return self._recorder.flush(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Take no more entries and see the others to the sink, or else to disk.

        Returns:
            whether the sink has every entry that was ever recorded: none is lost, none waits on disk.
        """
        delivered = self._recorder.close(timeout)
        processes.forget(self)
        return delivered

    def restart(self) -> None:
        """In a forked child, where it is called by itself: begin a chain of its own, empty."""
        self._recorder.abandon()
        self._recorder = Recorder(self._settings)

    def __enter__(self) -> Self:
        self._recorder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"AuditLog({self.status})"
