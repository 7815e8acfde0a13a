"""Random orders of what people, AWS, Klaviyo, faults and time do to keys, and whether an invariant is violated."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.benchmark import Benchmark, Effort, Measured

_ROOT: Final = Path(__file__).parents[2]


def _measure(effort: Effort) -> Measured:
    command = [sys.executable, "-m", "tests.rotation.state_machine", "--schedules", str(effort.schedules)]
    played = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, check=False, text=True)  # noqa: S603 - this Python, a program of this project
    if played.returncode not in {0, 1}:
        raise RuntimeError(f"The schedules ended with {played.returncode}.")
    told = json.loads(played.stdout)
    return Measured(value=told["violations"], beside={"schedules": told["schedules"], "first seed": told["seed"]})


BENCHMARKS: Final = (
    Benchmark(
        id="rotation-schedules",
        what="violations of what must hold of keys, over 10,000 random orders of what can happen to them",
        unit="violations",
        limit=0,
        measure=_measure,
    ),
)
