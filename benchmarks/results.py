"""What is written down of a run: a table for people, and rows for programs."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, Measured

FILE = Path(__file__).with_name("results.json")

Row = Mapping[str, Any]


def row_of(benchmark: Benchmark, measured: Measured) -> Row:
    """A figure with what it must reach, and with the machine and the versions it was measured with."""
    return {
        "id": benchmark.id,
        "what": benchmark.what,
        "value": _rounded(measured.value),
        "unit": benchmark.unit,
        "limit": benchmark.limit,
        "better": benchmark.better,
        "beside": {name: _rounded(number) for name, number in measured.beside.items()},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("klaviyo-access", *benchmark.packages)},
        },
    }


def write(rows: Iterable[Row]) -> None:
    """Write rows in the place of those with the same id, and leave the others."""
    known = {row["id"]: row for row in json.loads(FILE.read_text("utf-8"))} if FILE.exists() else {}
    known |= {row["id"]: row for row in rows}
    FILE.write_text(json.dumps([known[name] for name in sorted(known)], indent=1) + "\n", "utf-8")


def line_of(benchmark: Benchmark, row: Row) -> str:
    """A figure as a line of the table."""
    beside = ", ".join(f"{name} {number}" for name, number in row["beside"].items())
    reached = benchmark.is_reached(row["value"])
    verdict = "reached" if reached else "MISSED"
    why = "" if reached or benchmark.known_miss is None else f"\n{'':<34} missed, since {benchmark.known_miss.why}"
    sign = "≤" if benchmark.better == "lower" else "≥"
    return f"{row['id']:<34} {row['value']:>9} {row['unit']:<7} {sign} {row['limit']:<6} {verdict:<8} {beside}{why}"


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")
