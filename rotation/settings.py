"""The rotator's settings: the environment variables that its function was deployed with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from klaviyo_access.klaviyo.probe_table import ACCOUNT_SCOPE
from rotation.errors import SettingsError
from rotation.runtime.variables import required, safe_url

_SECONDS: Final = re.compile(r"[1-9][0-9]{0,6}")
_SCOPE: Final = re.compile(r"[a-z]+(?:-[a-z]+)*:(?:read|write)")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the rotator is told by its deployment; nothing of this is ever taken from an event or a staged value.

    Attributes:
        key_secret_arn: the secret that services read.
        reserve_secret_arn: the secret that holds the spares.
        role: the role's name.
        scopes: the role's scopes, sorted.
        klaviyo_url: Klaviyo's base URL, without a trailing slash.
        klaviyo_revision: the API revision to ask for.
        klaviyo_account_id: the account that keys must belong to; empty where any will do.
        grace: how long a retired key is left alone, so that services that still hold it find the new one.
        require_proof: ``all``: a scope without proof blocks; ``available``: what can be proved is.
        write_probes: whether a spare's write scopes are asked for as well, by malformed writes.
    """

    key_secret_arn: str
    reserve_secret_arn: str
    role: str
    scopes: tuple[str, ...]
    klaviyo_url: str
    klaviyo_revision: str
    klaviyo_account_id: str
    grace: timedelta
    require_proof: Literal["all", "available"]
    write_probes: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from environment variables.

        Raises:
            SettingsError: a variable is missing or wrong.
        """
        return cls(
            key_secret_arn=required(environ, "KEY_SECRET_ARN"),
            reserve_secret_arn=required(environ, "RESERVE_SECRET_ARN"),
            role=required(environ, "ROLE"),
            scopes=_scopes(required(environ, "SCOPES")),
            klaviyo_url=safe_url(required(environ, "KLAVIYO_URL")),
            klaviyo_revision=required(environ, "KLAVIYO_REVISION"),
            klaviyo_account_id=environ.get("KLAVIYO_ACCOUNT_ID", ""),
            grace=_grace(required(environ, "GRACE_SECONDS")),
            require_proof=_require_proof(required(environ, "REQUIRE_PROOF")),
            write_probes=_write_probes(environ.get("WRITE_PROBES", "false")),
        )


def _scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(sorted(set(text.split(","))))
    if wrong := [scope for scope in scopes if not _SCOPE.fullmatch(scope)]:
        raise SettingsError(f"SCOPES is a comma-separated list of 'family:read' or 'family:write'; wrong: {wrong}.")
    if ACCOUNT_SCOPE not in scopes:
        raise SettingsError(
            f"SCOPES is {text!r}, without {ACCOUNT_SCOPE}, by which a key proves its account: add it to the role."
        )
    return scopes


def _grace(text: str) -> timedelta:
    if not _SECONDS.fullmatch(text):
        raise SettingsError(f"GRACE_SECONDS is 1 to 9999999 in digits; it is {text!r}.")
    return timedelta(seconds=int(text))


def _require_proof(text: str) -> Literal["all", "available"]:
    if text == "all":
        return "all"
    if text == "available":
        return "available"
    raise SettingsError(f"REQUIRE_PROOF is 'all' or 'available'; it is {text!r}.")


def _write_probes(text: str) -> bool:
    if text not in {"true", "false"}:
        raise SettingsError(f"WRITE_PROBES is 'true' or 'false'; it is {text!r}.")
    return text == "true"
