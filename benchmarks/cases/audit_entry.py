"""An audit entry on a request's path."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

import structlog

from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.timing import in_turn
from klaviyo_access.audit import AuditEntry, AuditLog
from klaviyo_access.audit.sinks import AppendedFile

_FIELDS: Final[Mapping[str, Any]] = {
    "user_id": "ada",
    "role": "marketer",
    "action": "send-campaigns",
    "resource": "campaigns/1",
    "result": "allowed",
    "ip_address": "192.0.2.1",
    "request_id": "0123456789abcdef",
}


def _p99(act: Callable[[], object], calls: int, settle: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        taken = []
        for _ in range(calls):
            started = perf_counter()
            act()
            taken.append(perf_counter() - started)
        settle()
        return quantiles(taken, n=100)[98]

    return measure


def _measure(effort: Effort) -> Measured:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        with (
            (place / "structlog.json").open("w") as file,
            AuditLog("bench", AppendedFile(place / "audit.json"), spool=place / "spool") as audit,
        ):
            logger = structlog.wrap_logger(
                structlog.PrintLogger(file),
                processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer()],
            )
            candidates = {
                "AuditLog.record": _p99(
                    lambda: audit.record(AuditEntry(timestamp=datetime.now(UTC), **_FIELDS)), effort.calls, audit.flush
                ),
                "structlog": _p99(lambda: logger.info("audit", **_FIELDS), effort.calls, file.flush),
            }
            times = in_turn(candidates, rounds=effort.rounds)
            lost = audit.status.lost
    return Measured(
        value=times.ratio("AuditLog.record", "structlog"),
        beside={**{f"{name} p99 (µs)": times.median(name) * 1e6 for name in candidates}, "entries lost": lost},
    )


BENCHMARKS: Final = (
    Benchmark(
        id="audit-entry",
        what="p99 of accepting an audit entry on the request's path, as a part of structlog's to a file",
        unit="ratio",
        limit=1.0,
        measure=_measure,
        packages=("structlog",),
    ),
)
