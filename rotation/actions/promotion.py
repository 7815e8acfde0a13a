"""The four steps of a rotation: the oldest good spare becomes the current key."""

from contextlib import suppress
from dataclasses import dataclass, field

from klaviyo_access.keys.labels import (
    LEAKED_SPARE,
    REFUSED,
    ROTATION_LABELS,
    AwsLabel,
    HoldsKey,
    Rejected,
    SecretLabels,
    Spare,
    Version,
    WriteTaken,
)
from klaviyo_access.keys.secret import Key, MalformedKeyError
from klaviyo_access.klaviyo.probes import KeyRefusedError, NoAnswerError, Proof, WriteAcceptedError
from rotation.actions.healing import heal
from rotation.errors import (
    EventRefusedError,
    EverybodyRefusedError,
    KlaviyoSilentError,
    LabelsFullError,
    NoSpareError,
    PendingKeyRefusedError,
    ScopesUnprovedError,
    StoreError,
    WriteProbeError,
)
from rotation.keys.control import refuses_everybody
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.undecryptable import KMS_REFUSALS
from rotation.keys.values import promoted_value, read_key
from rotation.keys.verdicts import condemn, reject_spare
from rotation.report import Report


def create_secret(keys: RoleKeys, token: str) -> Report:
    """Prove the spares, oldest first, and put the first good one as the pending version.

    Args:
        keys: the role's keys, healed.
        token: id of the pending version.

    Raises:
        DeadEndError: no good spare, a 401 for every key, no labels left, a scope that must and cannot be proved, or a
            malformed write that Klaviyo took.
        KlaviyoSilentError: no definite answer; nothing was changed.
        StoreError: a call to Secrets Manager failed.
    """
    if keys.key.value(token) is not None:
        return Report(outcome="already created")
    spare, passed_over = _first_good_spare(keys)
    fingerprint = spare.key.fingerprint
    keys.key.put(token, promoted_value(spare.key, keys.settings), [AwsLabel.PENDING, HoldsKey(fingerprint)])
    return Report(
        outcome="created",
        fingerprint=fingerprint,
        rejected=passed_over.rejected,
        encrypted=tuple(passed_over.encrypted),
        unproved=spare.proof.unproved,
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
        in_use = _names_key_in_use(labels) or _names_key_in_use(keys.key.labels())
        if reason == REFUSED and refuses_everybody(keys, {read_key(value).fingerprint}, without_control=in_use):
            raise KlaviyoSilentError(str(EverybodyRefusedError(keys.settings.role)))
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


@dataclass(frozen=True)
class _GoodSpare:
    key: Key
    proof: Proof


@dataclass
class _PassedOver:
    """The spares before the good one: what is against them, and fingerprints of values that nobody can decrypt now."""

    verdicts: list[tuple[Version, Rejected]] = field(default_factory=list)
    encrypted: list[str] = field(default_factory=list)
    failure: StoreError | None = None

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        return tuple(verdict for _, verdict in self.verdicts)


def _first_good_spare(keys: RoleKeys) -> tuple[_GoodSpare, _PassedOver]:
    """The oldest spare that Klaviyo accepts, and those before it; verdicts wait until a 401 is known to mean a key."""
    key, reserve = keys.both_labels()
    if key.free < ROTATION_LABELS:
        raise LabelsFullError("key", free=key.free, needed=ROTATION_LABELS)
    passed_over = _PassedOver()
    good = _try_spares(keys, key, reserve, passed_over)
    refused = {verdict.fingerprint for verdict in passed_over.rejected if verdict.reason == REFUSED}
    without_control = len(refused) > 1 or _names_key_in_use(key)
    if good is None and refused and refuses_everybody(keys, refused, without_control=without_control):
        raise EverybodyRefusedError(keys.settings.role)
    for version, verdict in passed_over.verdicts:
        reject_spare(keys, version, verdict)
    if good is None:
        raise passed_over.failure or NoSpareError(keys.settings.role, passed_over.rejected)
    return good, passed_over


def _try_spares(
    keys: RoleKeys, key: SecretLabels, reserve: SecretLabels, passed_over: _PassedOver
) -> _GoodSpare | None:
    for version, spare in reserve.spares:
        if spare.fingerprint in key.held_fingerprints:
            continue  # staged again since healing, which clears it next time
        try:
            found = _examine(keys, version, spare, reserve)
        except StoreError as error:
            if error.code not in KMS_REFUSALS:
                raise
            passed_over.encrypted.append(spare.fingerprint)
            passed_over.failure = passed_over.failure or error
            continue
        if isinstance(found, Rejected):
            passed_over.verdicts.append((version, found))
        elif spare.fingerprint not in keys.reserve.labels().leaked_fingerprints:
            return found  # else the labels read first lagged behind an operator's mark
    return None


def _examine(keys: RoleKeys, version: Version, spare: Spare, reserve: SecretLabels) -> _GoodSpare | Rejected:
    try:
        key = read_key(value_of(keys.reserve, version.id))
    except MalformedKeyError:
        return Rejected(keys.clock(), spare.fingerprint, "malformed")
    if key.fingerprint != spare.fingerprint:
        return Rejected(keys.clock(), key.fingerprint, "mislabelled")
    if key.fingerprint in reserve.leaked_fingerprints:
        return Rejected(keys.clock(), key.fingerprint, LEAKED_SPARE)
    settings = keys.settings
    try:
        proof = keys.klaviyo.prove(
            key, settings.scopes, account_id=settings.klaviyo_account_id, writes=_may_write(keys, reserve)
        )
    except KeyRefusedError as refused:
        return Rejected(keys.clock(), key.fingerprint, refused.reason)
    except NoAnswerError as silence:
        raise KlaviyoSilentError(str(silence)) from None
    except WriteAcceptedError as accepted:
        _forbid_writes(keys, reserve.current or version)
        raise WriteProbeError(settings.role, str(accepted)) from None
    if proof.unproved and settings.require_proof == "all":
        raise ScopesUnprovedError(settings.role, proof.unproved)
    return _GoodSpare(key, proof)


def _may_write(keys: RoleKeys, reserve: SecretLabels) -> bool:
    """Whether write probes may be sent: none was taken, and there is room for that word and a verdict."""
    return keys.settings.write_probes and not reserve.writes_taken and reserve.free > 1


def _forbid_writes(keys: RoleKeys, version: Version) -> None:
    """Have no later rotation send a write probe, whoever starts it; where no label can be put, this one ends still."""
    with suppress(StoreError):
        keys.reserve.add(WriteTaken(keys.clock()), version.id)


def _require_no_verdict(keys: RoleKeys, pending: Version) -> None:
    if pending.verdict:
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


def _names_key_in_use(labels: SecretLabels) -> bool:
    """Whether services read a key by this reading. Where no control is found then, another reading lagged, or the key
    in use is the very one that got a 401: neither condemns it."""
    return labels.current is not None and labels.current.fingerprint is not None


def _condemn(keys: RoleKeys, pending: Version, reason: str) -> None:
    """Pass a verdict on the pending version, if there is room for one; without it, it is not promoted either."""
    if pending.fingerprint:
        with suppress(LabelsFullError):
            condemn(keys, pending, Rejected(keys.clock(), pending.fingerprint, reason))
