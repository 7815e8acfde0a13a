"""Back from a current key to the previous one: by the canary where Klaviyo refuses the current key, or by an operator.

The current version gets its verdict first: whatever comes then, it is not promoted again. RETIRED goes before the
move, so that it never stands on what services read. A run that was killed between the verdict and the move is completed
by the next canary.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from klaviyo_access.keys.labels import (
    REFUSED,
    ROLLED_BACK,
    AwsLabel,
    Disabling,
    Leaked,
    Rejected,
    Retired,
    SecretLabels,
    Version,
)
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.probe_table import ACCOUNT_SCOPE
from klaviyo_access.klaviyo.probes import KeyRefusedError, NoAnswerError, Proof
from rotation.actions.healing import heal
from rotation.commands import command
from rotation.errors import EventRefusedError, KlaviyoSilentError
from rotation.events import Canary, FirstCanary, RollBack
from rotation.keys.control import TAKEN_BACK, Word, ask
from rotation.keys.live import unnamed_of_services
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.values import find_key, find_keys
from rotation.keys.verdicts import condemn, is_called_leaked
from rotation.report import NO_KEY, UNMANAGED, Outcome, Report

_MISSING: Final = "missing:"


def canary(keys: RoleKeys, request: Canary) -> Report:  # noqa: ARG001 - all actions are called alike
    """Look whether the current key works; if Klaviyo definitely refuses it while the previous one works, roll back.

    A scope that the previous key lacks as well is no reason: the role's scopes were changed, and no key has them yet.
    ``ends_with`` then shows that Klaviyo knows the key. ``unnamed`` says which keys are in use without a label.

    Args:
        keys: the role's keys, healed.
        request: names nothing.

    Raises:
        LabelsFullError: there is no room for the verdict.
        StoreError: a call to Secrets Manager failed.
    """
    labels = keys.key.labels()
    return replace(_canary(keys, labels), unnamed=tuple(sorted(unnamed_of_services(keys, labels))))


def first_canary(keys: RoleKeys, request: FirstCanary) -> Report:  # noqa: ARG001 - all actions are called alike
    """The canary of a key that has just been promoted. Lambda asks again by itself where this fails, and tells in time.

    Raises:
        KlaviyoSilentError: Klaviyo gave no definite answer.
        LabelsFullError: as `canary`.
        StoreError: as `canary`.
    """
    report = canary(keys, Canary())
    if report.outcome is Outcome.NO_ANSWER:
        raise KlaviyoSilentError("Klaviyo gave no definite answer about the new key; nothing was changed.")
    return report


def roll_back(keys: RoleKeys, request: RollBack) -> Report:
    """Make the previous key current again, if it still works; no refusal of the current one is needed.

    Args:
        keys: the role's keys, healed.
        request: names the version that was current when the operator looked.

    Raises:
        EventRefusedError: another version is current now, or it holds a key that no label names yet; the text says so
            of one that leaked and is left already.
        LabelsFullError: there is no room for the verdict.
        StoreError: a call to Secrets Manager failed.
    """
    labels = keys.key.labels()
    current = labels.version(request.version)
    if current and current.has(AwsLabel.PREVIOUS) and any(isinstance(label, Rejected) for label in current.ours):
        return Report(outcome=Outcome.ROLLED_BACK, fingerprint=current.fingerprint)
    if current and current.has(AwsLabel.PREVIOUS) and isinstance(current.verdict, Leaked):
        raise EventRefusedError("Services have left that version already, and it leaked: it does not come back.")
    if current is None or not current.has(AwsLabel.CURRENT):
        raise EventRefusedError(f"The version is not the current one: look again with {command('keys status')}.")
    try:
        return _fall_back(keys, labels, current, ROLLED_BACK)
    except NoAnswerError:
        return Report(outcome=Outcome.NO_ANSWER, fingerprint=current.fingerprint)


def _canary(keys: RoleKeys, labels: SecretLabels) -> Report:
    current = labels.current
    if current is None:
        return Report(outcome=Outcome.NOTHING_TO_FALL_BACK_ON, reason=NO_KEY)
    if current.fingerprint is None:
        return Report(outcome=Outcome.NOTHING_TO_FALL_BACK_ON, reason=UNMANAGED)
    try:
        if isinstance(current.verdict, Rejected):  # a roll-back that was not completed
            return _fall_back(keys, labels, current, current.verdict.reason)
        return _try(keys, labels, current)
    except NoAnswerError:
        return Report(outcome=Outcome.NO_ANSWER, fingerprint=current.fingerprint)


def _try(keys: RoleKeys, labels: SecretLabels, current: Version) -> Report:
    """Ask Klaviyo about the current key, and go back if it refuses that one."""
    key = _key(keys, current)
    if key is None:
        return Report(outcome=Outcome.NOTHING_TO_FALL_BACK_ON, reason=UNMANAGED)
    ends_with = key.reveal()[-4:]  # by which Klaviyo's list shows a key that works
    try:
        _prove(keys, key, keys.settings.scopes)
    except KeyRefusedError as answer:
        reason = answer.reason
        report = _fall_back(keys, labels, current, reason, refused=key if reason == REFUSED else None)
        works = report.outcome is Outcome.NOTHING_TO_FALL_BACK_ON and _missing(reason)
        return replace(report, ends_with=ends_with) if works else report
    return Report(outcome=Outcome.FINE, fingerprint=key.fingerprint, ends_with=ends_with)


def _key(keys: RoleKeys, version: Version) -> Key | None:
    """The key of a version with a KEY; None where that was put on a value without a key, or with several."""
    return find_key(value_of(keys.key, version.id))


def _missing(reason: str) -> frozenset[str]:
    return frozenset(reason.removeprefix(_MISSING).split(",")) if reason.startswith(_MISSING) else frozenset()


def _fall_back(
    keys: RoleKeys, labels: SecretLabels, current: Version, reason: str, *, refused: Key | None = None
) -> Report:
    """Go back, unless something stands against the previous key, or Klaviyo takes its 401 to ``refused`` back."""
    previous = _as_both_say(keys.key.labels().previous, labels)
    against = _against(keys, current, previous, reason)
    if previous is None or against:
        told = against if reason == ROLLED_BACK else f"{reason}; {against}"
        return Report(outcome=Outcome.NOTHING_TO_FALL_BACK_ON, fingerprint=current.fingerprint, reason=told)
    if refused and not current.verdict and ask(keys, refused) is not Word.REFUSED:
        raise NoAnswerError(TAKEN_BACK)
    if not current.verdict:
        _condemn(keys, current, reason)
    if current.has(AwsLabel.PENDING):
        keys.key.remove(AwsLabel.PENDING, current.id)
    _end_retirement(keys, previous.id)
    keys.key.move(AwsLabel.CURRENT, to=previous.id, holder=current.id)
    heal(keys)
    return Report(outcome=Outcome.ROLLED_BACK, fingerprint=current.fingerprint, reason=reason)


def _as_both_say(newer: Version | None, older: SecretLabels) -> Version | None:
    """A version with its labels of two readings: either may lag behind a verdict."""
    older_one = older.version(newer.id) if newer else None
    return replace(newer, labels=tuple({*newer.labels, *older_one.labels})) if newer and older_one else newer


def _condemn(keys: RoleKeys, current: Version, reason: str) -> None:
    """Pass the verdict on what is left. A value that holds no key needs none; a key without its KEY cannot have one."""
    if current.fingerprint:
        condemn(keys, current, Rejected(keys.clock(), current.fingerprint, reason))
    elif find_keys(value_of(keys.key, current.id)):
        raise EventRefusedError(
            "The current version holds a key that its labels do not name yet, so that no verdict can be passed on it. "
            f"Name it with {command(f'keys adopt {keys.settings.role}')}, then roll back again."
        )


def _end_retirement(keys: RoleKeys, version_id: str) -> None:
    version = keys.key.labels().version(version_id)
    for label in version.ours if version else ():
        if isinstance(label, Retired):
            keys.key.remove(label, version_id)


def _against(keys: RoleKeys, current: Version, previous: Version | None, reason: str) -> str | None:
    """What stands against the previous key, or None where it may become current again."""
    if previous is None or previous.fingerprint is None:
        return "there is no previous key"
    if previous.fingerprint == current.fingerprint:  # a label has moved on since it was read
        return "the previous key is the same"
    if previous.verdict or is_called_leaked(keys, previous.fingerprint):
        return "a verdict was passed on the previous key"
    if any(isinstance(label, Disabling) for label in previous.ours):
        return "the previous key is being disabled"
    key = _key(keys, previous)
    if key is None or not _is_better(keys, key, reason):
        return "the previous key is no better"
    return None


def _is_better(keys: RoleKeys, key: Key, reason: str) -> bool:
    """Whether services are better off with the previous key than with one refused for ``reason``."""
    return _is_known(keys, key) if reason in {REFUSED, ROLLED_BACK} else _has_one_of(keys, key, _missing(reason))


def _is_known(keys: RoleKeys, key: Key) -> bool:
    """Whether Klaviyo accepts the previous key, and does not show it to belong to another account."""
    try:
        _prove(keys, key, {ACCOUNT_SCOPE})
    except KeyRefusedError as refused:
        return bool(_missing(refused.reason))
    return True


def _has_one_of(keys: RoleKeys, key: Key, needed: frozenset[str]) -> bool:
    """Whether Klaviyo accepts the previous key, and it is proved to have one of these scopes."""
    try:
        proof = _prove(keys, key, needed | {ACCOUNT_SCOPE})
    except KeyRefusedError as refused:
        remaining = needed - _missing(refused.reason)
        return remaining < needed and _has_one_of(keys, key, remaining)
    return bool(needed - set(proof.unproved))


def _prove(keys: RoleKeys, key: Key, scopes: Iterable[str]) -> Proof:
    return keys.klaviyo.prove(key, scopes, account_id=keys.settings.klaviyo_account_id)
