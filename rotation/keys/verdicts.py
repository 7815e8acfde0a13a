"""Verdicts: what is passed on a key is passed before anything else is taken off its version, and never taken back."""

from dataclasses import replace
from datetime import timedelta

from klaviyo_access.keys.labels import Leaked, Rejected, Spare, Version
from rotation.errors import LabelsFullError
from rotation.keys.role_keys import RoleKeys
from rotation.keys.room import make_room


def condemn(keys: RoleKeys, version: Version, verdict: Rejected | Leaked) -> None:
    """Pass a verdict on a version of the key secret.

    Raises:
        LabelsFullError: no label is free or can give way.
        StoreError: a call to Secrets Manager failed.
    """
    make_room(keys, version)
    keys.key.add(verdict, version.id)


def reject_spare(keys: RoleKeys, version: Version, verdict: Rejected) -> None:
    """Pass a verdict on a spare: the verdict first, so that the version is never without a label.

    Labels are unique: where the same key was staged twice, the second verdict says a later second.

    Raises:
        LabelsFullError: no label is free on the reserve.
        StoreError: a call to Secrets Manager failed.
    """
    labels = keys.reserve.labels()
    if not labels.free:
        raise LabelsFullError("reserve", free=0, needed=1)
    while any(verdict in other.labels for other in labels):
        verdict = replace(verdict, time=verdict.time + timedelta(seconds=1))
    keys.reserve.add(verdict, version.id)
    for label in version.ours:
        if isinstance(label, Spare):
            keys.reserve.remove(label, version.id)
