"""What Secrets Manager answers to GetSecretValue, from AWS itself or through an agent that passes it on."""

import re

from klaviyo_access.aws.answers import MISSING, Document, Kind, Refusal
from klaviyo_access.errors import (
    KeyReadDenied,
    KeyStoreError,
    KeyStoreNotConfigured,
    KeyStoreUnavailable,
    KeyValueMalformed,
    NoKeyYet,
)
from klaviyo_access.keys.location import SecretLocation
from klaviyo_access.keys.snapshot import KeySnapshot, read_value

Found = KeySnapshot | Refusal | str
"""A key, why AWS gave none, or what is wrong with the value as the end of a sentence."""


def read_document(
    answer: Document | Refusal, *, location: SecretLocation, fetched_at: float, fresh_for: float
) -> Found:
    """Read an answer to GetSecretValue.

    Args:
        answer: AWS's document, or why there is none.
        location: the secret that was asked for.
        fetched_at: seconds since the epoch.
        fresh_for: seconds for which the key needs not be fetched anew.
    """
    if isinstance(answer, Refusal):
        return answer
    if "SecretString" not in answer:
        return Refusal(Kind.ANSWERED, "the answer holds no SecretString", status=200)
    return read_value(
        str(answer["SecretString"]),
        role=location.role,
        version_id=str(answer.get("VersionId", "")),
        fetched_at=fetched_at,
        fresh_for=fresh_for,
    )


def error_for(found: Refusal | str, location: SecretLocation, *, by_way_of: str = "") -> KeyStoreError:
    """The error to raise where there is no key.

    Args:
        found: what there was instead.
        location: the secret that was asked for.
        by_way_of: whom the request went to, where not to AWS itself.
    """
    if isinstance(found, str):
        return KeyValueMalformed(location.role, location.secret_id, reason=found)
    if found.has_no_value:
        return NoKeyYet(location.role, location.secret_id)
    if found.is_denied:
        principal = re.search(r"User: (arn:[^\s,]+)", found.message)
        return KeyReadDenied(location.role, location.secret_id, principal=principal[1] if principal else "")
    if found.kind is Kind.SETTINGS:
        return KeyStoreNotConfigured(f"The secret {location.secret_id} cannot be asked for: {found}.")
    reason = str(found)
    if found.code == MISSING:
        reason = (
            "there is no such secret; is the environment set up, and are prefix, environment and region those "
            "of its settings?"
        )
    whom = by_way_of or (f"at {found.endpoint}" if found.endpoint else "in AWS")
    return KeyStoreUnavailable(
        f"The key of role {location.role!r} could not be fetched from the secret {location.secret_id} {whom}: {reason}"
    )
