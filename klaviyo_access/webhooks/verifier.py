"""Whether a request was signed by Klaviyo: over the raw bytes, in constant time, with several secrets at once."""

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from klaviyo_access.webhooks.secret import SigningSecret

SIGNATURE_HEADER: Final = "Klaviyo-Signature"
TIMESTAMP_HEADER: Final = "Klaviyo-Timestamp"
WEBHOOK_ID_HEADER: Final = "Klaviyo-Webhook-Id"

Headers: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]]
"""A request's headers, in any case: a mapping, or pairs as WSGI and ASGI servers keep them."""

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

    def verify(self, body: bytes, headers: Headers) -> bool:
        """Whether Klaviyo signed this body.

        Args:
            body: the bytes as received, before anything decodes or parses them.
            headers: the request's headers; what is no well-formed text is refused.

        Raises:
            TypeError: ``body`` is no bytes; whoever sends a request cannot bring that about.

        Source: https://developers.klaviyo.com/en/docs/working_with_system_webhooks
        """
        require_bytes(body)
        signature, timestamp = header(headers, SIGNATURE_HEADER), header(headers, TIMESTAMP_HEADER)
        if not signature.isascii() or not _TIMESTAMP.fullmatch(timestamp):
            return False
        if body.rstrip()[-1:] != b"}":
            return False
        return any(hmac.compare_digest(secret.sign(body, timestamp), signature) for secret in self._secrets)


def require_bytes(body: object) -> None:
    """Refuse a body that was decoded or parsed.

    Raises:
        TypeError: it is no bytes.
    """
    if not isinstance(body, bytes):
        raise TypeError(
            "Klaviyo signs the bytes of the body, and text or JSON made of them may differ in one; given: "
            f"{type(body).__name__}. Pass what the server received, as in await request.body() or request.get_data()."
        )


def header(headers: Headers, name: str) -> str:
    """A header's value, empty where there is none or it is no text; frameworks' mappings look in any case already."""
    if isinstance(headers, Mapping):
        value: object = headers.get(name)
        if isinstance(value, str):
            return value
    wanted = name.lower()
    return next((_text(value) for key, value in _pairs(headers) if _text(key).lower() == wanted), "")


def _pairs(headers: object) -> Iterable[tuple[object, object]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    for pair in pairs if isinstance(pairs, Iterable) else ():
        match pair:
            case key, value:
                yield key, value


def _text(value: object) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text if isinstance(text, str) else ""
