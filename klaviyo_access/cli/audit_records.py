"""Where audit entries and their anchors are read from: files, standard input, a log group."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from klaviyo_access.audit.delivery import ANCHORS, ENTRIES
from klaviyo_access.audit.verification import split_lines
from klaviyo_access.cli.errors import UsageError
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient


def read_files(paths: Iterable[Path]) -> Iterator[str]:
    """The lines of the files, one after the other; ``-`` is standard input.

    Raises:
        UsageError: a file cannot be read.
    """
    for path in paths:
        try:
            data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        except OSError as error:
            raise UsageError(
                f"Entries and anchors are read from files; {path} cannot be read: {error.strerror}.",
                cure="Name a file of JSON lines, or - for standard input.",
            ) from None
        yield from split_lines(data)


class LogGroup:
    """A log group with a service's entries and anchors.

    Args:
        session: who reads it.
        name: its name.
    """

    def __init__(self, session: boto3.Session, name: str) -> None:
        self._name = name
        self._client: CloudWatchLogsClient = session.client("logs", config=PATIENCE)

    def entries(self) -> Iterator[str]:
        """The lines of every chain."""
        return self._messages(ENTRIES)

    def anchors(self) -> Iterator[str]:
        """The lines of every anchor."""
        return self._messages(ANCHORS)

    def _messages(self, kind: str) -> Iterator[str]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=self._name, logStreamNamePrefix=f"{kind}/"
        )
        for page in pages:
            for event in page["events"]:
                if event["logStreamName"].startswith(f"{kind}/"):  # not every emulator of AWS heeds the prefix
                    yield event["message"]
