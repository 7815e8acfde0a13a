"""The control of a 401: Klaviyo's own login can fail for everybody, and then a 401 says nothing about one key."""

from collections.abc import Collection, Iterator

from klaviyo_access.keys.labels import REFUSED
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.probes import KeyRefusedError, NoAnswerError
from rotation.errors import StoreError
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.undecryptable import KMS_REFUSALS
from rotation.keys.values import find_key


def refuses_everybody(keys: RoleKeys, refused: Collection[str], *, without_control: bool) -> bool:
    """Whether Klaviyo knows none of the role's other keys either: the current one, the previous one and the spares.

    Args:
        keys: the role's keys.
        refused: fingerprints of the keys that got a 401.
        without_control: the answer for a role that has no other key.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    asked = False
    for key in _others(keys, refused):
        if _knows(keys, key):
            return False
        asked = True
    return asked or without_control


def _others(keys: RoleKeys, refused: Collection[str]) -> Iterator[Key]:
    key, reserve = keys.both_labels()
    in_use = [(keys.key, version) for version in (key.current, key.previous) if version]
    seen = set(refused)
    for secret, version in (*in_use, *((keys.reserve, version) for version, _ in reserve.spares)):
        try:
            found = find_key(value_of(secret, version.id))
        except StoreError as error:
            if error.code not in KMS_REFUSALS:
                raise
            continue  # what nobody can decrypt is no control
        if found and found.fingerprint not in seen:
            seen.add(found.fingerprint)
            yield found


def _knows(keys: RoleKeys, key: Key) -> bool:
    try:
        keys.klaviyo.confirm(key, keys.settings.scopes)
    except KeyRefusedError as refused:
        return refused.reason != REFUSED
    except NoAnswerError:
        return False
    return True
