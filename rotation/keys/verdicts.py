"""Verdicts: what is passed on a key is passed before anything else is taken off its version, and never taken back.

Where AWS's 20 labels are taken, a grace gives way to a verdict.
"""

from dataclasses import replace
from datetime import timedelta

from klaviyo_access.keys.labels import Leaked, Rejected, Retired, Spare, Version
from rotation.errors import LabelsFullError
from rotation.keys.role_keys import RoleKeys


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


def is_called_leaked(keys: RoleKeys, fingerprint: str) -> bool:
    """Whether the key secret calls a key leaked, also where the list of its labels lags behind the mark.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    return keys.key.value_under(Leaked(fingerprint)) is not None


def make_room(keys: RoleKeys, version: Version) -> None:
    """See that a label is free for ``version``: if none is, one RETIRED gives way, its own or else the youngest.

    Healing gives it again once there is room. Its grace starts anew then, so that a key only lives longer by it.

    Raises:
        LabelsFullError: no label is free, and none is a RETIRED.
        StoreError: a call to Secrets Manager failed.
    """
    labels = keys.key.labels()
    if labels.free:
        return
    retired = [(holder, label) for holder in labels for label in holder.ours if isinstance(label, Retired)]
    if not retired:
        raise LabelsFullError("key", free=0, needed=1)
    holder, label = max(retired, key=lambda pair: (pair[0].id == version.id, pair[1].time))
    keys.key.remove(label, holder.id)
