"""What the entry of every rotator does: one log line for each action, and no error but the rotator's own leaves it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, Protocol

from rotation.clients import make_client
from rotation.errors import EventRefusedError, RotationError, RotatorFailedError
from rotation.events import ActionRequest, StepRequest, name_of, version_of
from rotation.log import log_failure, log_report
from rotation.report import Report
from rotation.store import SecretsManagerClient, StoredSecret

SECONDS_FOR_LABELS: Final = 15.0
"""Kept back from the function's time when Klaviyo is waited for: the labels still have to be written."""


class LambdaContext(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass
class Progress:
    """Which action a handler is at, and for what."""

    subject: Mapping[str, str]
    action: str = "read event"

    def serve(self, request: StepRequest | ActionRequest, do: Callable[[], Report]) -> dict[str, object]:
        """Do what a rotator was asked for, write its line, and return the answer.

        Raises:
            RotationError: what stood against it.
        """
        self.action = name_of(request)
        report = do()
        log_report(report, action=self.action, version=version_of(request), **self.subject)
        return report.answer(self.action)


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


def take_step(
    secret: StoredSecret,
    token: str,
    step: Callable[[], Report],
    *,
    hopeless: tuple[type[RotationError], ...],
) -> Report:
    """Take one step of a rotation that is under way.

    Args:
        secret: the secret that is rotated.
        token: id of the version that the step is about.
        step: does it; doing it again changes nothing more.
        hopeless: errors after which this rotation is given up, so that another one can start.

    Raises:
        EventRefusedError: the token names no version of a rotation under way, or of one just finished, or rotation is
            switched off.
        RotationError: what stood against the step.
    """
    if not secret.rotates():
        raise EventRefusedError("Rotation of this secret is switched off: switch it on before its steps are run.")
    version = secret.labels().version(token)
    if version is None or not version.in_use:
        raise EventRefusedError("The ClientRequestToken names no version that is pending or current.")
    try:
        return step()
    except hopeless:
        secret.abandon(token)
        raise


@cache
def secrets_manager() -> SecretsManagerClient:
    """The function's client, made once."""
    client: SecretsManagerClient = make_client("secretsmanager")
    return client


def seconds_left(context: LambdaContext) -> float:
    """Seconds that may still be spent on Klaviyo."""
    return context.get_remaining_time_in_millis() / 1000 - SECONDS_FOR_LABELS


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
