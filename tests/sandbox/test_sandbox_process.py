"""``python -m sandbox`` as a user runs it: a process behind the shell, found again, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.home import Home, Ports, Running

ROOT = Path(__file__).resolve().parents[2]


class Shell:
    """Runs the sandbox's commands with a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "SANDBOX_HOME": str(self.home)}
        command = [sys.executable, "-m", "sandbox", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("start", "--port", "0", "--klaviyo-port", "0", *arguments)

    def pid(self) -> int:
        return int(json.loads(self.run("status", "--json").stdout)["pid"])


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Nothing runs yet."""
    made = Shell(tmp_path / "home")
    yield made
    made.run("stop")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One sandbox for the tests that leave it as it is."""
    made = Shell(tmp_path_factory.mktemp("sandbox") / "home")
    made.start()
    yield made
    made.run("stop")


def test_a_sandbox_starts_answers_and_stops(shell: Shell) -> None:
    started = shell.start()
    assert (started.returncode, started.stderr) == (0, "")
    assert shell.run("status").returncode == 0
    variables = json.loads(shell.run("env", "--json").stdout)
    identity = client("sts", variables).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::000000000000:assumed-role/deployer/deployer"
    assert shell.home.stat().st_mode & 0o777 == 0o700
    assert (shell.home / "pulumi/plugins/resource-aws-v7.51.1/pulumi-resource-aws").exists()
    assert shell.run("stop").returncode == 0
    stopped = shell.run("status")
    assert stopped.returncode == 3
    assert "python -m sandbox start" in stopped.stderr


def test_starting_twice_says_that_it_runs(running: Shell) -> None:
    pid = running.pid()
    again = running.run("start")
    assert again.returncode == 0
    assert f"already running, as process {pid}" in again.stdout


def test_starting_on_other_ports_than_it_runs_on_is_refused(running: Shell) -> None:
    refused = running.run("start", "--port", "1")
    assert refused.returncode == 1
    assert "stop it first" in refused.stderr


def test_a_port_in_use_is_named_with_what_to_do(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = shell.run("start", "--port", str(port), "--klaviyo-port", "0")
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused = Shell(tmp_path / "file").start()
    assert refused.returncode == 1
    assert "SANDBOX_HOME" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_sandbox_that_was_killed_leaves_nothing_in_the_way(shell: Shell) -> None:
    shell.start()
    os.kill(shell.pid(), signal.SIGKILL)
    again = shell.start()
    assert again.returncode == 0
    assert "The sandbox is up" in again.stdout


def test_an_operator_is_another_person_than_the_deployer(running: Shell) -> None:
    variables = json.loads(running.run("env", "--as", "operator", "--json").stdout)
    assert client("sts", variables).get_caller_identity()["Arn"].endswith(":assumed-role/engineer/engineer")


def test_credentials_come_as_the_trust_policy_allows(running: Shell) -> None:
    iam = client("iam", json.loads(running.run("env", "--json").stdout))
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    arn = iam.create_role(RoleName="app", Path="/a/", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    issued = json.loads(running.run("credentials", "--role", arn, "--json").stdout)
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"} <= set(issued)
    assert client("sts", issued).get_caller_identity()["Arn"].startswith("arn:aws:sts::000000000000:assumed-role/app/")
    refused = running.run("credentials", "--role", "arn:aws:iam::000000000000:role/sandbox/intruder")
    assert refused.returncode == 1
    assert "names nobody that the sandbox can be" in refused.stderr


def test_the_role_of_a_service_is_found_in_what_the_stack_gives(running: Shell) -> None:
    missing = running.run("credentials", "--service", "reporting")
    assert (missing.returncode, "run 'make up'." in missing.stderr) == (1, True)
    elsewhere = running.run("credentials", "--service", "reporting", "--stack", "prod")
    assert (elsewhere.returncode, "run 'make up'." in elsewhere.stderr) == (1, False)
    assert "'make up' deploys the stack local here" in elsewhere.stderr
    assert "Services of prod run in AWS" in elsewhere.stderr
    outputs = {"serviceRoleArns": {"reporting": "arn:aws:iam::000000000000:role/sandbox/intruder"}}
    state = {"deployment": {"resources": [{"type": "pulumi:pulumi:Stack", "outputs": outputs}]}}
    (running.home / "state/local.json").write_text(json.dumps(state))
    assert "role/sandbox/intruder" in running.run("credentials", "--service", "reporting").stderr
    unknown = running.run("credentials", "--service", "billing")
    assert "it has: reporting" in unknown.stderr


def test_private_keys_come_one_a_line(running: Shell) -> None:
    made = running.run("klaviyo-key", "--scopes", "profiles:read,lists:write", "--count", "2")
    assert made.returncode == 0
    assert len(set(made.stdout.split())) == 2
    refused = running.run("klaviyo-key", "--scopes", "profile:read")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


def test_the_control_endpoints_answer_nobody_without_the_token(running: Shell) -> None:
    token = running.home / "control-token"
    right = token.read_text()
    token.write_text("another")
    refused = running.run("env")
    token.write_text(right)
    assert refused.returncode == 1
    assert "control token" in refused.stderr


def client(service: str, variables: dict[str, str]) -> Any:
    return boto3.client(
        service,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=variables["AWS_SESSION_TOKEN"],
    )


@pytest.mark.parametrize("module", ["sandbox", "sandbox.tour", "sandbox.engine"])
@pytest.mark.parametrize("package", ["uvicorn", "pulumi", "rich"])
def test_a_missing_package_is_named_with_what_installs_it(module: str, package: str) -> None:
    script = f"import sys, runpy; sys.modules[{package!r}] = None; runpy.run_module({module!r}, run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert f"not installed here: {package}." in ended.stderr
    assert "requirements-dev.txt" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_second_process_does_not_serve_from_the_same_folder(running: Shell) -> None:
    first = Home(running.home)
    assert not first.claim(os.getpid(), Ports(aws=1, klaviyo=2))
    assert first.running() == Running(pid=running.pid(), ports=Ports(**ports_of(running)))


def ports_of(shell: Shell) -> dict[str, int]:
    found = json.loads(shell.run("status", "--json").stdout)
    return {name: int(found[key].rpartition(":")[2]) for name, key in (("aws", "endpoint"), ("klaviyo", "klaviyoUrl"))}


def test_a_stack_goes_with_the_sandbox_that_it_was_deployed_into(shell: Shell) -> None:
    stack = shell.home / "state/local.json"
    shell.start()
    stack.write_text("{}")
    assert shell.run("stop").returncode == 0
    again = shell.run("start")
    assert "It goes on with what it remembers" in again.stdout
    assert stack.exists()
    running = shell.run("forget")
    assert (running.returncode, "stop" in running.stderr, stack.exists()) == (1, True, True)
    shell.run("stop")
    assert shell.run("forget").returncode == 0
    assert not stack.exists()
    stack.write_text("{}")
    assert "goes on" not in shell.start().stdout
    assert not stack.exists()


def test_the_process_gets_nothing_of_the_callers_credentials(shell: Shell) -> None:
    mine = {"AWS_SECRET_ACCESS_KEY": "mine", "AWS_SESSION_TOKEN": "mine", "PULUMI_CONFIG_PASSPHRASE": "mine"}
    command = [sys.executable, "-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0"]
    environment = {**os.environ, "SANDBOX_HOME": str(shell.home), **mine}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    given = Path(f"/proc/{shell.pid()}/environ").read_bytes().split(b"\0")
    assert not [entry for entry in given if entry.endswith(b"=mine")]


def test_ctrl_c_is_one_line(shell: Shell) -> None:
    script = (
        "import sys; from sandbox import asking; from sandbox.__main__ import main\n"
        "def stop(home): raise KeyboardInterrupt\n"
        "asking.running = stop; sys.exit(main(['status']))"
    )
    stopped = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert stopped.returncode == 130
    assert len(stopped.stderr.splitlines()) == 1


def test_the_lines_for_a_shell_leave_no_profile_that_would_win_over_them(running: Shell) -> None:
    for command in (("env",), ("env", "--as", "operator")):
        first, *rest = running.run(*command).stdout.splitlines()
        assert first == "unset AWS_PROFILE AWS_DEFAULT_PROFILE"
        assert all(line.startswith("export ") for line in rest)
