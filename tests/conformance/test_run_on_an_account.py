"""What ``pytest -m aws`` does with an account: a sandbox stands in for AWS, reached by ambient credentials alone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.conformance.sandbox_account import SandboxAccount, running_sandbox

PROJECT = Path(__file__).parents[2]
FAILS = '''
import pytest

def test_a_secret_with_a_replica_and_no_end(account, secret, rotator):
    """No behaviour at all."""
    secret.client.replicate_secret_to_regions(SecretId=secret.arn, AddReplicaRegions=[{"Region": account.other_region}])
    secret.protect({"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
    secret.client.delete_secret(SecretId=secret.arn)
'''


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxAccount]:
    with running_sandbox(tmp_path_factory.mktemp("stand-in") / "home") as sandbox:
        yield sandbox


def run(stand_in: SandboxAccount, *arguments: str) -> tuple[int, str]:
    """The exit code and the output of a run against the account of ``stand_in``."""
    environ = {"PATH": os.environ["PATH"], **json.loads(stand_in.command("env", "--json"))}
    command = [sys.executable, "-m", "pytest", "-m", "aws", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def left_in(session: boto3.Session, stand_in: SandboxAccount) -> list[str]:
    """What the account still has of secrets, functions and roles."""
    left = []
    for region in (stand_in.region, stand_in.other_region):
        client = session.client("secretsmanager", region_name=region, endpoint_url=stand_in.endpoint_url)
        left += [found["Name"] for found in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]]
    left += [found["FunctionName"] for found in stand_in.client("lambda").list_functions()["Functions"]]
    roles = stand_in.client("iam").list_roles()["Roles"]
    return left + [found["RoleName"] for found in roles if found["Path"] != "/sandbox/"]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_says_which_open_points_it_settled_and_which_not(stand_in: SandboxAccount, processes: str) -> None:
    stand_in.command("reading", "first-value", "as-asked")
    code, said = run(stand_in, "tests/conformance/test_secrets_labels.py", "-k", "first_value", "-n", processes)
    assert code == 0, said
    assert "open points on AWS" in said
    assert "those asked for alone (as-asked)" in said
    assert "retry: How is a rotation that failed tried again? not settled by this run" in said
    assert left_in(stand_in.session(), stand_in) == []


def test_a_run_that_fails_leaves_nothing_behind(stand_in: SandboxAccount, tmp_path: Path) -> None:
    failing = tmp_path / "test_fails.py"
    failing.write_text(FAILS)
    options = ("-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(PROJECT), "-p", "tests.conformance.conftest")
    code, said = run(stand_in, *options, str(failing))
    assert code == 1, said
    assert "still has replica regions" in said
    assert left_in(stand_in.session(), stand_in) == []


def test_without_being_asked_for_no_test_uses_the_ambient_credentials(stand_in: SandboxAccount) -> None:
    environ = {"PATH": os.environ["PATH"], **json.loads(stand_in.command("env", "--json"))}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not end_to_end", "tests/conformance"]
    done = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[aws" not in done.stdout
    rotation = [line for line in done.stdout.splitlines() if "/test_secrets_rotation.py::" in line]
    under = [sum(f"[reading {place}" in line for line in rotation) for place in (1, 2, 3)]
    assert under[0] > 30, rotation
    assert under == [under[0]] * 3, "each behaviour of rotation holds under every reading of the open points"
