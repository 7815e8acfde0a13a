"""What is live, by labels and by values: a key that somebody put by hand is live before any label names it."""

from klaviyo_access.keys.labels import SecretLabels, Version
from rotation.errors import StoreError
from rotation.keys.role_keys import RoleKeys
from rotation.keys.undecryptable import KMS_REFUSALS
from rotation.keys.values import find_keys


def live_fingerprints(keys: RoleKeys) -> frozenset[str]:
    """The fingerprints of every key that is current or pending.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    labels = keys.key.labels()
    unnamed = {found for version in labels for found in _unnamed_fingerprints(keys, version)}
    return labels.live_fingerprints | unnamed


def is_current(keys: RoleKeys, labels: SecretLabels, fingerprint: str) -> bool:
    """Whether the current version holds the key with this fingerprint, named by a label or not.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    current = labels.current
    return current is not None and (
        current.fingerprint == fingerprint or fingerprint in _unnamed_fingerprints(keys, current)
    )


def unnamed_of_services(keys: RoleKeys, labels: SecretLabels) -> dict[str, Version]:
    """The keys that services read, or read before, or will soon, and that no KEY names: where labels are full, say.

    Returns:
        Their fingerprints, each with its version: the current one, where several hold the key.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    versions = [one for one in (labels.pending, labels.previous, labels.current) if one and not one.holds_key]
    return {found: version for version in versions for found in _held_if_readable(keys, version)}


def _unnamed_fingerprints(keys: RoleKeys, version: Version) -> frozenset[str]:
    """The keys of a version that is in use and that no KEY names: of any other version, none.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    if not version.in_use or version.holds_key:
        return frozenset()
    return _held(keys, version)


def _held(keys: RoleKeys, version: Version) -> frozenset[str]:
    return frozenset(key.fingerprint for key in find_keys(keys.key.value(version.id) or ""))


def _held_if_readable(keys: RoleKeys, version: Version) -> frozenset[str]:
    """What nobody can decrypt now names no key, and keeps no other one from being called leaked."""
    try:
        return _held(keys, version)
    except StoreError as error:
        if error.code not in KMS_REFUSALS:
            raise
        return frozenset()
