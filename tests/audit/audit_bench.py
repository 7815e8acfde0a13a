"""Entries, sinks that tests can take down, and logs that write into a test's own folder."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from klaviyo_access.audit import AuditEntry, AuditLog
from klaviyo_access.audit.chain import Chain
from klaviyo_access.audit.entry import document_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday."""


def entry(action: str = "read-profiles", **fields: Any) -> AuditEntry:
    """An entry of ada's, a marketer."""
    given: dict[str, Any] = {
        "timestamp": NOON,
        "user_id": "ada",
        "role": "marketer",
        "resource": "profiles/1",
        "result": "allowed",
    }
    return AuditEntry(action=action, **(given | fields))


def chain_lines(count: int, stream: str = "app-api/0123456789abcdef") -> list[str]:
    """The lines of a chain of ``count`` entries."""
    chain = Chain(stream)
    return [chain.append(document_of(entry(request_id=f"r-{number}"))) for number in range(count)]


@dataclass
class Kept:
    """A sink that keeps lines, fails while it is down, and hangs while it is held."""

    lines: list[str] = field(default_factory=list)
    streams: set[str] = field(default_factory=set)
    is_down: bool = False
    calls: int = 0
    held: threading.Event | None = None
    written: threading.Event = field(default_factory=threading.Event)

    def write(self, stream: str, lines: Sequence[str]) -> None:
        self.calls += 1
        if self.held is not None:
            self.held.wait()
        if self.is_down:
            raise ConnectionError("the sink is down")
        self.streams.add(stream)
        self.lines.extend(lines)
        self.written.set()


def open_log(directory: Path, sink: Any, **settings: Any) -> AuditLog:
    """A log of the service app-api with its spool in ``directory``, which gathers for a moment only."""
    given: dict[str, Any] = {"spool": directory / "spool", "gather_seconds": 0.001} | settings
    return AuditLog("app-api", sink, **given)
