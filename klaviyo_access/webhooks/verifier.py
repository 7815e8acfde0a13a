"""Whether a request was signed by Klaviyo: over the raw bytes, in constant time, with several secrets at once."""

import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

from klaviyo_access.webhooks.secret import SigningSecret

SIGNATURE_HEADER: Final = "Klaviyo-Signature"
TIMESTAMP_HEADER: Final = "Klaviyo-Timestamp"
WEBHOOK_ID_HEADER: Final = "Klaviyo-Webhook-Id"

_TIMESTAMP: Final = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z ,:.+-]{0,62}[0-9A-Za-z])?")


class Verifier:
    """Verifies signatures.

    The body is followed by the timestamp without anything between, so that by the signature alone a part of the one
    could be passed off as a part of the other. A body that ends like a JSON object, and a timestamp that could end
    none, leave one reading only.

    Args:
        secrets: the secrets that Klaviyo may be signing with, the likeliest first.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Sequence[SigningSecret]) -> None:
        self._secrets = tuple(secrets)

    def verify(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether Klaviyo signed this body.

        Args:
            body: the bytes as received, before anything decodes or parses them.
            headers: the request's headers, in any case; a value that is no well-formed text is refused.

        Source: https://developers.klaviyo.com/en/docs/working_with_system_webhooks
        """
        signature, timestamp = header(headers, SIGNATURE_HEADER), header(headers, TIMESTAMP_HEADER)
        if not signature.isascii() or not _TIMESTAMP.fullmatch(timestamp):
            return False
        if body.rstrip()[-1:] != b"}":
            return False
        return any(hmac.compare_digest(secret.sign(body, timestamp), signature) for secret in self._secrets)


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value, empty where there is none or it is no text; frameworks' mappings look in any case already."""
    value: object = headers.get(name)
    if value is None:
        wanted = name.lower()
        value = next((found for key, found in headers.items() if str(key).lower() == wanted), None)
    return value if isinstance(value, str) else ""
