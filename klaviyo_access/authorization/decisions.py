"""One decision: may this person do this? What every framework's `Authorization` shares."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from functools import partial

from klaviyo_access.audit.entry import AuditEntry, Result
from klaviyo_access.authorization.permissions import Permissions
from klaviyo_access.errors import AuthorizationError, PermissionDenied, RoleNotAssigned, UnknownRole


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A permission as a route requires it, looked up when the route is declared.

    Attributes:
        permission: the permission's name.
        roles: the roles that pass.
        why: for each role that has the permission and yet does not pass, the reason, as the end of a sentence.
    """

    permission: str
    roles: frozenset[str]
    why: Mapping[str, str]

    def check(self, role: object) -> str:
        """Let ``role`` pass and return it.

        Raises:
            RoleNotAssigned: ``role`` is None or empty.
            PermissionDenied: it lacks the permission, the route is for other roles, or it is no text.
        """
        if not role:
            raise RoleNotAssigned
        if not isinstance(role, str):  # what an application looks up is not always what it declares
            why = f": a person's role is one name, and role_of gave a value of type {type(role).__name__}"
            raise PermissionDenied(role=str(role), permission=self.permission, why=why)
        if role not in self.roles:
            raise PermissionDenied(role=role, permission=self.permission, why=self.why.get(role, ""))
        return role


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks, what for and from where, as far as the framework knows.

    Attributes:
        role: the Klaviyo role; None where none is assigned.
        user_id: as the application knows people.
        resource: what is asked for, as in ``POST /klaviyo/lists``.
        ip_address: where the request comes from.
        request_id: what ties the decision to the application's other logs.
    """

    role: str | None
    user_id: str | None
    resource: str
    ip_address: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Authorizer:
    """What decides, and what is told of each decision.

    Attributes:
        permissions: who may do what.
        record: receives the audit entry of each decision before it takes effect, as ``AuditLog.record`` does. What it
            raises fails the request: so can an application that must not act unrecorded.
        challenge: what a 401 asks for in ``WWW-Authenticate`` (RFC 9110, 15.5.2).
        clock: the present time, aware.
    """

    permissions: Permissions
    _: KW_ONLY
    record: Callable[[AuditEntry], None] | None = None
    challenge: str = "Bearer"
    clock: Callable[[], datetime] = field(default=partial(datetime.now, UTC))

    def requirement(self, permission: str, *, roles: Iterable[str] | None = None) -> Requirement:
        """Look a permission up, so that a mistake shows when the route is declared.

        Args:
            permission: as in access.yaml.
            roles: the roles that the route is for; without it, all that have the permission.

        Raises:
            UnknownPermission: the access model has no such permission.
            UnknownRole: it has no such role, or none that has the permission in any environment; or no role is named.
        """
        chosen = _chosen(roles)
        passing = self.permissions.holders(permission, among=chosen)
        place = self.permissions.environment
        lost = {
            role: f" in {place}: the environment's ceiling takes away a scope that it needs"
            for role, lost in self.permissions.lost.items()
            if permission in lost
        }
        elsewhere = dict.fromkeys(self.permissions.holders(permission) - passing, " here")
        return Requirement(permission=permission, roles=passing, why=lost | elsewhere)

    def decide(self, requirement: Requirement, asker: Asker) -> str:
        """Check, record, and return the role that passed.

        Raises:
            RoleNotAssigned: ``asker`` has no role.
            PermissionDenied: the role does not pass.
        """
        try:
            role = requirement.check(asker.role)
        except AuthorizationError as refusal:
            self._record(requirement, asker, result="denied", reason=str(refusal))
            raise
        self._record(requirement, asker, result="allowed")
        return role

    def _record(self, requirement: Requirement, asker: Asker, *, result: Result, **metadata: str) -> None:
        if self.record is None:
            return
        entry = AuditEntry(
            timestamp=self.clock(),
            user_id=asker.user_id or "",
            role=str(asker.role or ""),
            action=requirement.permission,
            resource=asker.resource,
            result=result,
            ip_address=asker.ip_address,
            metadata=metadata,
            request_id=asker.request_id,
        )
        self.record(entry)


def _chosen(roles: Iterable[str] | None) -> frozenset[str] | None:
    if roles is None:
        return None
    if isinstance(roles, str):
        raise UnknownRole(f"A route names its roles in a list; write roles=[{roles!r}], not roles={roles!r}.")
    if not (chosen := frozenset(roles)):
        raise UnknownRole(
            "A route is open to some role; roles is empty, so that nobody could pass. Leave roles out to let all pass "
            "that have the permission."
        )
    return chosen
