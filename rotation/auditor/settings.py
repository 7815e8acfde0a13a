"""The auditor's settings: environment variables, and a file of its bundle that says which roles there are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from rotation.errors import SettingsError
from rotation.runtime.variables import required, safe_url

ROLES_FILE: Final = "audited_roles.json"
"""In the root of the bundle, since the environment variables of a function hold 4 KB."""

_READ, _WRITE = "credentials:read", "credentials:write"


@dataclass(frozen=True, kw_only=True)
class AuditedRole:
    """One role, as the deployment says.

    Attributes:
        name: the role's name.
        key: name of the secret that services read.
        reserve: name of the secret that holds the spares.
        rotator: name of its rotator's function.
        scopes: what its key has.
        is_custodian: whether its key is there to list and disable keys.
    """

    name: str
    key: str
    reserve: str
    rotator: str
    scopes: frozenset[str]
    is_custodian: bool

    @property
    def may_list(self) -> bool:
        """Whether its key may list the account's keys here."""
        return self.is_custodian and _READ in self.scopes

    @property
    def may_disable(self) -> bool:
        """Whether its key may disable keys, too."""
        return self.may_list and _WRITE in self.scopes


@dataclass(frozen=True, kw_only=True)
class AuditorSettings:
    """What the auditor is told by its deployment.

    Attributes:
        environment: name of the environment.
        klaviyo_url: Klaviyo's base URL, without a trailing slash.
        longest_age: after this time a key is older than its rotation allows.
        roles: every role of the environment.
    """

    environment: str
    klaviyo_url: str
    longest_age: timedelta
    roles: tuple[AuditedRole, ...]

    @classmethod
    def of(cls, environ: Mapping[str, str], bundle: Path) -> "AuditorSettings":
        """Read the settings from environment variables and from the file in ``bundle``.

        Raises:
            SettingsError: something is missing or wrong.
        """
        return cls(
            environment=required(environ, "ENVIRONMENT"),
            klaviyo_url=safe_url(required(environ, "KLAVIYO_URL")),
            longest_age=timedelta(days=_days(required(environ, "LONGEST_AGE_DAYS"))),
            roles=_roles(bundle / ROLES_FILE),
        )

    @property
    def custodian(self) -> AuditedRole | None:
        """The role whose key may list the account's keys, where the environment lets one."""
        return next((role for role in self.roles if role.may_list), None)


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise SettingsError(f"LONGEST_AGE_DAYS is a number of days; it is {text!r}.")
    return int(text)


def _roles(file: Path) -> tuple[AuditedRole, ...]:
    try:
        return tuple(_role(one) for one in json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError, LookupError):
        raise SettingsError(f"The bundle's {ROLES_FILE} does not list the roles: deploy the auditor again.") from None


def _role(one: Mapping[str, Any]) -> AuditedRole:
    return AuditedRole(
        name=one["name"],
        key=one["key"],
        reserve=one["reserve"],
        rotator=one["rotator"],
        scopes=frozenset(one["scopes"]),
        is_custodian=one["isCustodian"],
    )
