"""Rotation as steps from one state of a secret to the next: configured, begun, concluded, cancelled, due."""

import re
from dataclasses import replace
from typing import Final

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.secrets_manager import versions
from sandbox.aws.secrets_manager.schedule import schedule_of
from sandbox.aws.secrets_manager.state import CURRENT, PENDING, Rotation, RotationRules, Secret

FUNCTION_ARN: Final = re.compile(r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:[\w-]+(:[\w$-]+)?")


def configured(secret: Secret, asked: Json, now: float) -> Rotation:
    """A secret's rotation settings after a RotateSecret request, which sets what it names and keeps the rest.

    Raises:
        AwsError: InvalidRequestException, there is no function; InvalidParameterException, no function's ARN or no
            schedule.
    """
    before = secret.rotation
    function = asked.get("RotationLambdaARN") or (before.lambda_arn if before else None)
    if function is None:
        raise AwsError("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
    named = FUNCTION_ARN.fullmatch(function)
    if named is None or named["region"] != secret.region:
        raise AwsError(
            "InvalidParameterException",
            f"RotationLambdaARN is the ARN of a Lambda function in {secret.region}; received {function!r}.",
        )
    rules = _rules(asked["RotationRules"]) if "RotationRules" in asked else (before.rules if before else None)
    settings = replace(before or Rotation(lambda_arn=function), lambda_arn=function, rules=rules, enabled=True)
    if before and before.enabled and before.rules == rules:
        return settings
    return replace(settings, next_window=schedule_of(rules).next(now) if rules else None)


def require_idle(secret: Secret, token: str) -> None:
    """Refuse to begin where AWS takes a rotation to be under way, or where the token names a version already.

    Raises:
        AwsError: InvalidRequestException.
    """
    pending = secret.holder(PENDING)
    if pending and CURRENT not in pending.stages:
        raise AwsError(
            "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted."
        )
    if secret.version(token):
        raise AwsError(
            "InvalidRequestException",
            f"You can't rotate to ClientRequestToken {token} because it is already a version of secret {secret.arn}.",
        )


def begun(secret: Secret, token: str, now: float) -> Secret:
    """The secret at the start of a rotation to ``token``, whose settings it has already."""
    require_idle(secret, token)
    announced = versions.announce(secret, token, now)
    return _with(announced, running=token, attempted=now)


def renewed(secret: Secret, token: str, now: float) -> Secret:
    """The secret whose rotation goes on under another token, which takes AWSPENDING."""
    return _with(versions.announce(secret, token, now), running=token)


def concluded(secret: Secret, token: str, now: float) -> Secret:
    """The secret after its rotation to ``token``.

    It succeeded if AWSCURRENT is there: then AWS removes AWSPENDING and sets the dates. Otherwise all stays as it is.
    """
    if not is_current(secret, token):
        return _with(secret, running=None)
    pending = secret.holder(PENDING)
    cleaned = versions.detach(secret, PENDING) if pending and pending.id == token else secret
    rules = cleaned.rotation.rules if cleaned.rotation else None
    next_window = schedule_of(rules).next(now) if rules else None
    return _with(cleaned, running=None, succeeded=now, next_window=next_window)


def is_current(secret: Secret, token: str) -> bool:
    """Whether AWSCURRENT is on that version."""
    current = secret.holder(CURRENT)
    return current is not None and current.id == token


def stopped(secret: Secret) -> Secret:
    """The secret without the rotation under way; AWSPENDING stays where it is."""
    return _with(secret, running=None)


def tested(secret: Secret, token: str) -> Secret:
    """The secret after a test of its configuration, without the AWSPENDING version that was made for it."""
    pending = secret.holder(PENDING)
    cleaned = versions.without(secret, token) if pending and pending.id == token else secret
    return _with(cleaned, tested=None)


def cancelled(secret: Secret) -> Secret:
    """The secret with rotation switched off, and stopped."""
    return _with(stopped(secret), enabled=False)


def attempted(secret: Secret, now: float) -> Secret:
    """The secret after a window in which no rotation could begin."""
    return _with(secret, attempted=now)


def is_due(secret: Secret, now: float) -> bool:
    """Whether the schedule asks for a rotation now: a window opened in which none was tried yet."""
    rotation = secret.rotation
    if rotation is None or rotation.rules is None or rotation.next_window is None:
        return False
    if not rotation.enabled or rotation.running or secret.purge_at is not None:
        return False
    opening = rotation.next_window
    if rotation.attempted is not None and rotation.attempted >= opening:
        opening = schedule_of(rotation.rules).next(rotation.attempted)
    return now >= opening


def _rules(asked: Json) -> RotationRules:
    duration = asked.get("Duration")
    rules = RotationRules(
        days=asked.get("AutomaticallyAfterDays"),
        expression=asked.get("ScheduleExpression"),
        duration=int(duration.removesuffix("h")) if duration else None,
    )
    schedule_of(rules)
    return rules


def _with(secret: Secret, **changes: float | str | bool | None) -> Secret:
    if secret.rotation is None:
        return secret
    return replace(secret, rotation=replace(secret.rotation, **changes))  # type: ignore[arg-type]  # names are Rotation's
