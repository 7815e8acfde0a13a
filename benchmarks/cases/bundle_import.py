"""What a cold start of the rotators and of the auditor imports, beside what nearly every Lambda in Python imports."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copy
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.benchmark import Benchmark, Effort, KnownMiss, Measured
from benchmarks.processes import output_of
from benchmarks.timing import in_turn
from components.functions.bundle import bundle_files

_PROJECT: Final = Path(__file__).parents[2]
_TIMED: Final = """
import sys, time
from importlib import import_module

def below(frames):
    return below(frames - 1) if frames else import_module({module!r})

sys.dont_write_bytecode = {uncompiled}
sys.path.insert(0, {folder!r})
started = time.process_time()
below({frames})
print(time.process_time() - started)
"""
_FRAMES: Final = range(0, 136, 17)
"""Frames below the import. Python keeps frames in pieces of 16 KB, as many as 136 of these, and allots a piece anew
whenever a call crosses its edge: by that alone the same import costs up to half more at one depth than at another.
Lambda imports at a depth of its own, so all of them count alike."""
_OURS: Final = ("rotation.rotator", "rotation.auditor.entry")


def _ratio(effort: Effort, *, compiled: bool) -> Measured:
    names = (*_OURS, "boto3")
    with _bundle() as folder:
        timed = {name: partial(_TIMED.format, module=name, folder=folder, uncompiled=not compiled) for name in names}
        for program in timed.values():  # which compiles what is kept compiled
            output_of(program(frames=0))
        times = in_turn({name: partial(_seconds, program) for name, program in timed.items()}, rounds=effort.rounds)
    return Measured(
        value=max(times.ratio(name, "boto3") for name in _OURS),
        beside={f"{name} (CPU ms)": times.median(name) * 1e3 for name in names},
    )


@contextmanager
def _bundle() -> Iterator[str]:
    """A folder with the bundle's files and nothing else: no compiled modules either."""
    with TemporaryDirectory() as folder:
        for name in {name for module in _OURS for name in bundle_files(_PROJECT, module)}:
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            copy(_PROJECT / name, target)
        yield folder


def _seconds(program: Callable[..., str]) -> float:
    """The mean over all depths."""
    return mean(float(output_of(program(frames=frames))) for frames in _FRAMES)


BENCHMARKS: Final = (
    Benchmark(
        id="bundle-import",
        what="a new process's import of rotator or auditor, whichever costs more, by import boto3's, mean over depths",
        unit="ratio",
        limit=1.1,
        measure=partial(_ratio, compiled=True),
        packages=("boto3",),
    ),
    Benchmark(
        id="bundle-import-uncompiled",
        what="the same where the bundle has to be compiled and boto3 has not, as in Lambda",
        unit="ratio",
        limit=1.1,
        measure=partial(_ratio, compiled=False),
        packages=("boto3",),
        known_miss=KnownMiss(
            value=1.3,
            why="Python compiles the sources anew at each cold start; compiled ones would fit one version of it alone",
        ),
    ),
)
