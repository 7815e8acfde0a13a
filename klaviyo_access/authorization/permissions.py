"""What the people of each role may do in one environment: a table made before the first request.

A service does not carry access.yaml. It gets the table as a JSON document that its deployment ships, written by
``klaviyo-access permissions --stack prod --json``; what the environment's ceiling takes from a role is in it as lost.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from klaviyo_access.errors import PermissionsUnusable, UnknownPermission, UnknownRole

if TYPE_CHECKING:
    from klaviyo_access.access_model import AccessModel

FILE: Final = "KLAVIYO_ACCESS_PERMISSIONS"
ENVIRONMENT: Final = "KLAVIYO_ACCESS_ENVIRONMENT"

_EXPORT: Final = (
    "Write it with 'klaviyo-access permissions --stack <environment> --json', and ship it with the service."
)


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """What the people of each role may do in one environment.

    Attributes:
        environment: where this holds.
        descriptions: every permission of access.yaml, with what it allows.
        granted: for each role of access.yaml what its people may do here.
        lost: for each role what they may not do here, because the environment's ceiling took away a scope it needs.
    """

    environment: str
    descriptions: Mapping[str, str]
    granted: Mapping[str, frozenset[str]]
    lost: Mapping[str, frozenset[str]]
    _holders: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        holders = {
            permission: frozenset(role for role, granted in self.granted.items() if permission in granted)
            for permission in self.descriptions
        }
        object.__setattr__(self, "_holders", MappingProxyType(holders))

    @classmethod
    def of(cls, model: "AccessModel", *, environment: str) -> Self:
        """The permissions of an access model, for a process that has access.yaml and the extra ``cli``.

        Raises:
            UnknownEnvironmentError: the model has no such environment.
        """
        roles = model.in_environment(environment).roles
        return cls(
            environment=environment,
            descriptions={name: permission.description for name, permission in model.permissions.items()},
            granted={name: frozenset(role.permissions) for name, role in roles.items()},
            lost={name: frozenset(role.lost_permissions) for name, role in roles.items()},
        )

    @classmethod
    def load(cls, path: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the permissions that the deployment ships.

        Args:
            path: the JSON document; without it ``KLAVIYO_ACCESS_PERMISSIONS``.
            environ: the environment variables. Where ``KLAVIYO_ACCESS_ENVIRONMENT`` is set, the document must be that
                environment's: another's may allow more.

        Raises:
            PermissionsUnusable: no such file, not such a document, or another environment's.
        """
        named = path or environ.get(FILE)
        if not named:
            raise PermissionsUnusable(f"A service knows its permissions by a file, and {FILE} names none. {_EXPORT}")
        try:
            permissions = cls.read(json.loads(Path(named).read_text("utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise PermissionsUnusable(
                f"Permissions are a JSON file; {named} cannot be read: {error}. {_EXPORT}"
            ) from error
        expected = environ.get(ENVIRONMENT) or permissions.environment
        if permissions.environment != expected:
            raise PermissionsUnusable(
                f"Permissions hold in one environment; those in {named} are of {permissions.environment!r}, and "
                f"{ENVIRONMENT} says {expected!r}, where less may be allowed. {_EXPORT}"
            )
        return permissions

    @classmethod
    def read(cls, document: object) -> Self:
        """The permissions of a parsed document, as `document` writes it.

        Raises:
            PermissionsUnusable: it has another form.
        """
        match document:
            case {"environment": str(environment), "permissions": dict(descriptions), "roles": dict(roles)}:
                return cls(
                    environment=environment,
                    descriptions=descriptions,
                    granted={role: _names(role, entry, "permissions", descriptions) for role, entry in roles.items()},
                    lost={role: _names(role, entry, "lost_permissions", descriptions) for role, entry in roles.items()},
                )
            case _:
                raise PermissionsUnusable(f"The document has 'environment', 'permissions' and 'roles'. {_EXPORT}")

    def document(self) -> dict[str, Any]:
        """The permissions as plain values of JSON."""
        return {
            "environment": self.environment,
            "permissions": dict(self.descriptions),
            "roles": {
                role: {"permissions": sorted(granted), "lost_permissions": sorted(self.lost[role])}
                for role, granted in self.granted.items()
            },
        }

    def allows(self, role: str | None, permission: str) -> bool:
        """Whether people of ``role`` may do ``permission`` here; nobody without a known role may do anything.

        Raises:
            UnknownPermission: the access model has no such permission; the message names the nearest.
        """
        try:
            holders = self._holders[permission]
        except KeyError:
            raise UnknownPermission(_unknown("permission", permission, among=self.descriptions)) from None
        return isinstance(role, str) and role in holders

    def holders(self, permission: str, *, among: Iterable[str] | None = None) -> frozenset[str]:
        """The roles whose people may do ``permission`` here, all of them or those ``among`` some.

        Raises:
            UnknownPermission: the access model has no such permission; the message names the nearest.
            UnknownRole: one of ``among`` is no role of it, or has the permission in no environment.
        """
        if permission not in self._holders:
            raise UnknownPermission(_unknown("permission", permission, among=self.descriptions))
        if among is None:
            return self._holders[permission]
        chosen = frozenset(among)
        for role in sorted(chosen):
            if role not in self.granted:
                raise UnknownRole(_unknown("role", role, among=self.granted))
            if permission not in self.granted[role] | self.lost[role]:
                raise UnknownRole(
                    f"A route is open to roles that have its permission; {role!r} does not have {permission!r}. "
                    f"Take the role out here, or add the permission to it in access.yaml."
                )
        return self._holders[permission] & chosen


def _names(role: str, entry: object, field_name: str, known: Mapping[str, str]) -> frozenset[str]:
    names = entry.get(field_name) if isinstance(entry, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and name in known for name in names):
        raise PermissionsUnusable(f"'{field_name}' of role {role!r} is a list of names under 'permissions'. {_EXPORT}")
    return frozenset(names)


def _unknown(kind: str, name: str, *, among: Iterable[str]) -> str:
    known = sorted(among)
    nearest = get_close_matches(str(name), known, n=1)
    said = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(known)}."
    return f"Routes name {kind}s that access.yaml declares; {name!r} is none: {said}"
