"""The auditor's entry: once a day it looks after every role's keys, and ends those that are to end.

It reads labels, the custodian's key, and by that Klaviyo's list of keys; what is done with the labels of a key, the
role's rotator does. What can be found: `rotation.auditor.findings`.
"""

import os
import time
from functools import cache
from pathlib import Path
from typing import Final, cast

from klaviyo_access.klaviyo.transport import send
from rotation.auditor.events import read_audit
from rotation.auditor.findings import Record
from rotation.auditor.rotators import FunctionsClient, Rotators
from rotation.auditor.round import SECONDS_TO_ENABLE, Round
from rotation.auditor.settings import AuditorSettings
from rotation.auditor.sight import SecretsClient, Sight
from rotation.auditor.trail import Trail, TrailClient
from rotation.runtime.clients import make_client
from rotation.runtime.entry import LambdaContext, now, only_own_errors, secrets_manager
from rotation.runtime.log import write, write_line

_BUNDLE: Final = Path(__file__).parents[2]
_SECONDS_TO_END: Final = 20.0
"""Kept back for the report."""

_SECONDS_OF_A_ROTATOR: Final = 310


def handler(event: object, context: LambdaContext) -> dict[str, object]:
    """Look after the environment's keys.

    Args:
        event: as `rotation.auditor.events` says.
        context: tells how much time is left.

    Returns:
        What was found and done: ``outcome`` is ``fine`` or ``findings``.

    Raises:
        RotationError: the only kind of error that leaves, with a fixed text.
    """
    environment = os.environ.get("ENVIRONMENT", "")
    with only_own_errors(environment=environment) as progress:
        settings = AuditorSettings.of(os.environ, _BUNDLE)
        chosen = read_audit(event, settings.roles)
        progress.action = "audit"
        audit, is_whole = _round(settings, context), False
        try:
            record = audit.go(chosen)
            is_whole = chosen == settings.roles
            write("INFO", environment=environment, **_summary(record))
        finally:  # what was found until a round broke off is counted as well
            write_line(audit.record.metrics(environment, now(), is_whole=is_whole))
        return record.answer()


def _round(settings: AuditorSettings, context: LambdaContext) -> Round:
    def time_left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - _SECONDS_TO_END - SECONDS_TO_ENABLE

    return Round(
        settings=settings,
        sight=Sight(cast("SecretsClient", secrets_manager())),
        rotators=Rotators(client=_functions(), sleep=time.sleep, time_left=time_left),
        trail=Trail(_trail()),
        send=send,
        sleep=time.sleep,
        time_left=time_left,
        clock=now,
    )


def _summary(record: Record) -> dict[str, object]:
    answer = record.answer()
    return answer | {"findings": len(record.findings)}


@cache
def _functions() -> FunctionsClient:
    """The function's client for Lambda, made once. An invocation is never sent twice by itself."""
    client: FunctionsClient = make_client("lambda", read_timeout=_SECONDS_OF_A_ROTATOR, attempts=1)
    return client


@cache
def _trail() -> TrailClient:
    client: TrailClient = make_client("cloudtrail")
    return client
