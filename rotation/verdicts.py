"""Verdicts: what is passed on a key is passed before anything else is taken off its version, and never taken back."""

from dataclasses import replace
from datetime import timedelta

from klaviyo_access.keys.labels import Leaked, Rejected, Retired, SecretLabels, Spare, Version
from rotation.errors import LabelsFullError
from rotation.role_keys import RoleKeys


def condemn(keys: RoleKeys, version: Version, verdict: Rejected | Leaked) -> None:
    """Pass a verdict on a version of the key secret.

    Where AWS's labels are all taken, one RETIRED gives way: healing gives it again, and that grace starts anew.

    Raises:
        LabelsFullError: no label can give way.
        StoreError: a call to Secrets Manager failed.
    """
    labels = keys.key.labels()
    if not labels.free:
        holder, retired = _last_retired(labels, but_first=version)
        keys.key.remove(retired, holder.id)
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


def _last_retired(labels: SecretLabels, *, but_first: Version) -> tuple[Version, Retired]:
    """The RETIRED that gives way: the version's own, else the youngest, whose grace has run the least."""
    found = [(version, label) for version in labels for label in version.ours if isinstance(label, Retired)]
    if not found:
        raise LabelsFullError("key", free=0, needed=1)
    return max(found, key=lambda pair: (pair[0].id == but_first.id, pair[1].time))
