"""Where audit entries and their anchors are read from: files, standard input, a log group."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3

from klaviyo_access.audit.delivery import ANCHORS, ENTRIES
from klaviyo_access.audit.verification import StoredLine, split_lines
from klaviyo_access.cli.errors import UsageError
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

ANCHOR_DUE: Final = 120.0
"""Seconds after which a chain must have an anchor: twice what a log takes for one."""


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
        clock: seconds since the epoch.
    """

    def __init__(self, session: boto3.Session, name: str, *, clock: Callable[[], float] = time.time) -> None:
        self._name = name
        self._clock = clock
        self._client: CloudWatchLogsClient = session.client("logs", config=PATIENCE)

    def entries(self) -> Iterator[StoredLine]:
        """The lines of every chain."""
        return self._messages(ENTRIES)

    def anchors(self) -> Iterator[StoredLine]:
        """The lines of every anchor."""
        return self._messages(ANCHORS)

    def _messages(self, kind: str) -> Iterator[StoredLine]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=self._name, logStreamNamePrefix=f"{kind}/"
        )
        due = (self._clock() - ANCHOR_DUE) * 1000
        for page in pages:
            for event in page["events"]:
                stream = event["logStreamName"]
                if stream.startswith(f"{kind}/"):  # not every emulator of AWS heeds the prefix
                    is_fresh = event["ingestionTime"] > due
                    yield StoredLine(text=event["message"], log_stream=stream, is_fresh=is_fresh)
