"""A leaked key is marked wherever it is, so that nothing ever uses it again; AWSCURRENT is not moved here."""

from collections.abc import Sequence

from klaviyo_access.keys.labels import LEAKED_SPARE, AwsLabel, HoldsKey, Leaked, Rejected, Spare, Version
from rotation.errors import StoreError
from rotation.events import Leak
from rotation.keys.live import is_current, unnamed_of_services
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.values import find_key
from rotation.keys.verdicts import condemn, reject_spare
from rotation.report import Life, Outcome, Report
from rotation.store import StoredSecret


def mark_leaked(keys: RoleKeys, request: Leak) -> Report:
    """Pass the strongest verdict on the key with a fingerprint, in whichever secret and life it is; tell how it ends.

    Args:
        keys: the role's keys, healed.
        request: the fingerprint.

    Raises:
        LabelsFullError: there is no room for the verdict.
        StoreError: a call to Secrets Manager failed.
    """
    key, reserve = keys.both_labels()
    held = next((version for version in key if HoldsKey(request.fingerprint) in version.ours), None)
    if held is None:  # there was no room for its KEY
        held = unnamed_of_services(keys, key).get(request.fingerprint)
    staged = [version for version in reserve if any(_names(label, request.fingerprint) for label in version.ours)]
    if held is not None:
        in_use = is_current(keys, key, request.fingerprint)
        life: Life | None = _mark(keys, held, request.fingerprint)
        life = Life.CURRENT if in_use else life
    else:
        life = _reject(keys, staged, request.fingerprint)
        held = _promoted_meanwhile(keys, request.fingerprint)
        life = _mark(keys, held, request.fingerprint) if held else life
    if life is None:
        return Report(outcome=Outcome.UNKNOWN, fingerprint=request.fingerprint)
    where, version = (keys.key, held) if held else (keys.reserve, staged[-1])
    ends_with = _ending(where, version, request.fingerprint)
    return Report(outcome=Outcome.MARKED, fingerprint=request.fingerprint, life=life, ends_with=ends_with)


def _promoted_meanwhile(keys: RoleKeys, fingerprint: str) -> Version | None:
    """The version of the key secret with the key, where the labels that were read first lagged behind it."""
    return next((version for version in keys.key.labels() if HoldsKey(fingerprint) in version.ours), None)


def _mark(keys: RoleKeys, version: Version, fingerprint: str) -> Life:
    """Mark a key of the key secret: the verdict comes first, unless its room has to come from AWSPENDING."""
    pending = version.has(AwsLabel.PENDING)
    if pending and not keys.key.labels().free:
        keys.key.abandon(version.id)
    if Leaked(fingerprint) not in version.ours:
        condemn(keys, version, Leaked(fingerprint))
    if pending:
        keys.key.abandon(version.id)
    return _life(version)


def _life(version: Version) -> Life:
    by_aws = {AwsLabel.CURRENT: Life.CURRENT, AwsLabel.PENDING: Life.PENDING, AwsLabel.PREVIOUS: Life.PREVIOUS}
    found = next((life for label, life in by_aws.items() if version.has(label)), None)
    rejected = any(isinstance(label, Rejected) for label in version.ours)
    return found or (Life.REJECTED if rejected else Life.RETIRED)


def _reject(keys: RoleKeys, named: Sequence[Version], fingerprint: str) -> Life | None:
    """Mark a spare, and the same key wherever else on the reserve it was staged."""
    for version in named:
        if not any(isinstance(label, Rejected) and label.reason == LEAKED_SPARE for label in version.ours):
            reject_spare(keys, version, Rejected(keys.clock(), fingerprint, LEAKED_SPARE))
    if any(version.spare for version in named):
        return Life.SPARE
    return Life.REJECTED if named else None


def _ending(secret: StoredSecret, version: Version, fingerprint: str) -> str | None:
    """How the key ends at Klaviyo; the mark stands also where its value cannot be read, or its label lies."""
    try:
        key = find_key(value_of(secret, version.id))
    except StoreError:
        return None
    return key.reveal()[-4:] if key and key.fingerprint == fingerprint else None


def _names(label: object, fingerprint: str) -> bool:
    return isinstance(label, Spare | Rejected) and label.fingerprint == fingerprint
