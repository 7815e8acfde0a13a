"""How a rotator serves a request: a step only of a rotation that is under way, one log line, and the answer."""

from collections.abc import Callable
from typing import Final

from rotation.errors import EventRefusedError, RotationError
from rotation.events import ActionRequest, StepRequest, name_of, version_of
from rotation.report import Report
from rotation.runtime.entry import LambdaContext, Progress
from rotation.runtime.log import write
from rotation.store import StoredSecret

SECONDS_FOR_LABELS: Final = 15.0
"""Kept back from the function's time when Klaviyo is waited for: the labels still have to be written."""


def serve(progress: Progress, request: StepRequest | ActionRequest, *, do: Callable[[], Report]) -> dict[str, object]:
    """Do what a rotator was asked for, write its line, and return the answer.

    Args:
        progress: learns which action the handler is at.
        request: what was asked for.
        do: does it.

    Raises:
        RotationError: what stood against it.
    """
    progress.action = name_of(request)
    report = do()
    version = version_of(request)
    named = {"version": version} if version else {}
    write("INFO", **progress.subject, action=progress.action, **named, **report.logged())
    return report.answer(progress.action)


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


def seconds_left(context: LambdaContext) -> float:
    """Seconds that may still be spent on Klaviyo."""
    return context.get_remaining_time_in_millis() / 1000 - SECONDS_FOR_LABELS
