"""Where lines go: standard output, a file, or what else keeps the protocol `Sink`."""

import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Sink(Protocol):
    """Takes lines, in order, for good."""

    def write(self, stream: str, lines: Sequence[str]) -> None:
        """Write all of ``lines``, each without its line's end, or raise; after an error they are all given again.

        Args:
            stream: what the lines belong to: ``entries/<chain>`` or ``anchors/<chain>``.
            lines: at least one, in order.

        Raises:
            Exception: the sink is down; whoever asked keeps the lines and tries again.
        """
        ...


class StandardOutput:
    """Writes each line to the process's standard output, from where the platform collects it.

    Each line is one call of ``write(2)``, so that the processes of a service, which share the pipe, do not tear each
    other's lines apart: POSIX promises that up to 4,096 bytes.
    """

    def write(self, stream: str, lines: Sequence[str]) -> None:  # noqa: ARG002 - every line names its stream itself
        """Write the lines; blocks as long as nobody reads."""
        for line in lines:
            _write_all(sys.__stdout__.fileno() if sys.__stdout__ else 1, f"{line}\n".encode())


class AppendedFile:
    """Appends each line to a file, made with mode 0600.

    Args:
        path: the file; opened for every write, so that it may be rotated away at any time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, stream: str, lines: Sequence[str]) -> None:  # noqa: ARG002 - every line names its stream itself
        """Append the lines.

        Raises:
            OSError: the file cannot be written.
        """
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            for line in lines:
                _write_all(file, f"{line}\n".encode())
        finally:
            os.close(file)


def _write_all(file: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(file, data) :]
        except BlockingIOError:  # a pipe that an event loop has set to non-blocking
            select.select([], [file], [])
