"""The secret that signs a webhook's deliveries: a type that shows nothing, and the JSON that Secrets Manager holds.

Standard library only, since the rotator's bundle carries this module.
"""

import hmac
import json
from hashlib import sha256
from typing import Final

from klaviyo_access.hidden import Hidden

SHORTEST: Final = 16
"""Characters that Klaviyo asks for at least (https://developers.klaviyo.com/en/reference/create_webhook)."""


class MalformedSigningSecretError(ValueError):
    """What was given cannot sign a webhook. The message never quotes it."""


class SigningSecret(Hidden[str]):
    """A webhook's secret that no repr, log line, pickle or traceback can show.

    Args:
        value: the secret as it was given to Klaviyo, 16 characters or more.

    Raises:
        MalformedSigningSecretError: ``value`` is too short.
    """

    __slots__ = ("__keyed",)

    def __init__(self, value: str) -> None:
        if len(value) < SHORTEST:
            raise MalformedSigningSecretError(
                f"A webhook's secret has {SHORTEST} characters or more; what was given has {len(value)}, which could "
                "be guessed. Let the rotator make one, or take secrets.token_urlsafe(32)."
            )
        super().__init__(value)
        self.__keyed = hmac.new(value.encode(), digestmod=sha256)

    def sign(self, body: bytes, timestamp: str) -> str:
        """Klaviyo's signature: hex of HMAC-SHA256 over the raw body, followed directly by the timestamp's text.

        Args:
            body: the bytes as received or sent.
            timestamp: the text of the header ``Klaviyo-Timestamp``, ASCII.

        Source: https://developers.klaviyo.com/en/docs/working_with_system_webhooks
        """
        signing = self.__keyed.copy()
        signing.update(body)
        signing.update(timestamp.encode("ascii"))
        return signing.hexdigest()


def write_value(secret: SigningSecret, *, webhook_id: str) -> str:
    """What Secrets Manager holds; the bytes depend on the arguments alone, so that a retry puts the same ones."""
    return json.dumps({"secretKey": secret.reveal(), "webhookId": webhook_id}, sort_keys=True, separators=(",", ":"))


def read_value(value: str) -> SigningSecret | None:
    """The secret in a value of Secrets Manager's; None where it is none that a rotator writes.

    Nothing is raised here, because an exception would carry this frame, and with it the value, into whatever prints
    tracebacks with their variables.
    """
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return None
    secret = document.get("secretKey") if isinstance(document, dict) else None
    return SigningSecret(secret) if isinstance(secret, str) and len(secret) >= SHORTEST else None
