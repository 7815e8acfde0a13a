"""What holds in one environment: each role and service as its ceiling leaves them, with what that took away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from klaviyo_access.access_model.declarations import REQUIRED, Declarations, Reads
from klaviyo_access.access_model.scopes import matches

_SLOWEST_FIRST: tuple[Reads, ...] = ("synced", "injected", "library")

_GRACE: Mapping[Reads, timedelta] = {
    "library": timedelta(days=1),  # it follows a refusal by itself
    "injected": timedelta(days=7),  # it holds the key until its next deployment
    "synced": timedelta(days=7),  # it holds the key until its platform fetches it again
}


@dataclass(frozen=True, kw_only=True)
class RoleAccess:
    """One role in one environment. All scopes are sorted and concrete (``family:read`` or ``family:write``).

    Attributes:
        name: the role.
        environment: where this holds.
        description: who or what acts with its key.
        owner: the team that answers for it.
        scopes: what its key has here; ``required`` and ``excess`` together.
        required: those that a permission, a service, the custodian's duty or the proof of account needs.
        excess: the others.
        reasons: for each excess scope, why the role has it.
        taken_away: what the file gives it and the environment's ceiling does not let through.
        permissions: what its people may do here.
        lost_permissions: what they may not do here, because a scope of it was taken away.
        services: who reads its key.
        lost_services: those of them that lack a scope here that was taken from this role.
        is_custodian: whether its key may list and disable keys.
        reads: how the slowest of its services follows a rotation.
    """

    name: str
    environment: str
    description: str
    owner: str
    scopes: tuple[str, ...]
    required: tuple[str, ...]
    excess: tuple[str, ...]
    reasons: Mapping[str, str]
    taken_away: tuple[str, ...]
    permissions: tuple[str, ...]
    lost_permissions: tuple[str, ...]
    services: tuple[str, ...]
    lost_services: tuple[str, ...]
    is_custodian: bool
    reads: Reads

    @property
    def grace(self) -> timedelta:
        """How long a superseded key of it is left alone, so that whoever still holds it finds the new one."""
        return _GRACE[self.reads]


@dataclass(frozen=True, kw_only=True)
class ServiceAccess:
    """One service in one environment.

    Attributes:
        name: the service.
        description: what it does with the key.
        roles: whose keys it reads; one, unless there is a reason.
        reason: why it reads several; None where it reads one.
        needs: the scopes it uses.
        unmet: those of them that none of its roles has here.
        reads: how it follows a rotation.
    """

    name: str
    description: str
    roles: tuple[str, ...]
    reason: str | None
    needs: tuple[str, ...]
    unmet: tuple[str, ...]
    reads: Reads


@dataclass(frozen=True, kw_only=True)
class OAuthAppAccess:
    """The OAuth app of one environment: what it asks the owners of other Klaviyo accounts for.

    Attributes:
        service: the service that asks, and keeps the tokens.
        scopes: what it asks for here, sorted: what its permissions need, and accounts:read.
        taken_away: what its permissions need and the environment's ceiling does not let through.
        permissions: what it may do on those accounts here.
        lost_permissions: what it may not do here, because a scope of it was taken away.
    """

    service: str
    scopes: tuple[str, ...]
    taken_away: tuple[str, ...]
    permissions: tuple[str, ...]
    lost_permissions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EnvironmentAccess:
    """Every role and service of one environment, by name, in the file's order, and the OAuth app if there is one."""

    name: str
    roles: Mapping[str, RoleAccess]
    services: Mapping[str, ServiceAccess]
    oauth_app: OAuthAppAccess | None = None


def intersect(declared: Declarations, *, environment: str) -> EnvironmentAccess:
    """Apply the ceiling of ``environment``, which must be one of ``declared``."""
    ceiling = declared.environments[environment].ceiling
    effective = {
        name: frozenset(
            scope for scope in role.declared if _lets_through(ceiling, scope, required=declared.required(name))
        )
        for name, role in declared.roles.items()
    }
    services = {name: _service(declared, name, effective=effective) for name in declared.services}
    unmet = {name: frozenset(service.unmet) for name, service in services.items()}
    roles = {
        name: _role(declared, name, environment=environment, scopes=scopes, unmet=unmet)
        for name, scopes in effective.items()
    }
    return EnvironmentAccess(
        name=environment,
        roles=MappingProxyType(roles),
        services=MappingProxyType(services),
        oauth_app=next(
            (_oauth_app(declared, name, ceiling) for name in services if declared.services[name].oauth), None
        ),
    )


def _lets_through(ceiling: Iterable[str], scope: str, *, required: frozenset[str]) -> bool:
    return any(scope in required if part == REQUIRED else matches(part, scope) for part in ceiling)


def _service(declared: Declarations, name: str, *, effective: Mapping[str, frozenset[str]]) -> ServiceAccess:
    service = declared.services[name]
    needs = declared.service_scopes(name)
    return ServiceAccess(
        name=name,
        description=service.description,
        roles=service.role_names,
        reason=service.reason,
        needs=_sorted(needs),
        unmet=_sorted(needs.difference(*(effective[role] for role in service.role_names))),
        reads=service.reads,
    )


def _oauth_app(declared: Declarations, service: str, ceiling: Iterable[str]) -> OAuthAppAccess:
    needs = declared.oauth_scopes(service)
    scopes = frozenset(scope for scope in needs if _lets_through(ceiling, scope, required=needs))
    permissions = declared.services[service].oauth
    kept = tuple(name for name in permissions if scopes.issuperset(declared.permissions[name].scopes))
    return OAuthAppAccess(
        service=service,
        scopes=_sorted(scopes),
        taken_away=_sorted(needs - scopes),
        permissions=kept,
        lost_permissions=tuple(name for name in permissions if name not in kept),
    )


def _role(
    declared: Declarations, name: str, *, environment: str, scopes: frozenset[str], unmet: Mapping[str, frozenset[str]]
) -> RoleAccess:
    role = declared.roles[name]
    readers = declared.readers(name)
    taken_away = role.declared - scopes
    excess = _sorted(scopes - declared.required(name))
    lost = {
        permission for permission in role.permissions if not scopes.issuperset(declared.permissions[permission].scopes)
    }
    return RoleAccess(
        name=name,
        environment=environment,
        description=role.description,
        owner=role.owner,
        scopes=_sorted(scopes),
        required=_sorted(scopes & declared.required(name)),
        excess=excess,
        reasons=MappingProxyType({scope: _reason(role.reasons, scope) for scope in excess}),
        taken_away=_sorted(taken_away),
        permissions=tuple(permission for permission in role.permissions if permission not in lost),
        lost_permissions=tuple(permission for permission in role.permissions if permission in lost),
        services=readers,
        lost_services=tuple(reader for reader in readers if unmet[reader] & taken_away),
        is_custodian=role.custodian,
        reads=_slowest(declared.services[reader].reads for reader in readers),
    )


def _reason(reasons: Mapping[str, str], scope: str) -> str:
    """The reason whose pattern says most about ``scope``: itself, its family, its kind, everything."""
    family, _, access = scope.partition(":")
    return next(reasons[key] for key in (scope, f"{family}:*", f"*:{access}", "*") if key in reasons)


def _slowest(reads: Iterable[Reads]) -> Reads:
    ways = set(reads)
    return next((way for way in _SLOWEST_FIRST if way in ways), "library")


def _sorted(scopes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(scopes))
