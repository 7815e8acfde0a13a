"""The control of a 401: Klaviyo's own login can fail for everybody, and then a 401 says nothing about one key.

A 401 counts where Klaviyo knows another key of the role, and answers 401 once more after that: otherwise a login that
comes back between two questions would condemn whichever key was asked first.
"""

from collections.abc import Collection, Iterator
from enum import Enum
from functools import partial
from typing import Final

from klaviyo_access.keys.labels import REFUSED, AwsLabel
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.probes import KeyRefusedError, NoAnswerError
from rotation.errors import EverybodyRefusedError, KlaviyoSilentError, StoreError
from rotation.keys.role_keys import RoleKeys
from rotation.keys.undecryptable import KMS_REFUSALS
from rotation.keys.values import find_keys

TAKEN_BACK: Final = "Klaviyo answered 401 to a key and takes that back: nothing was changed about this key."


class Word(Enum):
    """What Klaviyo says of a key, or of several."""

    KNOWN = "it knows one"
    SILENT = "no definite answer"
    REFUSED = "401 to each"
    NONE_ASKED = "there was none to ask about"


def ask(keys: RoleKeys, key: Key) -> Word:
    """Ask whether Klaviyo knows a key, whatever its scopes."""
    try:
        keys.klaviyo.confirm(key, keys.settings.scopes)
    except KeyRefusedError as refused:
        return Word.REFUSED if refused.reason == REFUSED else Word.KNOWN
    except NoAnswerError:
        return Word.SILENT
    return Word.KNOWN


def ask_others(keys: RoleKeys, refused: Collection[str]) -> Word:
    """Ask about the role's other keys, until Klaviyo knows one: the current one, the previous one and the spares.

    Args:
        keys: the role's keys.
        refused: fingerprints of the keys that got a 401.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    word = Word.NONE_ASKED
    for key in _others(keys, refused):
        match ask(keys, key):
            case Word.KNOWN:
                return Word.KNOWN
            case Word.SILENT:
                word = Word.SILENT
            case Word.REFUSED if word is Word.NONE_ASKED:
                word = Word.REFUSED
    return word


def require_control(keys: RoleKeys, refused: Collection[str]) -> None:
    """Let a 401 count only where Klaviyo knows another key of the role, or where the key is the first that it has.

    Args:
        keys: the role's keys.
        refused: fingerprints of the keys that got a 401.

    Raises:
        EverybodyRefusedError: Klaviyo knows none of them.
        KlaviyoSilentError: it gave no definite answer about the others.
        StoreError: a call to Secrets Manager failed.
    """
    word = ask_others(keys, refused)
    if word is Word.SILENT:
        raise KlaviyoSilentError(
            "Klaviyo answers 401 to a key, and says nothing definite of those with which it was to be compared: "
            "nothing was changed."
        )
    if word is Word.REFUSED or (word is Word.NONE_ASKED and (len(refused) > 1 or _services_read_a_key(keys))):
        raise EverybodyRefusedError(keys.settings.role)


def _services_read_a_key(keys: RoleKeys) -> bool:
    """Whether they do, be it the one that got the 401, or one that nobody can decrypt now."""
    try:
        return bool(find_keys(keys.key.value_under(AwsLabel.CURRENT) or ""))
    except StoreError as error:
        if error.code not in KMS_REFUSALS:
            raise
        return True


def _others(keys: RoleKeys, refused: Collection[str]) -> Iterator[Key]:
    in_use = [partial(keys.key.value_under, label) for label in (AwsLabel.CURRENT, AwsLabel.PREVIOUS)]
    spares = [partial(keys.reserve.value, version.id) for version, _ in keys.reserve.labels().spares]
    seen = set(refused)
    for read in (*in_use, *spares):
        try:
            held = find_keys(read() or "")
        except StoreError as error:
            if error.code not in KMS_REFUSALS:
                raise
            continue  # what nobody can decrypt is no control
        for found in held:
            if found.fingerprint not in seen:
                seen.add(found.fingerprint)
                yield found
