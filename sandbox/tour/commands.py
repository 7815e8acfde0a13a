"""Runs the commands of a tour with this checkout's interpreter, showing each as a person would type it."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+")


class StepFailedError(Exception):
    """A step's command failed; what it said was shown already."""

    def __init__(self, command: Sequence[str], code: int) -> None:
        super().__init__(f"'{' '.join(command)}' ended with exit code {code}; its own message is above.")
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Runs commands in a checkout.

    Attributes:
        project: folder of the checkout.
        environ: their environment; ``SANDBOX_HOME`` chooses where the sandbox lives.
        console: where they are shown.
    """

    project: Path
    environ: Mapping[str, str]
    console: Console

    def run(self, *command: str, environ: Mapping[str, str] | None = None, stdin: str | None = None) -> None:
        """Show a command and run it with its output on the terminal.

        Raises:
            StepFailedError: it ended with an exit code other than 0.
        """
        self.console.print(f"$ {' '.join(command)}", style="dim", highlight=False, markup=False, soft_wrap=True)
        self.console.file.flush()
        done = self._start(command, environ, stdin=stdin)
        if done.returncode:
            raise StepFailedError(command, done.returncode)

    def output(self, *command: str, environ: Mapping[str, str] | None = None) -> str:
        """Run a command unseen and return what it prints.

        Raises:
            StepFailedError: it ended with an exit code other than 0.
        """
        done = self._start(command, environ, stdout=subprocess.PIPE)
        if done.returncode:
            raise StepFailedError(command, done.returncode)
        return done.stdout

    def succeeds(self, *command: str, environ: Mapping[str, str] | None = None) -> bool:
        """Whether a command ends with exit code 0; nothing of it is shown."""
        return self._start(command, environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    @contextmanager
    def serving(self, *command: str, environ: Mapping[str, str]) -> Iterator[str]:
        """Run a server until the block ends, and yield the loopback address that it says it is running on.

        Raises:
            StepFailedError: it ended without saying one; what it said instead is shown.
        """
        process = subprocess.Popen(  # noqa: S603 - the project's own commands
            _resolved(command),
            cwd=self.project,
            env={**self.environ, **environ},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield _address(process, command)
            finally:
                process.terminate()

    def _start(
        self,
        command: Sequence[str],
        environ: Mapping[str, str] | None,
        *,
        stdin: str | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> subprocess.CompletedProcess[str]:
        process = subprocess.Popen(  # noqa: S603 - the project's own commands
            _resolved(command),
            cwd=self.project,
            env={**self.environ, **(environ or {})},
            stdin=None if stdin is None else subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
        try:
            said, _ = process.communicate(stdin)
        except KeyboardInterrupt:
            process.wait()  # it was interrupted too, and needs its time to leave its state whole
            raise
        return subprocess.CompletedProcess(command, process.returncode, said)


def _address(process: subprocess.Popen[str], command: Sequence[str]) -> str:
    said = ""
    for line in process.stderr or ():
        said += line
        if address := _ADDRESS.search(line):
            return address[0]
    sys.stderr.write(said)
    raise StepFailedError(command, process.wait())


def _resolved(command: Sequence[str]) -> list[str]:
    """The command with this checkout's interpreter, whatever is on PATH."""
    match command:
        case ["python", *rest]:
            return [sys.executable, *rest]
        case ["klaviyo-access", *rest]:
            return [sys.executable, "-m", "klaviyo_access", *rest]
        case _:
            return list(command)
