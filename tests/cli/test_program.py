"""The program as the shell sees it: a process with its exit code, its streams and its terminal."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from klaviyo_access.keys.secret import Key
from tests.cli.cli_fakes import Command, fake_key

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "klaviyo_access"]

# A process of its own with AWS's answers in it: the prompt and the signals are real.
STAGE_WITH_FAKE_AWS = """
import signal
from botocore.httpsession import URLLib3Session
from klaviyo_access.cli.main import run
from tests.cli.cli_fakes import FakeAws

signal.signal(signal.SIGINT, signal.default_int_handler)  # who started the tests in the background ignores it

aws = FakeAws()
aws.deploy("dev")
URLLib3Session.send = lambda _, request: aws.send(request)
run(["keys", "stage", "viewer", "--stack", "dev"])
"""


def start(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in the current directory."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=60)


@pytest.mark.parametrize("package", ["typer", "rich", "boto3", "botocore", "pydantic", "ruamel"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(package: str) -> None:
    script = f"import sys; sys.modules[{package!r}] = None; from klaviyo_access.cli.main import run; run(['doctor'])"
    result = start(sys.executable, "-c", script)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"need the package '{package}" in result.stderr
    assert "pip install 'klaviyo-access[cli]'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("project", "shell")
def test_a_reader_that_leaves_early_is_no_error_to_talk_about() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [*PROGRAM, "scopes", "--stack", "dev", "--json"]
    process = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, env=environ, timeout=60)
    os.close(writing)
    assert process.stderr == b""
    assert process.returncode == 1


@pytest.mark.usefixtures("project", "shell")
def test_standard_input_that_is_no_text_is_wrong_usage() -> None:
    command = [*PROGRAM, "keys", "stage", "viewer", "--stack", "dev"]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"}
    process = subprocess.run(command, input=b"\xff\n", capture_output=True, check=False, env=environ, timeout=60)
    assert process.returncode == 2
    assert b"Give plain UTF-8 text on standard input." in process.stderr


@contextmanager
def on_a_terminal(script: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a script whose terminal is the yielded descriptor."""
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    os.close(its_end)
    try:
        yield terminal, process
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def read_until(terminal: int, words: str) -> str:
    """What the terminal shows up to ``words``, or to the program's end where there are none."""
    shown = b""
    while not words or words.encode() not in shown:
        try:
            shown += os.read(terminal, 1024)
        except OSError:
            break
    return shown.decode()


@pytest.mark.usefixtures("project", "shell")
def test_a_key_at_the_prompt_is_not_echoed() -> None:
    key = fake_key(5)
    with on_a_terminal(STAGE_WITH_FAKE_AWS) as (terminal, process):
        asked = read_until(terminal, "Key for viewer (not shown; Enter to skip): ")
        os.write(terminal, f"{key}\n".encode())
        shown = read_until(terminal, "")
        assert process.wait(60) == 0
    assert "Choose" in asked
    assert f"Staged {Key(key).fingerprint} for viewer" in shown
    assert key not in shown


@pytest.mark.usefixtures("project", "shell")
def test_ctrl_c_at_the_prompt_ends_with_130_and_says_what_was_staged() -> None:
    with on_a_terminal(STAGE_WITH_FAKE_AWS) as (terminal, process):
        read_until(terminal, "Key for viewer (not shown; Enter to skip): ")
        process.send_signal(signal.SIGINT)
        shown = read_until(terminal, "")
        assert process.wait(60) == 130
    assert "Stopped. Staged before: nothing." in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    "path", [("scopes",), ("doctor",), ("keys", "stage"), ("keys", "status"), ("keys", "rotate")], ids=" ".join
)
def test_the_help_of_every_command_explains_it_and_gives_an_example(path: tuple[str, ...], command: Command) -> None:
    result = command(*path, "--help")
    assert result.code == 0
    assert f"Example: klaviyo-access {' '.join(path)}" in result.out
    assert "--stack" in result.out


def test_without_a_command_the_commands_are_listed(command: Command) -> None:
    result = command()
    assert [name for name in ("scopes", "keys", "doctor") if name not in result.out + result.err] == []


def test_the_version_is_the_packages(command: Command) -> None:
    assert command("--version").out.startswith("klaviyo-access ")
