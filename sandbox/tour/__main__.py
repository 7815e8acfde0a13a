"""`python -m sandbox.tour up|down`."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from sandbox.tour.commands import Commands, StepFailedError
from sandbox.tour.report import show
from sandbox.tour.steps import Tour, WrongToolError

STOPPED = "Stopped. What was done stays: the same command goes on from here, 'make down' removes it.\n"


def own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what would lead to another AWS or Klaviyo than the sandbox's."""
    return {name: value for name, value in environ.items() if not name.startswith(("AWS_", "KLAVIYO_", "PULUMI_"))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tour; returns the exit code: 1 where what was seen is not what the project promises."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tour", description="Show all that an environment does.")
    parser.add_argument("direction", choices=["up", "down"])
    direction = parser.parse_args(arguments).direction
    console = Console()
    project = Path(__file__).parents[2]
    tour = Tour(
        commands=Commands(project=project, environ=own_environment(os.environ), console=console), console=console
    )
    try:
        if direction == "down":
            tour.down()
            return 0
        report = tour.up()
    except WrongToolError as failure:
        sys.stderr.write(f"{failure}\n")
        return 2
    except StepFailedError as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code
    except KeyboardInterrupt:
        sys.stderr.write(STOPPED)
        return 130
    show(report, console)
    return 0 if report.is_as_promised else 1


if __name__ == "__main__":
    sys.exit(main())
