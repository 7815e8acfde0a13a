"""A small Pulumi project of a test's own, deployed to the tests' sandbox by the embedded engine."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine.__main__ import main
from tests.sandbox.running_sandbox import Sandbox

PREAMBLE = """
import json
import pulumi
import pulumi_aws as aws
from pulumi import ComponentResource, ResourceOptions

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
NAME = pulumi.get_project()

def role(name, opts=None, **inputs):
    return aws.iam.Role(name, **{"assume_role_policy": TRUST, "name": f"{NAME}-{name}", **inputs}, opts=opts)

def grant(name, of, opts=None):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
    return aws.iam.RolePolicy(name, name="grant", role=of.name, policy=json.dumps(policy), opts=opts)
"""


@dataclass(frozen=True)
class Run:
    """What a command came to."""

    code: int
    document: Mapping[str, Any] = field(repr=False)

    @property
    def summary(self) -> Mapping[str, int]:
        return dict(self.document["summary"])

    @property
    def outputs(self) -> Mapping[str, Any]:
        return dict(self.document["outputs"])

    @property
    def failures(self) -> str:
        return "\n".join(f"{each['urn']}: {each['message']}" for each in self.document["failures"])

    def steps(self, outcome: str) -> list[str]:
        """Names of the resources with this outcome, in the order in which they were done."""
        return [step["urn"].rpartition("::")[2] for step in self.document["steps"] if step["outcome"] == outcome]


@dataclass(frozen=True)
class Stack:
    """A project in a folder of its own; its name is unique, and the programs put it into their resources' names."""

    directory: Path
    name: str
    sandbox: Sandbox
    capsys: pytest.CaptureFixture[str]

    @property
    def state(self) -> Path:
        return self.directory / ".sandbox" / "state" / "local.json"

    def write(self, program: str, config: str = "aws:region: us-east-1") -> None:
        """Write the program, after the preamble, and the stack's configuration."""
        (self.directory / "Pulumi.yaml").write_text(f"name: {self.name}\nruntime: python\n")
        (self.directory / "Pulumi.local.yaml").write_text(f"config:\n  {config}\n")
        (self.directory / "__main__.py").write_text(PREAMBLE + program)

    def run(self, command: str, program: str | None = None) -> Run:
        """Run a command of the engine, on a new program where one is given."""
        if program is not None:
            self.write(program)
        self.capsys.readouterr()
        code = main([command, "--stack", "local", "--json"])
        return Run(code, json.loads(self.capsys.readouterr().out))

    def role_exists(self, name: str) -> bool:
        iam = self.sandbox.client("iam")
        try:
            iam.get_role(RoleName=f"{self.name}-{name}")
        except iam.exceptions.NoSuchEntityException:
            return False
        return True


def make_stack(
    directory: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Stack:
    """A stack whose commands run as the sandbox's deployer."""
    for name, value in environment(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SANDBOX_HOME", str(directory / ".sandbox"))
    monkeypatch.chdir(directory)
    return Stack(directory, f"p{uuid.uuid4().hex[:10]}", sandbox, capsys)


def environment(sandbox: Sandbox) -> dict[str, str]:
    """The variables with which boto3 is the sandbox's deployer."""
    session = sandbox.session()
    return {
        "AWS_ENDPOINT_URL": sandbox.endpoint,
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
