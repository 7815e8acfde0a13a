"""What to do next about a role's keys, and what of it waits for a person and is wrong meanwhile."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from klaviyo_access.cli.keys.rotations import is_under_way
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.cli.times import in_utc
from klaviyo_access.keys.labels import SecretLabels

LEAST_SPARES: Final = 2
"""As many the daily audit asks for."""

LATE: Final = timedelta(days=1)
"""How long after its time a rotation is overdue."""

LONGEST_RUN: Final = timedelta(hours=1)
"""A rotation's steps take 5 minutes each at the most, and AWS tries a failed one again a few times."""


def advice(secrets: RoleSecrets) -> str:
    """What to do next; empty where there is nothing to do."""
    if not secrets.key.rotator_arn:
        return "rotation is not set up: deploy the stack"
    if is_under_way(secrets):
        current = secrets.key.labels.current
        leaked = "the key in use is not to be used; " if current and current.verdict else ""
        return (
            f"{leaked}a rotation is under way, or one failed and left AWSPENDING: if it stays, 'keys unstick' ends it"
        )
    return _standing(secrets)


def alarms(secrets: RoleSecrets, *, began: datetime | None, now: datetime) -> tuple[str, ...]:
    """What is wrong, a sentence each; a rotation at work is not.

    Args:
        secrets: the role's.
        began: when the rotation under way began; None where there is none, or nothing says so.
        now: the time, in UTC.
    """
    return tuple(filter(None, _wrong(secrets, began, now)))


def _wrong(secrets: RoleSecrets, began: datetime | None, now: datetime) -> Iterator[str]:
    if not secrets.key.rotator_arn:
        yield "rotation is not set up: deploy the stack"
    if is_under_way(secrets) and (began is None or now - began > LONGEST_RUN):
        since = f" began at {in_utc(began)} and" if began else ""
        yield f"a rotation{since} has not ended, and no other can start: 'keys unstick' ends it"
    due = secrets.key.next_rotation
    if due and now - due > LATE:
        yield f"its rotation is overdue since {in_utc(due)}: one failed, or is in the way; 'doctor' says why"
    for region, status in secrets.key.behind.items():
        yield f"the replica in {region} is behind ({status}): services there may read an older key; see 'doctor'"
    yield _standing(secrets)


def _standing(secrets: RoleSecrets) -> str:
    """What to do about the key in use and the spares."""
    current, reserve = secrets.key.labels.current, secrets.reserve.labels
    if current is None:
        return "no key yet: rotate" if reserve.spares else "no key yet: stage one, then rotate"
    if current.fingerprint is None:
        return "its key is not managed: 'keys adopt' hands it to the rotator"
    if current.verdict:
        return "the key in use is not to be used: stage a good one if there is no spare, then rotate"
    return "; ".join(filter(None, (_of_writes(reserve), _of_spares(len(reserve.spares)))))


def _of_writes(reserve: SecretLabels) -> str:
    if not reserve.writes_taken:
        return ""
    return "Klaviyo took a write probe: look in the account for what it made, set writeProbes to false and deploy"


def _of_spares(spares: int) -> str:
    if not spares:
        return "no spare: stage one before the next rotation"
    few = f"{spares} of {LEAST_SPARES} spares: stage another, as the daily audit asks for"
    return few if spares < LEAST_SPARES else ""
