"""The environment variables that a function was deployed with, read one by one."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from klaviyo_access.endpoint import RULE, is_safe
from rotation.errors import SettingsError


def required(environ: Mapping[str, str], name: str) -> str:
    """A variable that must be set.

    Raises:
        SettingsError: it is not.
    """
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"The rotator needs the environment variable {name}, which is not set: deploy it again.")
    return value


def safe_url(url: str) -> str:
    """Klaviyo's base URL, to which keys are sent.

    Raises:
        SettingsError: a key must not travel there.
    """
    if is_safe(url):
        return url
    parts = urlsplit(url)
    raise SettingsError(f"KLAVIYO_URL is {RULE}; it is {parts.scheme}://{parts.hostname}…: keys are sent there.")
