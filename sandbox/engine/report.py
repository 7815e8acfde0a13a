"""What a run tells: a line for each resource, a summary, or all of it as JSON."""

import json
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from sandbox.engine.goals import Outcome
from sandbox.engine.providers import ProviderError
from sandbox.engine.state import Resource
from sandbox.engine.urns import PROVIDER_PREFIX, STACK_TYPE, name_of

MARKS: Final[dict[Outcome, str]] = {
    "created": "+",
    "imported": "<",
    "updated": "~",
    "replaced": "±",
    "deleted": "-",
    "unchanged": "=",
}
PREVIEWED: Final[dict[Outcome, str]] = {
    "created": "to create",
    "imported": "to import",
    "updated": "to update",
    "replaced": "to replace",
    "deleted": "to delete",
    "unchanged": "unchanged",
}


class ProgramError(Exception):
    """The program itself failed, or a file of the project did."""


class Report:
    """Counts and prints what is done; safe to call from several threads.

    Args:
        preview: speak of what would be done.
        quiet: print no lines; for JSON.
    """

    def __init__(self, *, preview: bool, quiet: bool) -> None:
        self._preview = preview
        self._quiet = quiet
        self._lock = threading.Lock()
        self._steps: list[dict[str, str]] = []
        self.failures: list[tuple[str, Exception]] = []

    def done(self, outcome: Outcome, resource: Resource) -> None:
        """Count a resource, and print its line unless it is unchanged."""
        if resource.type == STACK_TYPE or resource.type.startswith(PROVIDER_PREFIX):
            return
        with self._lock:
            self._steps.append({"outcome": outcome, "urn": resource.urn, "id": resource.id})
            if not self._quiet and outcome != "unchanged":
                word = PREVIEWED[outcome] if self._preview else outcome
                self._say(f" {MARKS[outcome]} {resource.type}  {name_of(resource.urn)}  {word}")

    def interrupted(self, pending: Mapping[str, Mapping[str, Any]]) -> None:
        """Warn of operations that an earlier run began and never ended: this one goes on from there."""
        for urn, operation in pending.items():
            sys.stderr.write(f" ! {urn}: an earlier run was interrupted while {operation['operation']} it.\n")

    def failed(self, urn: str, error: Exception) -> None:
        """Keep a failure, and print it at once."""
        with self._lock:
            self.failures.append((urn, error))
            if not self._quiet:
                sys.stderr.write(f" ✗ {_failure(urn, error)}\n")

    def summary(self, outputs: dict[str, Any], *, as_json: bool) -> None:
        """Print how many of each there are, or everything as JSON."""
        counts = Counter(step["outcome"] for step in self._steps)
        if as_json:
            failures = [{"urn": urn, "message": str(error)} for urn, error in self.failures]
            document = {"summary": counts, "steps": self._steps, "failures": failures, "outputs": outputs}
            self._say(json.dumps(document, indent=2))
            return
        for outcome, mark in MARKS.items():
            if counts[outcome]:
                self._say(f"{mark} {counts[outcome]} {PREVIEWED[outcome] if self._preview else outcome}")
        if not counts:
            self._say("Nothing to do.")

    def exit_code(self) -> int:
        """0: done; 1: something failed; 3: AWS could not be reached."""
        if any(isinstance(error, ProviderError) and error.unreachable for _, error in self.failures):
            return 3
        return 1 if self.failures else 0

    def _say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _failure(urn: str, error: Exception) -> str:
    """A failure in words; its URN only once."""
    said = str(error).removeprefix(f"{urn}: ")
    return f"{urn}: {said}" if urn else said
