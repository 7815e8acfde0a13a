"""The proof of death: Klaviyo knows a key no more. Only then its labels go, and AWS collects the version."""

from typing import Final

from klaviyo_access.keys.labels import (
    AwsLabel,
    Disabling,
    Foreign,
    HoldsKey,
    Leaked,
    Rejected,
    Retired,
    Spare,
    Version,
)
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.probes import REFUSED, KeyRefusedError, NoAnswerError
from rotation.errors import EventRefusedError
from rotation.events import ProveDead
from rotation.report import Outcome, Report
from rotation.role_keys import RoleKeys, value_of
from rotation.store import StoredSecret, Where
from rotation.values import find_key

_ORDER: Final = (AwsLabel, Foreign, Spare, Retired, Rejected, Leaked, Disabling, HoldsKey)
"""AWSPREVIOUS goes first, so that nothing falls back on a dead key; KEY last, since by it healing knows the rest."""


def prove_dead(keys: RoleKeys, request: ProveDead) -> Report:
    """Ask Klaviyo whether it still knows the key of a version, and let the version go if it does not.

    Args:
        keys: the role's keys, healed.
        request: the version.

    Raises:
        EventRefusedError: there is no such version, or it holds no key.
        StoreError: a call to Secrets Manager failed.
    """
    secret = keys.secret(request.secret)
    version = secret.labels().version(request.version)
    if version is None or not version.ours:
        raise EventRefusedError("The version holds no key of this role.")
    key = find_key(value_of(secret, version.id))
    if _in_use(keys, version, request.secret, key):
        return Report(outcome=Outcome.IN_USE, fingerprint=version.ours[0].fingerprint)
    if key is None:
        return Report(outcome=Outcome.NO_ANSWER, fingerprint=version.ours[0].fingerprint, reason="malformed")
    outcome = _ask(keys, key)
    if outcome is Outcome.DEAD:
        _let_go(secret, version)
    return Report(outcome=outcome, fingerprint=key.fingerprint)


def _in_use(keys: RoleKeys, version: Version, where: Where, key: Key | None) -> bool:
    if key and key.fingerprint in keys.key.labels().live_fingerprints:
        return True
    return version.in_use if where is Where.KEY else version.spare is not None


def _ask(keys: RoleKeys, key: Key) -> Outcome:
    try:
        keys.klaviyo.confirm(key, keys.settings.scopes)
    except KeyRefusedError as refused:
        return Outcome.DEAD if refused.reason == REFUSED else Outcome.ALIVE
    except NoAnswerError:
        return Outcome.NO_ANSWER
    return Outcome.ALIVE


def _let_go(secret: StoredSecret, version: Version) -> None:
    for label in sorted(version.labels, key=lambda label: _ORDER.index(type(label))):
        if label is not AwsLabel.CURRENT:  # on a reserve it means nothing, and cannot be taken off
            secret.remove(label, version.id)
