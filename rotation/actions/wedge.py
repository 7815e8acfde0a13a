"""A rotation that nobody finishes holds up every other one: its AWSPENDING is taken off."""

from datetime import datetime, timedelta
from typing import Final

from klaviyo_access.keys.labels import AwsLabel
from rotation.actions.healing import heal
from rotation.events import Unstick
from rotation.keys.role_keys import RoleKeys
from rotation.report import Outcome, Report

SILENCE: Final = timedelta(minutes=15)
"""After this time without any change to the secret a rotation is over: three times what a step may take. No step runs
while we do, since a rotator runs one at a time; but one may be about to."""


def unstick(keys: RoleKeys, request: Unstick) -> Report:  # noqa: ARG001 - all actions are called alike
    """End a rotation that nobody finishes; its key goes the way of a retired one.

    Args:
        keys: the role's keys, not healed yet: that would be a change, and so hide since when there was none.
        request: names nothing.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    changed = keys.key.changed()
    report = _end(keys, until=changed + SILENCE if changed else keys.clock())
    heal(keys)
    return report


def _end(keys: RoleKeys, *, until: datetime) -> Report:
    pending = keys.key.labels().pending
    if pending is None or pending.has(AwsLabel.CURRENT):
        return Report(outcome=Outcome.NOTHING_PENDING)
    if keys.clock() < until:
        return Report(outcome=Outcome.TOO_EARLY, fingerprint=pending.fingerprint, until=until)
    keys.key.remove(AwsLabel.PENDING, pending.id)
    return Report(outcome=Outcome.UNSTUCK, fingerprint=pending.fingerprint)
