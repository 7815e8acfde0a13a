"""What every function's entry does: no error but our own leaves it, each with its line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Protocol

from rotation.errors import RotationError, RotatorFailedError
from rotation.runtime.clients import make_client
from rotation.runtime.log import log_failure
from rotation.store import SecretsManagerClient


class LambdaContext(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass
class Progress:
    """Which action a handler is at, and for what."""

    subject: Mapping[str, str]
    action: str = "read event"


@contextmanager
def only_own_errors(**subject: str) -> Iterator[Progress]:
    """Log whatever fails, and let nothing leave that could show a value.

    Args:
        subject: what the rotator is for, as in ``role``.

    Raises:
        RotationError: the only kind of error that leaves, with a fixed text.
    """
    progress = Progress(subject)
    try:
        yield progress
    except RotationError as error:
        log_failure(error, action=progress.action, **subject)
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its text could hold a value
        failed = RotatorFailedError(progress.action, type(error).__name__)
        log_failure(failed, action=progress.action, **subject)
        raise failed from None


@cache
def secrets_manager() -> SecretsManagerClient:
    """The function's client, made once."""
    client: SecretsManagerClient = make_client("secretsmanager")
    return client


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
