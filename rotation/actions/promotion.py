"""The four steps of a rotation: the oldest good spare becomes the current key."""

from contextlib import suppress

from klaviyo_access.keys.labels import REFUSED, AwsLabel, HoldsKey, Rejected, Version
from klaviyo_access.keys.secret import Key, MalformedKeyError
from klaviyo_access.klaviyo.probes import KeyRefusedError, NoAnswerError
from rotation.actions.healing import heal
from rotation.actions.spares import choose_spare
from rotation.errors import (
    EventRefusedError,
    EverybodyRefusedError,
    KlaviyoSilentError,
    LabelsFullError,
    PendingKeyRefusedError,
)
from rotation.keys.control import TAKEN_BACK, Word, ask, require_control
from rotation.keys.role_keys import RoleKeys
from rotation.keys.values import promoted_value, read_key
from rotation.keys.verdicts import condemn, is_called_leaked
from rotation.report import Report


def create_secret(keys: RoleKeys, token: str) -> Report:
    """Prove the spares, oldest first, and put the first good one as the pending version.

    Args:
        keys: the role's keys, healed.
        token: id of the pending version.

    Raises:
        DeadEndError: no good spare, a 401 for every key, no labels left, a scope that must and cannot be proved, or a
            malformed write that Klaviyo took.
        KlaviyoSilentError: no good spare, and no definite answer about one; nothing was put.
        StoreError: a call to Secrets Manager failed.
    """
    if keys.key.value(token) is not None:
        return Report(outcome="already created")
    key, proof, passed_over = choose_spare(keys)
    fingerprint = key.fingerprint
    keys.key.put(token, promoted_value(key, keys.settings), [AwsLabel.PENDING, HoldsKey(fingerprint)])
    return Report(
        outcome="created",
        fingerprint=fingerprint,
        rejected=tuple(passed_over.rejected),
        encrypted=tuple(passed_over.encrypted),
        silent=tuple(passed_over.silent),
        unproved=proof.unproved,
    )


def set_secret(keys: RoleKeys, token: str) -> Report:  # noqa: ARG001 - all steps are called alike
    """Do nothing: Klaviyo has known the key since an operator created it."""
    return Report(outcome="nothing to do")


def test_secret(keys: RoleKeys, token: str) -> Report:
    """Ask Klaviyo once more whether it accepts the pending key; its scopes were proved before and cannot change.

    Without a value this is AWS's test of the configuration, made when rotation is switched on, and passes.

    Raises:
        PendingKeyRefusedError: Klaviyo definitely refuses the key, or has before; the verdict is on it.
        KlaviyoSilentError: no definite answer, or a 401 for every key; nothing was changed. A key that services read
            already, as AWS may have made the first one current, is never condemned by its own 401 alone.
        StoreError: a call to Secrets Manager failed.
    """
    labels = keys.key.labels()
    pending = labels.version(token)
    if pending is None or not pending.has(AwsLabel.PENDING):
        return Report(outcome="already promoted")
    value = keys.key.value(token)
    if value is None:
        return Report(outcome="nothing to test yet")
    _require_no_verdict(keys, pending)
    if reason := _refusal(keys, value):
        if reason == REFUSED:
            _require_own_refusal(keys, read_key(value))
        _condemn(keys, pending, reason)
        raise PendingKeyRefusedError(keys.settings.role, reason)
    return Report(outcome="accepted", fingerprint=pending.fingerprint)


def finish_secret(keys: RoleKeys, token: str) -> Report:
    """Move AWSCURRENT to the pending version, from exactly the version that has it.

    Raises:
        PendingKeyRefusedError: a verdict was passed on the pending version.
        EventRefusedError: the version has no key, or is pending no more.
        StoreError: a call to Secrets Manager failed, or another version became current meanwhile.
    """
    labels = keys.key.labels()
    pending = labels.version(token)
    if pending is None or pending.fingerprint is None:
        raise EventRefusedError("The pending version holds no key yet: createSecret comes first.")
    _require_no_verdict(keys, pending)
    if pending.has(AwsLabel.CURRENT):
        return Report(outcome="already current", fingerprint=pending.fingerprint)
    if not pending.has(AwsLabel.PENDING):  # else labels that lagged let a step pass that comes long after its rotation
        raise EventRefusedError("The version is not pending any more: its rotation is over.")
    current = labels.current
    keys.key.move(AwsLabel.CURRENT, to=token, holder=current.id if current else None)
    heal(keys)
    return Report(outcome="promoted", fingerprint=pending.fingerprint)


def _require_no_verdict(keys: RoleKeys, pending: Version) -> None:
    if pending.verdict or (pending.fingerprint and is_called_leaked(keys, pending.fingerprint)):
        raise PendingKeyRefusedError(keys.settings.role, "a verdict was passed on it")
    if pending.fingerprint in keys.reserve.labels().leaked_fingerprints:  # whoever marked it took it for a spare
        raise PendingKeyRefusedError(keys.settings.role, "the reserve calls it leaked")


def _refusal(keys: RoleKeys, value: str) -> str | None:
    """Why Klaviyo does not accept the key in a value, or None where it does."""
    try:
        keys.klaviyo.confirm(read_key(value), keys.settings.scopes)
    except MalformedKeyError:
        return "malformed"
    except KeyRefusedError as refused:
        return refused.reason
    except NoAnswerError as silence:
        raise KlaviyoSilentError(str(silence)) from None
    return None


def _require_own_refusal(keys: RoleKeys, key: Key) -> None:
    """Let the pending key's 401 count only where it is that key's own."""
    try:
        require_control(keys, {key.fingerprint})
    except EverybodyRefusedError as everybody:
        raise KlaviyoSilentError(str(everybody)) from None
    if ask(keys, key) is not Word.REFUSED:
        raise KlaviyoSilentError(TAKEN_BACK)


def _condemn(keys: RoleKeys, pending: Version, reason: str) -> None:
    """Pass a verdict on the pending version, if there is room for one; without it, it is not promoted either."""
    if pending.fingerprint:
        with suppress(LabelsFullError):
            condemn(keys, pending, Rejected(keys.clock(), pending.fingerprint, reason))
