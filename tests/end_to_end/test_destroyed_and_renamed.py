"""A stack that is destroyed and comes back within the recovery window, and one in which things are renamed.

By the engine of the sandbox, and by the Pulumi CLI where there is one.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.deployed import PROJECT, clean_environment

pytestmark = pytest.mark.end_to_end

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
COMPONENT = 'KlaviyoAccess("klaviyo", args)'
RENAMED = 'KlaviyoAccess("keys", args, pulumi.ResourceOptions(aliases=[pulumi.Alias(name="klaviyo")]))'
ENGINES = ["embedded", pytest.param("pulumi", marks=pytest.mark.cli)]


@dataclass(frozen=True)
class World:
    """A project of two roles on a sandbox of its own, and the engine that deploys it."""

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
        unattended = [] if command == "preview" else ["--yes", "--skip-preview", "--suppress-outputs"]
        return self.run("pulumi", command, "--stack", "local", "--non-interactive", *unattended)

    def operate(self, *arguments: str, who: str = "operator", stdin: str | None = None) -> str:
        done = self.run(sys.executable, "-m", "klaviyo_access", *arguments, "--stack", "local", who=who, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stage(self, role: str, scopes: str) -> None:
        key = self.run(sys.executable, "-m", "sandbox", "klaviyo-key", "--scopes", scopes).stdout
        self.operate("keys", "stage", role, stdin=key)

    def write(self, name: str, text: str) -> None:
        (self.project / name).write_text(text, "utf-8")

    def secrets(self) -> set[str]:
        """ARNs of the secrets that live, whose last characters AWS draws anew for each secret."""
        found = json.loads(self.operate("restore", "--json", who="deployer"))
        return set(found["klaviyo-access:restored"]["secrets"].values())


@pytest.fixture(params=ENGINES, scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    engine = str(request.param)
    if engine == "pulumi" and not shutil.which("pulumi"):
        pytest.skip("there is no pulumi on PATH")
    folder = tmp_path_factory.mktemp(engine)
    project = folder / "project"
    project.mkdir()
    for name in ("components", "klaviyo_access", "rotation", "sandbox", ".venv"):
        (project / name).symlink_to(PROJECT / name)
    for name in ("__main__.py", "Pulumi.yaml"):
        shutil.copy(PROJECT / name, project / name)
    environ = clean_environment(folder / "home")
    if engine == "pulumi":
        environ["PATH"] = os.environ["PATH"]
    made = World(project=project, environ=environ, engine=engine)
    made.write("access.yaml", ACCESS)
    made.write("Pulumi.local.yaml", SETTINGS)
    subprocess.run(
        [sys.executable, "-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0"],
        cwd=project,
        env=environ,
        check=True,
        capture_output=True,
    )
    try:
        if engine == "pulumi":
            assert made.run("pulumi", "stack", "init", "local").returncode == 0
            made.write("Pulumi.local.yaml", SETTINGS)
        made.deploy("up")
        yield made
    finally:
        subprocess.run([sys.executable, "-m", "sandbox", "stop"], cwd=project, env=environ, check=False)


def test_a_destroyed_stack_comes_back_within_the_recovery_window_with_its_keys(world: World) -> None:
    world.stage("support", "accounts:read,profiles:read")
    before = world.secrets()
    world.deploy("destroy")

    restored = world.operate("restore", who="deployer")
    world.write("Pulumi.local.yaml", SETTINGS.replace("config:\n", f"config:\n{restored}", 1))
    world.deploy("up")
    world.write("Pulumi.local.yaml", SETTINGS)
    world.deploy("up")

    assert "unchanged" in world.deploy("up")
    assert world.secrets() == before
    assert "rotated" in world.operate("keys", "rotate", "support")


def test_nothing_that_is_renamed_replaces_or_deletes_a_secret(world: World) -> None:
    before = world.secrets()

    world.write("access.yaml", ACCESS.replace("  support:", "  helpers:").replace("role: support", "role: helpers"))
    refused = world.try_to("preview")
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "no longer have klaviyo/local/support/key, klaviyo/local/support/reserve. Renamed?" in said
    assert "Traceback" not in said

    world.write("access.yaml", ACCESS.replace("desk:", "front-desk:"))
    world.write("Pulumi.local.yaml", SETTINGS.replace("desk:", "front-desk:"))
    world.deploy("up")
    assert world.secrets() == before

    program = (world.project / "__main__.py").read_text("utf-8")
    assert COMPONENT in program
    world.write("__main__.py", program.replace(COMPONENT, RENAMED))
    said = world.deploy("up")
    assert "created" not in said
    assert "deleted" not in said
    assert world.secrets() == before
