"""The proof of death: Klaviyo knows a key no more. Only then its labels go, and AWS collects the version.

What was staged and is no key at all has no death to prove: a person lets it go.
"""

from collections.abc import Sequence
from typing import Final

from klaviyo_access.keys.labels import (
    LEAKED_SPARE,
    REFUSED,
    AwsLabel,
    Disabling,
    Foreign,
    HoldsKey,
    Leaked,
    Rejected,
    Retired,
    Spare,
    Version,
    WriteTaken,
)
from klaviyo_access.keys.secret import Key
from rotation.errors import EventRefusedError
from rotation.events import Discard, ProveDead
from rotation.keys.control import Word, ask, ask_others
from rotation.keys.live import live_fingerprints
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.undecryptable import UNDECRYPTABLE, decrypted
from rotation.keys.values import find_keys
from rotation.report import Outcome, Report
from rotation.store import StoredSecret, Where

_ORDER: Final = (AwsLabel, Foreign, Spare, Retired, Rejected, Leaked, Disabling, HoldsKey)
"""AWSPREVIOUS goes first, so that nothing falls back on a dead key; KEY last, since by it healing knows the rest."""

_OUTCOMES: Final = {Word.KNOWN: Outcome.ALIVE, Word.SILENT: Outcome.NO_ANSWER, Word.REFUSED: Outcome.DEAD}


def prove_dead(keys: RoleKeys, request: ProveDead) -> Report:
    """Ask Klaviyo whether it still knows the key of a version, and let the version go if it does not.

    A 401 is no proof where the role's other keys get one too, or where it has none with which it could be compared: its
    verdict stays until it has. Nor is it one where the next question gets another answer.

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
    value = decrypted(keys, version.id) if request.secret is Where.RESERVE else value_of(secret, version.id)
    if value is None:
        return Report(outcome=Outcome.NO_ANSWER, fingerprint=version.ours[0].fingerprint, reason=UNDECRYPTABLE)
    held = find_keys(value)
    fingerprint = held[0].fingerprint if len(held) == 1 else version.ours[0].fingerprint
    if _in_use(keys, version, request.secret, held):
        return Report(outcome=Outcome.IN_USE, fingerprint=fingerprint)
    if not held:
        return Report(outcome=Outcome.NO_ANSWER, fingerprint=fingerprint, reason="malformed")
    outcome = _ask(keys, held)
    if outcome is Outcome.DEAD:
        others = ask_others(keys, {key.fingerprint for key in held})
        if others is not Word.KNOWN:
            reason = None if others is Word.SILENT else REFUSED
            return Report(outcome=Outcome.NO_ANSWER, fingerprint=fingerprint, reason=reason)
        outcome = _ask(keys, held)
    if outcome is Outcome.DEAD:
        _let_go(secret, version)
    return Report(outcome=outcome, fingerprint=fingerprint)


def discard(keys: RoleKeys, request: Discard) -> Report:
    """Let a version of the reserve go in which no key can be read, so that its label is free again: a rejected one, or
    one that nobody can decrypt any more.

    Klaviyo cannot be asked about it, so that an operator's word stands for the proof: he looked in the dashboard that
    no key is alive that was meant. Not where it is called leaked, since that verdict keeps the key from coming back.

    Args:
        keys: the role's keys, healed.
        request: the version.

    Raises:
        EventRefusedError: there is no such version, a key can be read in it, or it is called leaked.
        StoreError: a call to Secrets Manager failed.
    """
    version = keys.reserve.labels().version(request.version)
    if version is None or not version.ours:
        raise EventRefusedError("The version holds nothing that was staged.")
    fingerprint = version.ours[0].fingerprint
    value = decrypted(keys, version.id)
    if value is not None and not version.verdict:
        return Report(outcome=Outcome.IN_USE, fingerprint=fingerprint)
    if value is not None and find_keys(value):
        raise EventRefusedError("A key can be read in the version: it goes once Klaviyo refuses that key.")
    if any(isinstance(label, Rejected) and label.reason == LEAKED_SPARE for label in version.ours):
        raise EventRefusedError(
            "The version is called leaked, and no key can be read in it: its label stays, so that the leaked key is "
            "refused if it is staged again."
        )
    _let_go(keys.reserve, version)
    return Report(outcome=Outcome.DISCARDED, fingerprint=fingerprint, reason=UNDECRYPTABLE if value is None else None)


def _in_use(keys: RoleKeys, version: Version, where: Where, held: Sequence[Key]) -> bool:
    if live_fingerprints(keys).intersection(key.fingerprint for key in held):
        return True
    return version.in_use if where is Where.KEY else version.spare is not None


def _ask(keys: RoleKeys, held: Sequence[Key]) -> Outcome:
    """Whether Klaviyo knows none of these keys."""
    words = (ask(keys, key) for key in held)
    return _OUTCOMES[next((word for word in words if word is not Word.REFUSED), Word.REFUSED)]


def _let_go(secret: StoredSecret, version: Version) -> None:
    labels = [label for label in version.labels if not isinstance(label, WriteTaken)]  # which is not about the key
    for label in sorted(labels, key=lambda label: _ORDER.index(type(label))):
        if label is not AwsLabel.CURRENT:  # on a reserve it means nothing, and cannot be taken off
            secret.remove(label, version.id)
