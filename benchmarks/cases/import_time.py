"""What ``import klaviyo_access.keys`` costs a service."""

from functools import partial
from typing import Final

from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.processes import output_of
from benchmarks.timing import in_turn

_TIMED: Final = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
_OURS: Final = "from klaviyo_access.keys import KeyStore"
_HEAVY: Final = ("boto3", "httpx", "pydantic")


def _ratio(effort: Effort) -> Measured:
    statements = {"klaviyo_access.keys": _OURS, "boto3": "import boto3"}
    programs = {name: partial(_seconds, _TIMED.format(statement)) for name, statement in statements.items()}
    times = in_turn(programs, rounds=effort.rounds)
    return Measured(
        value=times.ratio("klaviyo_access.keys", "boto3"),
        beside={f"{name} (ms)": times.median(name) * 1e3 for name in programs},
    )


def _seconds(program: str) -> float:
    return float(output_of(program))


def _loaded(_: Effort) -> Measured:
    loaded = output_of(f"import sys; {_OURS}; print(*sys.modules)").split()
    return Measured(value=sum(name in loaded for name in _HEAVY), beside={"modules": len(loaded)})


BENCHMARKS: Final = (
    Benchmark(
        id="import",
        what="import of klaviyo_access.keys with its KeyStore, as a part of import boto3",
        unit="ratio",
        limit=0.25,
        measure=_ratio,
        packages=("boto3",),
    ),
    Benchmark(
        id="import-heavy-modules",
        what="how many of pydantic, httpx and boto3 are in sys.modules after the import of klaviyo_access.keys",
        unit="modules",
        limit=0,
        measure=_loaded,
    ),
)
