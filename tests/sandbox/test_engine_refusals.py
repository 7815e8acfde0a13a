"""What the embedded engine refuses by name, and with which exit code."""

import fcntl
import socket
from pathlib import Path

import pytest

from sandbox.engine.__main__ import main
from tests.sandbox.running_sandbox import Sandbox
from tests.sandbox.stack_bench import Stack, make_stack


@pytest.fixture
def stack(
    tmp_path: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Stack:
    return make_stack(tmp_path, sandbox, capsys, monkeypatch)


PROTECTING = """
def change(args):
    args.opts.protect = True
    return pulumi.ResourceTransformResult(args.props, args.opts)

pulumi.runtime.register_resource_transform(change)
role("a")
"""

UNSUPPORTED = {
    "a secret input": ('role("a", description=pulumi.Output.secret("x"))', "property 'description' is a secret"),
    "a secret output": ('pulumi.export("x", pulumi.Output.secret("hidden"))', "property 'x' is a secret"),
    "another package": ('pulumi.CustomResource("random:index/a:A", "a")', "a provider of the package 'random'"),
    "replaceOnChanges": ('role("a", opts=ResourceOptions(replace_on_changes=["tags"]))', "replaceOnChanges"),
    "customTimeouts": (
        'role("a", opts=ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="1m")))',
        "customTimeouts",
    ),
    "deletedWith": ('role("a", opts=ResourceOptions(deleted_with=role("b")))', "does not support the DeletedWith"),
    "retainOnDelete": ('role("a", opts=ResourceOptions(retain_on_delete=True))', "retainOnDelete"),
    "deleteBeforeReplace": ('role("a", opts=ResourceOptions(delete_before_replace=True))', "deleteBeforeReplace"),
    "transforms": ('role("a", opts=ResourceOptions(transforms=[lambda args: None]))', "transforms of one resource"),
    "a transform of options": (
        PROTECTING,
        "a transform that changes a resource's options",
    ),
    "a lookup of nothing": ('aws.iam.Role.get("a", "some-role")', "no aws:iam/role:Role 'some-role'"),
    "looking at what is ours": ('aws.iam.Role.get("a", f"{NAME}-a")', "which this stack has made, to only look at it"),
    "two of one name": ('role("a")\nrole("a")', "two resources with the URN"),
    "a wildcard": ('role("a", opts=ResourceOptions(ignore_changes=["tags[*]"]))', "ignoreChanges with the path"),
    "an unknown type": ('aws.sqs.Queue("a")', "has no resource type 'aws:sqs/queue:Queue'"),
    "an unknown function": ("aws.get_availability_zones()", "has no function 'aws:index/getAvailabilityZones"),
}


@pytest.mark.parametrize(("program", "message"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_is_not_supported_is_refused_by_name(stack: Stack, program: str, message: str) -> None:
    if "ignore_changes" in program or "NAME" in program:
        stack.run("up", 'role("a")')
    run = stack.run("up", program)
    assert run.code == 1
    assert message in run.failures
    assert "hidden" not in (stack.state.read_text() if stack.state.exists() else "")


WRONG = {
    "no project": (None, None, "There is no"),
    "unknown stack": ("name: x\nruntime: python\n", None, "There is no stack 'local'"),
    "broken YAML": ("name: [", "config: {}", "is not YAML"),
    "no name": ("runtime: python\n", "config: {}", "has no 'name'"),
    "a list": ("- x\n", "config: {}", "must hold a mapping"),
    "a naming pattern": ("name: x\n", 'config:\n  pulumi:autonaming: {pattern: "a"}', "autonaming"),
    "an encrypted value": ("name: x\n", "config:\n  x:key:\n    secure: abc", "'x:key' is encrypted"),
}


@pytest.mark.parametrize(("project", "settings", "message"), WRONG.values(), ids=WRONG)
def test_wrong_files_are_wrong_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    project: str | None,
    settings: str | None,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if project is not None:
        (tmp_path / "Pulumi.yaml").write_text(project)
    if settings is not None:
        (tmp_path / "Pulumi.local.yaml").write_text(settings)
    assert main(["up", "--stack", "local"]) == 2
    assert message in capsys.readouterr().err


def test_a_second_run_on_the_same_stack_is_kept_out(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.run("up", "pass")
    with stack.state.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["up", "--stack", "local"]) == 2
    assert "Another run works on this stack" in capsys.readouterr().err


def test_an_aws_that_is_not_there_is_told_with_its_own_exit_code(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_port}")
    run = stack.run("up", 'role("a")')
    assert run.code == 3
    assert "python -m sandbox start" in run.failures


def test_an_endpoint_elsewhere_is_refused(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://sts.amazonaws.com")
    run = stack.run("up", 'role("a")')
    assert run.code == 1
    assert "calls loopback addresses only" in run.failures


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
