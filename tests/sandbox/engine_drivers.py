"""Two drivers of one stack: the embedded engine and the real Pulumi CLI, which tell of a run in the same words."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from sandbox.provider import install
from tests.sandbox.running_sandbox import Sandbox
from tests.sandbox.stack_bench import PREAMBLE, environment

CHECKOUT = Path(__file__).resolve().parents[2]
NO_CLI = "there is no 'pulumi' on PATH: the same scenarios ran on the embedded engine alone"

WORDS: Final = {
    "create": "created",
    "import": "imported",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "same": "unchanged",
}
"""Of the CLI's operations, in the engine's words."""


@dataclass(frozen=True)
class Told:
    """What a command came to: exit code, names of resources by outcome in their order, outputs, failures."""

    code: int
    steps: tuple[tuple[str, str], ...]
    outputs: Mapping[str, Any]
    failures: str = field(repr=False)

    @property
    def summary(self) -> dict[str, int]:
        return dict(Counter(outcome for outcome, _ in self.steps))

    def names(self, outcome: str) -> list[str]:
        return [name for each, name in self.steps if each == outcome]


@dataclass(frozen=True)
class Place:
    """A project in a folder of its own, and the environment of its commands."""

    directory: Path
    name: str
    environ: Mapping[str, str]

    def write(self, program: str, config: str = "") -> None:
        """Write the program, after the preamble, and the stack's configuration, a line of YAML."""
        options = {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}
        project = {"name": self.name, "runtime": options}
        (self.directory / "Pulumi.yaml").write_text(json.dumps(project))
        (self.directory / "Pulumi.local.yaml").write_text(f"config:\n  aws:region: us-east-1\n  {config}\n")
        (self.directory / "__main__.py").write_text(PREAMBLE + program)


def make_place(directory: Path, sandbox: Sandbox) -> Place:
    """A place whose commands run as the sandbox's deployer."""
    home = directory / ".sandbox"
    (home / "state").mkdir(parents=True)
    install(home / "pulumi")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
    pulumi = {
        "SANDBOX_HOME": str(home),
        "PULUMI_HOME": str(home / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{home / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "sandbox",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    return Place(directory, f"p{uuid.uuid4().hex[:10]}", {**kept, **environment(sandbox), **pulumi})


class Driver(Protocol):
    """Runs Pulumi's commands."""

    def start(self, place: Place, command: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own group, which a signal can end at any moment."""

    def told(self, code: int, out: str, err: str) -> Told:
        """What a command that has ended came to."""

    def unlock(self, place: Place) -> None:  # noqa: ARG002 -- the engine's lock goes with its process
        """Free the stack from the lock of a run that was killed."""
        return

    def run(self, place: Place, command: str) -> Told:
        """Run a command to its end."""
        process = self.start(place, command)
        out, err = process.communicate(timeout=120)
        return self.told(process.returncode, out, err)


def start(command: str, directory: Path, environ: Mapping[str, str], *options: str) -> subprocess.Popen[str]:
    """Start a command of the embedded engine, such as ``up``, on the stack ``local`` of a project's folder."""
    return _popen([sys.executable, "-m", "sandbox.engine", command, "--stack", "local", *options], directory, environ)


class Embedded(Driver):
    """The sandbox's own engine."""

    def start(self, place: Place, command: str) -> subprocess.Popen[str]:
        return start(command, place.directory, place.environ, "--json")

    def told(self, code: int, out: str, err: str) -> Told:
        document = json.loads(out) if out else {"steps": [], "outputs": {}, "failures": []}
        steps = tuple((step["outcome"], step["urn"].rpartition("::")[2]) for step in document["steps"])
        failures = "\n".join(each["message"] for each in document["failures"])
        return Told(code, steps, document["outputs"], failures or err)


class Cli(Driver):
    """The real Pulumi CLI."""

    def start(self, place: Place, command: str) -> subprocess.Popen[str]:
        select = ["pulumi", "--non-interactive", "stack", "select", "local", "--create"]
        subprocess.run(select, cwd=place.directory, env=place.environ, check=True, capture_output=True)
        how = ["--json"] if command == "preview" else ["--yes", "--skip-preview", "--json"]
        return _popen(["pulumi", "--non-interactive", command, *how], place.directory, place.environ)

    def unlock(self, place: Place) -> None:
        cancel = ["pulumi", "--non-interactive", "cancel", "--yes", "--stack", "local"]
        subprocess.run(cancel, cwd=place.directory, env=place.environ, check=True, capture_output=True)

    def told(self, code: int, out: str, err: str) -> Told:
        events = [json.loads(line) for line in out.splitlines() if line.startswith('{"sequence"')]
        steps: list[tuple[str, str]] = []
        outputs: Mapping[str, Any] = {}
        for event in events:
            found = event.get("resOutputsEvent", {}).get("metadata")
            if found and found["type"] == "pulumi:pulumi:Stack":
                outputs = (found["new"] or {}).get("outputs", {})
            elif found and found["op"] in WORDS and not found["type"].startswith("pulumi:providers:"):
                steps.append((WORDS[found["op"]], found["urn"].rpartition("::")[2]))
        said = [event["diagnosticEvent"]["message"] for event in events if _is_error(event)]
        return Told(min(code, 1), tuple(steps), outputs, "".join(said) + err)


def drivers() -> list[Any]:
    """Both drivers as parameters; the CLI's is marked, and skipped where there is none."""
    skipped = pytest.mark.skipif(shutil.which("pulumi") is None, reason=NO_CLI)
    return [pytest.param(Embedded(), id="engine"), pytest.param(Cli(), id="cli", marks=[pytest.mark.cli, skipped])]


def _popen(command: list[str], directory: Path, environ: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=directory,
        env={**environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _is_error(event: Mapping[str, Any]) -> bool:
    return bool(event.get("diagnosticEvent", {}).get("severity") == "error")
