"""The embedded engine interrupted: by Ctrl-C, by a kill, and what the next run makes of what was left."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.engine_drivers import start
from tests.sandbox.running_sandbox import Sandbox
from tests.sandbox.stack_bench import Stack, environment, make_stack

STOPS_ITSELF = """
import os, signal
first = role("first")
second = role("second", opts=ResourceOptions(depends_on=[first]))
first.arn.apply(lambda _: os.kill(os.getpid(), signal.{signal}))
"""
WHOLE = 'first = role("first")\nsecond = role("second", opts=ResourceOptions(depends_on=[first]))\n'


@pytest.fixture
def stack(
    tmp_path: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Stack:
    return make_stack(tmp_path, sandbox, capsys, monkeypatch)


def run_alone(stack: Stack, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, which a signal can end."""
    process = start(command, stack.directory, {**os.environ, **environment(stack.sandbox)})
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def test_ctrl_c_lets_what_is_under_way_finish_and_the_next_run_goes_on(stack: Stack) -> None:
    stack.write(STOPS_ITSELF.format(signal="SIGINT"))
    interrupted = run_alone(stack, "up")
    assert interrupted.returncode == 130
    assert "run the command again to go on from there" in interrupted.stderr
    assert "Traceback" not in interrupted.stderr
    run = stack.run("up", WHOLE)
    assert (run.code, run.summary) == (0, {"created": 1, "unchanged": 1})


def test_after_a_kill_the_next_run_goes_on_from_the_journal(stack: Stack) -> None:
    stack.write(STOPS_ITSELF.format(signal="SIGKILL"))
    assert run_alone(stack, "up").returncode == -signal.SIGKILL
    assert stack.role_exists("first")
    run = stack.run("up", WHOLE)
    assert run.code == 0
    assert "first" in run.steps("unchanged")
    assert stack.run("destroy").summary == {"deleted": 2}


def test_an_interrupted_removal_is_finished(stack: Stack) -> None:
    stack.run("up", 'role("first")')
    stack.sandbox.client("iam").delete_role(RoleName=f"{stack.name}-first")
    run = stack.run("destroy")
    assert (run.code, run.summary) == (0, {"deleted": 1})


def test_a_resource_that_could_not_be_completed_is_recorded_and_completed_by_the_next_run(stack: Stack) -> None:
    program = 'aws.iam.InstanceProfile("profile", name=f"{NAME}-profile", role=f"{NAME}-later")'
    run = stack.run("up", program)
    assert (run.code, "AddRoleToInstanceProfile was refused with NoSuchEntity" in run.failures) == (1, True)
    [profile] = [
        each
        for each in json.loads(stack.state.read_text())["deployment"]["resources"]
        if each["type"] == "aws:iam/instanceProfile:InstanceProfile"
    ]
    assert profile["id"] == f"{stack.name}-profile"
    assert "NoSuchEntity" in profile["initErrors"][0]
    completed = stack.run("up", 'later = role("later")\n' + program.replace('f"{NAME}-later"', "later.name"))
    assert (completed.code, completed.summary) == (0, {"created": 1, "updated": 1})
    assert stack.run("up").summary == {"unchanged": 2}


def test_what_was_completed_by_hand_and_read_is_complete(stack: Stack) -> None:
    program = 'aws.iam.InstanceProfile("profile", name=f"{NAME}-profile", role=f"{NAME}-later")'
    stack.run("up", program)
    iam, later = stack.sandbox.client("iam"), f"{stack.name}-later"
    iam.create_role(RoleName=later, AssumeRolePolicyDocument="{}")
    iam.add_role_to_instance_profile(InstanceProfileName=f"{stack.name}-profile", RoleName=later)
    assert stack.run("refresh").summary == {"updated": 1}
    assert stack.run("up").summary == {"unchanged": 1}


def test_half_a_line_in_the_journal_is_of_something_that_was_not_done(stack: Stack) -> None:
    stack.run("up", 'role("first")')
    stack.state.with_suffix(".journal").write_text('{"gone": {"urn"')
    assert stack.run("up").summary == {"unchanged": 1}
