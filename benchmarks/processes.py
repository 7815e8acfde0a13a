"""Python processes that say when they are so far."""

import os
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter


def _environment() -> dict[str, str]:
    """The caller's, with compiled modules kept: an installed package has them, a checkout only where it may write."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def until_output(program: str) -> Callable[[], float]:
    """A candidate that starts a process; what it takes is the time until the program prints its first line, in seconds.

    Args:
        program: Python source that prints a line.
    """

    def measure() -> float:
        started = perf_counter()
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=_environment()) as process:  # noqa: S603 - this Python, programs of this package
            printed = process.stdout.readline() if process.stdout else b""
            taken = perf_counter() - started
        if not printed or process.returncode:
            raise RuntimeError(f"A program of a benchmark ended with {process.returncode}: {program}")
        return taken

    return measure


def output_of(program: str) -> str:
    """What a process prints."""
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, check=True, text=True, env=_environment())  # noqa: S603 - this Python, programs of this package
    return finished.stdout.strip()
