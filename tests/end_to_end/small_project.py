"""A project of two roles on a sandbox of its own, small enough to be deployed again and again.

By the engine of the sandbox, and by the Pulumi CLI where there is one.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.deployed import PROJECT, clean_environment

ACCESS = """\
permissions:
  read-profiles: {description: Look people up, scopes: [profiles:read]}
roles:
  support:
    description: Answers people
    owner: help desk
    permissions: [read-profiles]
    scopes: [accounts:read, profiles:read]
  custodian:
    description: Disables keys
    owner: security
    custodian: true
    scopes: [accounts:read, "credentials:*"]
services:
  desk: {description: The help desk's tool, role: support, needs: [profiles:read], reads: library}
environments:
  local: {ceiling: required}
"""
SETTINGS = """\
config:
  aws:region: us-east-1
  aws:s3UsePathStyle: "true"
  aws:skipMetadataApiCheck: "true"
  klaviyo-access:accountId: "000000000000"
  klaviyo-access:owner: platform
  klaviyo-access:deployers: [arn:aws:iam::000000000000:role/sandbox/deployer]
  klaviyo-access:operators: [arn:aws:iam::000000000000:role/sandbox/engineer]
  klaviyo-access:recoveryWindowDays: 7
  klaviyo-access:services: {desk: {platform: lambda}}
encryptionsalt: v1:qRl/Aaaz6cI=:v1:KvXpIm2IGfoFu511:7dkyCpADMw4+OtgpggpBdCV0rbfLoA==
"""
ENGINES = ["embedded", pytest.param("pulumi", marks=pytest.mark.cli)]


@dataclass(frozen=True)
class SmallProject:
    """The project, and the engine that deploys it."""

    project: Path
    environ: Mapping[str, str]
    engine: str
    signed_in: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def run(self, *command: str, who: str = "deployer", stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        if who not in self.signed_in:
            shown = self._run(sys.executable, "-m", "sandbox", "env", "--json", "--as", who).stdout
            self.signed_in[who] = json.loads(shown)
        return self._run(*command, environ=self.signed_in[who], stdin=stdin)

    def _run(
        self, *command: str, environ: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.project,
            env={**self.environ, **(environ or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def deploy(self, command: str) -> str:
        """Run a command of the engine that must succeed; what it says."""
        done = self.try_to(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_to(self, command: str) -> subprocess.CompletedProcess[str]:
        if self.engine == "embedded":
            return self.run(sys.executable, "-m", "sandbox.engine", command, "--stack", "local")
        if command == "unprotect":
            return self.run("pulumi", "state", "unprotect", "--all", "--yes", "--stack", "local", "--non-interactive")
        unattended = [] if command == "preview" else ["--yes", "--skip-preview", "--suppress-outputs"]
        return self.run("pulumi", command, "--stack", "local", "--non-interactive", *unattended)

    def operate(self, *arguments: str, who: str = "operator", stdin: str | None = None) -> str:
        done = self.run(sys.executable, "-m", "klaviyo_access", *arguments, "--stack", "local", who=who, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stage(self, role: str, scopes: str) -> None:
        self.operate("keys", "stage", role, stdin=self.new_key(scopes))

    def new_key(self, scopes: str) -> str:
        """A key out of the sandbox's dashboard."""
        return self.run(sys.executable, "-m", "sandbox", "klaviyo-key", "--scopes", scopes).stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.project / name).write_text(text, "utf-8")

    def secrets(self) -> set[str]:
        """ARNs of the secrets that live, whose last characters AWS draws anew for each secret."""
        found = json.loads(self.operate("restore", "--json", who="deployer"))
        return set(found["klaviyo-access:restored"]["secrets"].values())


@contextmanager
def small_project(
    engine: str, folder: Path, *, access: str = ACCESS, settings: str = SETTINGS
) -> Iterator[SmallProject]:
    """The project, deployed by ``engine`` below ``folder``."""
    if engine == "pulumi" and not shutil.which("pulumi"):
        pytest.skip("there is no pulumi on PATH")
    project = folder / "project"
    project.mkdir()
    for name in ("components", "klaviyo_access", "rotation", "sandbox", ".venv"):
        (project / name).symlink_to(PROJECT / name)
    for name in ("__main__.py", "Pulumi.yaml"):
        shutil.copy(PROJECT / name, project / name)
    environ = clean_environment(folder / "home")
    if engine == "pulumi":
        environ["PATH"] = os.environ["PATH"]
    made = SmallProject(project=project, environ=environ, engine=engine)
    made.write("access.yaml", access)
    made.write("Pulumi.local.yaml", settings)
    subprocess.run(
        [sys.executable, "-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0"],
        cwd=project,
        env=environ,
        check=True,
        capture_output=True,
    )
    try:
        if engine == "pulumi":
            begun = made.run("pulumi", "stack", "init", "local")
            assert begun.returncode == 0, begun.stdout + begun.stderr
            made.write("Pulumi.local.yaml", settings)
        made.deploy("up")
        yield made
    finally:
        subprocess.run([sys.executable, "-m", "sandbox", "stop"], cwd=project, env=environ, check=False)
