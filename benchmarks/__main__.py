"""``python -m benchmarks [--only ID]``: measure, print a table, write results.json. Exit 1: a limit is newly missed."""

import argparse
import sys
from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from benchmarks import cases, results
from benchmarks.benchmark import FULL, Benchmark


def benchmarks() -> dict[str, Benchmark]:
    """Every benchmark by its id, in the order of modules."""
    modules = [import_module(f"{cases.__name__}.{module.name}") for module in iter_modules(cases.__path__)]
    return {one.id: one for module in modules for one in module.BENCHMARKS}


def run(chosen: Iterable[Benchmark]) -> int:
    """Measure, print and write; the exit code."""
    missed = []
    for benchmark in chosen:
        row = results.row_of(benchmark, benchmark.measure(FULL))
        print(results.line_of(benchmark, row), flush=True)  # noqa: T201 - the table is what the command is for
        results.write([row])
        if not benchmark.is_acceptable(row["value"]):
            missed.append(benchmark.id)
    return 1 if missed else 0


def main() -> int:
    """The command."""
    known = benchmarks()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What the project promises in numbers.")
    parser.add_argument("--only", metavar="ID", choices=known, help=f"one figure: {', '.join(known)}")
    only = parser.parse_args().only
    return run([known[only]] if only else known.values())


if __name__ == "__main__":
    sys.exit(main())
