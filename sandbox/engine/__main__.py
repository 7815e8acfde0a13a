"""``python -m sandbox.engine preview|up|refresh|destroy|output|unprotect --stack NAME [--json]``."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from sandbox.engine.deployment import Deployment
from sandbox.engine.monitor import Engine, Monitor
from sandbox.engine.project import Project, ProjectError, load
from sandbox.engine.providers import ProviderError, Providers
from sandbox.engine.refresh import refresh
from sandbox.engine.report import ProgramError, Report
from sandbox.engine.run import run_program
from sandbox.engine.state import State, StateFile, StateLockedError
from sandbox.engine.steps import ProtectedError
from sandbox.engine.urns import STACK_TYPE
from sandbox.engine.values import UnsupportedFeatureError
from sandbox.home import Home
from sandbox.provider.beginnings import Beginnings
from sandbox.provider.servicer import AwsProvider

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 failed, 2 wrong usage, 3 AWS could not be reached."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.engine", description=__doc__)
    parser.add_argument("command", choices=("preview", "up", "refresh", "destroy", "output", "unprotect"))
    parser.add_argument("--stack", required=True, help="the stack's name, as in Pulumi.<stack>.yaml")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    options = parser.parse_args(arguments)
    try:
        project = load(Path.cwd(), options.stack)
        with StateFile(Home.of(os.environ).state / f"{options.stack}.json") as state:
            if options.command == "output":
                sys.stdout.write(json.dumps(_outputs(state), indent=2) + "\n")
                return 0
            if options.command == "unprotect":
                sys.stdout.write(f"Unprotected {_unprotect(state)} resources.\n")
                return 0
            return _deploy(options.command, project, state, as_json=options.json)
    except (ProjectError, StateLockedError, UnsupportedFeatureError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _deploy(command: str, project: Project, state: State, *, as_json: bool) -> int:
    preview = command == "preview"
    report = Report(preview=preview, quiet=as_json)
    if command == "up":
        report.interrupted(state.pending)
    if preview:
        state = state.copy()
    beginnings = Beginnings.of(os.environ)
    providers = Providers(lambda: AwsProvider(beginnings=beginnings))
    deployment = Deployment(project, state=state, providers=providers, report=report, preview=preview)
    monitor = Monitor(deployment, report)
    with _Interruption(monitor.stop) as interruption:
        try:
            if command == "refresh":
                refresh(state, providers, report)
            if command in {"preview", "up"}:
                run_program(project, monitor, Engine(report), preview=preview)
            if command != "refresh" and monitor.goes_on() and not report.failures:
                deployment.remove_the_rest(monitor.goes_on)
        except (ProgramError, ProtectedError, ProviderError) as error:
            report.failed("", error)
    beginnings.close()
    report.summary(_outputs(state), as_json=as_json)
    return INTERRUPTED if interruption.happened else report.exit_code()


def _outputs(state: State) -> dict[str, Any]:
    """What the stack gives."""
    for resource in state.resources.values():
        if resource.type == STACK_TYPE:
            return resource.outputs
    return {}


def _unprotect(state: State) -> int:
    """Let everything be removed, as ``pulumi state unprotect --all`` does; how many resources that are."""
    protected = [resource for resource in state.resources.values() if resource.protect]
    for resource in protected:
        state.put(replace(resource, protect=False))
    return len(protected)


class _Interruption:
    """While it lasts, Ctrl-C lets what is under way finish; a second one ends the process."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self.happened = False

    def __enter__(self) -> "_Interruption":
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        if self.happened:
            raise KeyboardInterrupt
        self.happened = True
        # Not by sys.stderr, which may be at work itself when the signal comes.
        os.write(2, b"Interrupted: what is under way finishes; run the command again to go on from there.\n")
        self._stop()


if __name__ == "__main__":
    sys.exit(main())
