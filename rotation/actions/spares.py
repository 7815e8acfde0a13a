"""Which spare is to become current: the oldest that Klaviyo accepts. What it refuses gets its verdict on the way."""

from contextlib import suppress
from dataclasses import dataclass, field

from klaviyo_access.keys.labels import (
    LEAKED_SPARE,
    REFUSED,
    ROTATION_LABELS,
    HoldsKey,
    Rejected,
    SecretLabels,
    Spare,
    Version,
    WriteTaken,
)
from klaviyo_access.keys.secret import Key, MalformedKeyError
from klaviyo_access.klaviyo.probes import KeyRefusedError, NoAnswerError, Proof, WriteAcceptedError
from rotation.errors import (
    KlaviyoSilentError,
    LabelsFullError,
    NoSpareError,
    ScopesUnprovedError,
    StoreError,
    WriteProbeError,
)
from rotation.keys.control import TAKEN_BACK, Word, ask, require_control
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.undecryptable import KMS_REFUSALS
from rotation.keys.values import read_key
from rotation.keys.verdicts import reject_spare


@dataclass(frozen=True)
class _Bad:
    """A spare with something against it, and its key if it holds one."""

    version: Version
    verdict: Rejected
    key: Key | None = None


@dataclass
class PassedOver:
    """The spares before the good one.

    Attributes:
        bad: those with something against them.
        rejected: the verdicts that were passed on them.
        encrypted: fingerprints of those that nobody can decrypt now.
        silent: fingerprints of those about which Klaviyo said nothing definite.
        failure: why it is not known whether one of them is good.
    """

    bad: list[_Bad] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    encrypted: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    failure: StoreError | KlaviyoSilentError | None = None


def choose_spare(keys: RoleKeys) -> tuple[Key, Proof, PassedOver]:
    """Try the spares, oldest first, until one is good. Verdicts wait until a 401 is known to mean a key.

    A spare about which nothing definite is known keeps its place, and holds up no good one behind it.

    Raises:
        DeadEndError: as `promotion.create_secret`.
        KlaviyoSilentError: no good spare, and no definite answer about one of them.
        StoreError: a call to Secrets Manager failed, or the only spares left cannot be decrypted now.
    """
    key, reserve = keys.both_labels()
    if key.free < ROTATION_LABELS:
        raise LabelsFullError("key", free=key.free, needed=ROTATION_LABELS)
    passed_over = PassedOver()
    good = _try_spares(keys, reserve, passed_over)
    if good is None:
        _require_answers(keys, passed_over)
    _pass_verdicts(keys, passed_over)
    if good is None:
        raise passed_over.failure or NoSpareError(keys.settings.role, passed_over.rejected)
    return *good, passed_over


def _try_spares(keys: RoleKeys, reserve: SecretLabels, passed_over: PassedOver) -> tuple[Key, Proof] | None:
    for version, spare in reserve.spares:
        try:
            found = _examine(keys, version, spare, reserve)
            if isinstance(found, _Bad):
                passed_over.bad.append(found)
            elif _is_spare_still(keys, spare):
                return found
        except KlaviyoSilentError as silence:
            passed_over.silent.append(spare.fingerprint)
            passed_over.failure = silence
        except StoreError as error:
            if error.code not in KMS_REFUSALS:
                raise
            passed_over.encrypted.append(spare.fingerprint)
            passed_over.failure = passed_over.failure or error
    return None


def _is_spare_still(keys: RoleKeys, spare: Spare) -> bool:
    """Whether it was neither called leaked nor put to use: the labels that were read first may lag behind that."""
    is_promoted = keys.key.value_under(HoldsKey(spare.fingerprint)) is not None
    is_leaked = spare.fingerprint in keys.reserve.labels().leaked_fingerprints
    return not is_promoted and not is_leaked and keys.reserve.value_under(spare) is not None


def _examine(keys: RoleKeys, version: Version, spare: Spare, reserve: SecretLabels) -> tuple[Key, Proof] | _Bad:
    try:
        key = read_key(value_of(keys.reserve, version.id))
    except MalformedKeyError:
        return _Bad(version, Rejected(keys.clock(), spare.fingerprint, "malformed"))
    found: Proof | str
    if key.fingerprint != spare.fingerprint:
        found = "mislabelled"
    elif key.fingerprint in reserve.leaked_fingerprints:
        found = LEAKED_SPARE
    else:
        found = _prove(keys, version, key, reserve)
    return (
        (key, found) if isinstance(found, Proof) else _Bad(version, Rejected(keys.clock(), key.fingerprint, found), key)
    )


def _prove(keys: RoleKeys, version: Version, key: Key, reserve: SecretLabels) -> Proof | str:
    """What Klaviyo confirms of a spare, or the reason why it is none."""
    settings = keys.settings
    try:
        proof = keys.klaviyo.prove(
            key, settings.scopes, account_id=settings.klaviyo_account_id, writes=_may_write(keys, reserve)
        )
    except KeyRefusedError as refused:
        return refused.reason
    except NoAnswerError as silence:
        raise KlaviyoSilentError(str(silence)) from None
    except WriteAcceptedError as accepted:
        _forbid_writes(keys, reserve.current or version)
        raise WriteProbeError(settings.role, str(accepted)) from None
    if proof.unproved and settings.require_proof == "all":
        raise ScopesUnprovedError(settings.role, proof.unproved)
    return proof


def _require_answers(keys: RoleKeys, passed_over: PassedOver) -> None:
    """Without a good spare, let verdicts be passed only where Klaviyo answered, and does not refuse everybody."""
    if isinstance(passed_over.failure, KlaviyoSilentError):
        raise passed_over.failure
    refused = {bad.verdict.fingerprint for bad in passed_over.bad if bad.verdict.reason == REFUSED}
    if refused:
        require_control(keys, refused)


def _pass_verdicts(keys: RoleKeys, passed_over: PassedOver) -> None:
    """Pass the verdicts, but on no key whose 401 Klaviyo takes back now that it knows another one."""
    for bad in passed_over.bad:
        if bad.key and bad.verdict.reason == REFUSED and ask(keys, bad.key) is not Word.REFUSED:
            passed_over.silent.append(bad.verdict.fingerprint)
            passed_over.failure = passed_over.failure or KlaviyoSilentError(TAKEN_BACK)
        else:
            reject_spare(keys, bad.version, bad.verdict)
            passed_over.rejected.append(bad.verdict)


def _may_write(keys: RoleKeys, reserve: SecretLabels) -> bool:
    """Whether write probes may be sent: none was taken, and there is room for that word and a verdict."""
    return keys.settings.write_probes and not reserve.writes_taken and reserve.free > 1


def _forbid_writes(keys: RoleKeys, version: Version) -> None:
    """Have no later rotation send a write probe, whoever starts it; where no label can be put, this one ends still."""
    with suppress(StoreError):
        keys.reserve.add(WriteTaken(keys.clock()), version.id)
