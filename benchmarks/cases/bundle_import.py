"""What a cold start of the rotators and of the auditor imports, beside what nearly every Lambda in Python imports."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.benchmark import Benchmark, Effort, KnownMiss, Measured
from benchmarks.processes import output_of
from benchmarks.timing import in_turn
from components.functions.bundle import bundle_files

_PROJECT: Final = Path(__file__).parents[2]
_TIMED: Final = (
    "import sys, time; sys.dont_write_bytecode = {uncompiled}; sys.path.insert(0, {folder!r}); "
    "t = time.process_time(); import {module}; print(time.process_time() - t)"
)
_OURS: Final = ("rotation.rotator", "rotation.auditor.entry")


def _ratio(effort: Effort, *, compiled: bool) -> Measured:
    with _bundle() as folder:
        programs = {
            name: _TIMED.format(module=name, folder=folder, uncompiled=not compiled) for name in (*_OURS, "boto3")
        }
        for program in programs.values():  # which compiles what is kept compiled
            output_of(program)
        times = in_turn({name: partial(_seconds, program) for name, program in programs.items()}, rounds=effort.rounds)
    return Measured(
        value=max(times.ratio(name, "boto3") for name in _OURS),
        beside={f"{name} (CPU ms)": times.median(name) * 1e3 for name in programs},
    )


@contextmanager
def _bundle() -> Iterator[str]:
    """A folder with the bundle's files and nothing else: no compiled modules either."""
    with TemporaryDirectory() as folder:
        for name in bundle_files(_PROJECT):
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            copy(_PROJECT / name, target)
        yield folder


def _seconds(program: str) -> float:
    return float(output_of(program))


BENCHMARKS: Final = (
    Benchmark(
        id="bundle-import",
        what="a new process's import of the rotator or of the auditor, whichever costs more, by import boto3's",
        unit="ratio",
        limit=1.1,
        measure=partial(_ratio, compiled=True),
        packages=("boto3",),
        known_miss=KnownMiss(
            value=1.3,
            why="the classes of the rotators and of the auditor cost twice what botocore without boto3 saves",
        ),
    ),
    Benchmark(
        id="bundle-import-uncompiled",
        what="the same where the bundle has to be compiled and boto3 has not, as in Lambda",
        unit="ratio",
        limit=1.1,
        measure=partial(_ratio, compiled=False),
        packages=("boto3",),
        known_miss=KnownMiss(
            value=1.5,
            why="Python compiles the sources anew at each cold start; compiled ones would fit one version of it alone",
        ),
    ),
)
