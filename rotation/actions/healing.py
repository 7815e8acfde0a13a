"""Healing: what a run that was killed left behind is put right, first in every run. It never drops a verdict that
stands on the key secret, and labels of the reserve never govern the key secret."""

from klaviyo_access.keys.labels import (
    LEAKED_SPARE,
    Disabling,
    HoldsKey,
    Leaked,
    Rejected,
    Retired,
    SecretLabels,
    Spare,
    Version,
)
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.values import find_key


def heal(keys: RoleKeys) -> None:
    """Bring the labels of both secrets to what a run without a crash would have left.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    _adopt(keys, keys.key.labels())
    key, reserve = keys.both_labels()
    if _gather(keys, key):
        key = keys.key.labels()
    _revive(keys, key)
    _retire_superseded(keys, key)
    _clear_reserve(keys, key, reserve)
    if not keys.settings.write_probes:  # an operator has seen to the write that Klaviyo took
        for version, label in reserve.writes_taken:
            keys.reserve.remove(label, version.id)


def _adopt(keys: RoleKeys, key: SecretLabels) -> None:
    """A key that services read, or did before, and that was put by somebody else gets its KEY: it is ours from now."""
    for version in (key.current, key.previous):
        if version is None or version.holds_key:
            continue
        found = find_key(value_of(keys.key, version.id))
        if found:
            if version is key.current and key.previous:
                _begin_anew(keys, key.previous)
            _name(keys, version, HoldsKey(found.fingerprint))


def _name(keys: RoleKeys, version: Version, name: HoldsKey) -> None:
    """Say by a label which key a version holds: it comes from a version that services left earlier, if one has it."""
    labels = keys.key.labels()
    holder = next((other for other in labels if name in other.ours), None)
    if holder is None:
        if labels.free:
            keys.key.add(name, version.id)
    elif not holder.in_use:
        keys.key.move(name, to=version.id, holder=holder.id)


def _begin_anew(keys: RoleKeys, left: Version) -> None:
    """Services read it until somebody put another one by hand, whatever is noted of an end before that."""
    for label in left.ours:
        if isinstance(label, Retired | Disabling):
            keys.key.remove(label, left.id)


def _gather(keys: RoleKeys, key: SecretLabels) -> bool:
    """Where KEY went to another version, since a known key was put again, that key's life goes on there: verdicts
    follow, and its end is called off. Whether there was anything to do."""
    strays = [
        (label, version, holder)
        for holder in key
        for version in key
        for label in version.ours
        if version is not holder and label.fingerprint == holder.fingerprint
    ]
    for label, version, holder in strays:
        if isinstance(label, Leaked | Rejected):
            keys.key.move(label, to=holder.id, holder=version.id)
        else:
            keys.key.remove(label, version.id)
    return bool(strays)


def _revive(keys: RoleKeys, key: SecretLabels) -> None:
    """What is live or pending is neither retired nor being disabled."""
    for version in key:
        if version.in_use:
            for label in version.ours:
                if isinstance(label, Retired | Disabling):
                    keys.key.remove(label, version.id)


def _retire_superseded(keys: RoleKeys, key: SecretLabels) -> None:
    """A key that is neither current nor pending, and has no life of its own yet, starts its grace now."""
    superseded = [version for version in key if not version.in_use and _holds_key_alone(version)]
    for version in superseded[: key.free]:
        if version.fingerprint:
            keys.key.add(Retired(keys.clock(), version.fingerprint), version.id)


def _holds_key_alone(version: Version) -> bool:
    return len(version.ours) == 1 and isinstance(version.ours[0], HoldsKey)


def _clear_reserve(keys: RoleKeys, key: SecretLabels, reserve: SecretLabels) -> None:
    """A spare ends on the reserve once the key secret holds its key, or once a verdict was passed on it.

    That it leaked stays until the key secret says so too: a person may have put a leaked spare by hand.
    """
    leaked = {label.fingerprint for version in key for label in version.ours if isinstance(label, Leaked)}
    for version in reserve:
        for label in version.ours:
            ended = isinstance(label, Spare | Rejected) and label.fingerprint in key.held_fingerprints
            if isinstance(label, Rejected) and label.reason == LEAKED_SPARE:
                ended = label.fingerprint in leaked
            if ended or (isinstance(label, Spare) and version.verdict):
                keys.reserve.remove(label, version.id)
