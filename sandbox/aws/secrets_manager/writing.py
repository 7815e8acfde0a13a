"""Writing a value, and what that does to a secret's rotation."""

from collections.abc import Callable
from dataclasses import replace

from sandbox.aws.secrets_manager import versions
from sandbox.aws.secrets_manager.readings import Readings
from sandbox.aws.secrets_manager.schedule import Rate, schedule_of
from sandbox.aws.secrets_manager.state import CURRENT, PENDING, Secret, Value
from sandbox.aws.secrets_manager.vault import Vault


def write_value(
    vault: Vault,
    arn: str,
    *,
    token: str,
    value: Value,
    stages: tuple[str, ...] | None,
    prepare: Callable[[Secret], Secret] = lambda secret: secret,
) -> Secret:
    """Put a version; one that does not belong to the rotation under way makes AWS abandon that rotation.

    Args:
        vault: where the secret is.
        arn: the secret's.
        token: the id of the new version.
        value: its content.
        stages: its labels; None is AWSCURRENT.
        prepare: a step before the put, done with it or not at all.

    Raises:
        AwsError: as ``versions.put`` does.
    """
    now = vault.clock()
    before = vault.get(arn)

    def step(secret: Secret) -> Secret:
        prepared = prepare(secret)
        put = versions.put(
            prepared, token=token, value=value, stages=stages, now=now, first_value=vault.readings.first_value
        )
        return put if put == prepared else _rotation_after(put, token, now, vault.readings)

    after = vault.change(arn, step)
    if before.running and not after.running:
        vault.record("RotationAbandoned", {"SecretId": arn}, region=after.region)
    return after


def _rotation_after(secret: Secret, token: str, now: float, readings: Readings) -> Secret:
    """Abandon a rotation that is not the writer's, and count a manual write as a rotation where the schedule does.

    AutomaticallyAfterDays counts from the last rotation, and a manual update of the value is one; cron() stays where
    it is. Of rate() the readings differ.
    """
    rotation = secret.rotation
    if rotation is None or rotation.running == token:
        return secret
    if rotation.running and readings.abandoned_pending == "removed":
        pending = secret.holder(PENDING)
        secret = versions.detach(secret, PENDING) if pending and pending.id == rotation.running else secret
    rotation = replace(rotation, running=None)
    current = secret.holder(CURRENT)
    if rotation.enabled and rotation.rules and current and current.id == token:
        schedule = schedule_of(rotation.rules)
        if rotation.rules.days is not None or (readings.rate_after_put == "postponed" and isinstance(schedule, Rate)):
            rotation = replace(rotation, next_window=schedule.next(now))
    return replace(secret, rotation=rotation)
