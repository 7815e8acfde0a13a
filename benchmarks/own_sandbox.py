"""A sandbox of a benchmark's own, and commands that use it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from benchmarks.sized_project import CHECKOUT


@contextmanager
def own_sandbox(home: Path) -> Iterator[Mapping[str, str]]:
    """Run a sandbox on free ports until the block ends, and yield the environment of its deployer's commands.

    Args:
        home: folder of the sandbox, which is new.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KLAVIYO_", "PULUMI_"))}
    environ = {**kept, "SANDBOX_HOME": str(home), "PYTHONPATH": str(CHECKOUT)}
    run(["sandbox", "start", "--port", "0", "--klaviyo-port", "0"], CHECKOUT, environ)
    try:
        yield environ | json.loads(run(["sandbox", "env", "--json"], CHECKOUT, environ))
    finally:
        run(["sandbox", "stop"], CHECKOUT, environ)


def run(module_and_arguments: list[str], directory: Path, environ: Mapping[str, str]) -> str:
    """Run a Python module to its end and return what it prints.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    command = [sys.executable, "-m", *module_and_arguments]
    done = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - this Python, modules of this project
    if done.returncode:
        raise RuntimeError(f"{' '.join(module_and_arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def seconds_of(module_and_arguments: list[str], directory: Path, environ: Mapping[str, str]) -> float:
    """What a Python module takes to its end, start included, in seconds."""
    began = perf_counter()
    run(module_and_arguments, directory, environ)
    return perf_counter() - began
