"""What was staged and nobody can decrypt any more, since its KMS key is gone."""

from typing import Final

from rotation.errors import StoreError
from rotation.keys.role_keys import RoleKeys, value_of

UNDECRYPTABLE: Final = "undecryptable"
"""The reason with which a rotator answers for such a version."""
KMS_REFUSALS: Final = frozenset({"DecryptionFailure", "AccessDeniedException"})
"""Codes with which Secrets Manager says that it cannot, or may not, decrypt a version: its KMS key changed, or is off.

Source: botocore's model of GetSecretValue, and AWS's "Access to KMS is not allowed".
"""


def decrypted(keys: RoleKeys, version_id: str) -> str | None:
    """The text of a version of the reserve; None where its KMS key, and nothing else, keeps it from being read.

    Raises:
        StoreError: a call to Secrets Manager failed, perhaps for another reason.
    """
    try:
        return value_of(keys.reserve, version_id)
    except StoreError as error:
        if error.code == "DecryptionFailure" or (error.code == "AccessDeniedException" and _reads(keys, version_id)):
            return None
        raise


def _reads(keys: RoleKeys, version_id: str) -> bool:
    """Whether the reserve's current version can be read, so that it is not the reserve that is closed to the rotator:
    AWS encrypts that one anew when the secret gets another KMS key."""
    current = keys.reserve.labels().current
    if current is None or current.id == version_id:
        return False
    try:
        return keys.reserve.value(current.id) is not None
    except StoreError:
        return False
