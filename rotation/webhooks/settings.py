"""The webhook rotator's settings: the environment variables that its function was deployed with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rotation.errors import SettingsError
from rotation.runtime.variables import required, safe_url

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """What the rotator is told by its deployment; nothing of this is ever taken from an event or a value.

    Attributes:
        webhook: the webhook's name in the stack's settings.
        webhook_id: its id at Klaviyo.
        secret_arn: the secret that receivers read.
        key_secret_arn: the secret of the role whose key may change webhooks.
        klaviyo_url: Klaviyo's base URL, without a trailing slash.
        klaviyo_revision: the API revision to ask for.
    """

    webhook: str
    webhook_id: str
    secret_arn: str
    key_secret_arn: str
    klaviyo_url: str
    klaviyo_revision: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "WebhookSettings":
        """Read the settings from environment variables.

        Raises:
            SettingsError: a variable is missing or wrong.
        """
        return cls(
            webhook=required(environ, "WEBHOOK"),
            webhook_id=_identifier(required(environ, "WEBHOOK_ID")),
            secret_arn=required(environ, "WEBHOOK_SECRET_ARN"),
            key_secret_arn=required(environ, "KEY_SECRET_ARN"),
            klaviyo_url=safe_url(required(environ, "KLAVIYO_URL")),
            klaviyo_revision=required(environ, "KLAVIYO_REVISION"),
        )


def _identifier(text: str) -> str:
    if not _ID.fullmatch(text):
        raise SettingsError(
            f"WEBHOOK_ID is 1 to 64 letters, digits, hyphens or underscores, since it becomes part of a URL; it is "
            f"{text!r}."
        )
    return text
