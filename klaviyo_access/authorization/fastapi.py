"""Permissions on FastAPI's routes: ``Depends(access.require("send-campaigns"))``."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from klaviyo_access.authorization import starlette
from klaviyo_access.authorization.decisions import Requirement
from klaviyo_access.authorization.starlette_routes import RouteReader, endpoint_is_guarded


@dataclass(frozen=True, eq=False)  # FastAPI keeps dependencies in a dict: each is itself
class Required:
    """A dependency that lets people with a permission through, and gives the route their role."""

    requirement: Requirement
    admit: Callable[[Requirement, HTTPConnection], Awaitable[str]]

    async def __call__(self, connection: HTTPConnection) -> str:
        """The role that passed."""
        return await self.admit(self.requirement, connection)


def _required(route: Any) -> list[Requirement]:
    calls = [one.call for one in _tree(getattr(route, "dependant", None))]
    return [call.requirement for call in calls if isinstance(call, Required)]


def _is_guarded(route: Any) -> bool:
    return endpoint_is_guarded(route) or bool(_required(route))


def _included(route: BaseRoute) -> object:
    """The router that a route stands for, where `FastAPI.include_router` made it: its routes may yet become more."""
    return getattr(route, "original_router", route)


def _tree(dependant: Dependant | None) -> Iterator[Dependant]:
    if dependant is not None:
        yield dependant
        for inner in dependant.dependencies:
            yield from _tree(inner)


@dataclass(frozen=True)
class Authorization(starlette.Authorization):
    """Permissions on the routes, routers and applications of FastAPI."""

    _reader: ClassVar[RouteReader] = RouteReader(expand=iter_route_contexts, inside=_included, is_guarded=_is_guarded)

    def require(self, permission: str, *, roles: Iterable[str] | None = None) -> Required:  # type: ignore[override] # FastAPI's way is a dependency, not a decorator
        """A dependency for ``Depends``; its value is the role that passed.

        Args:
            permission: as in access.yaml.
            roles: the roles that the route is for; without it, all that have the permission.

        Raises:
            UnknownPermission: now, where the access model has no such permission.
            UnknownRole: now, where it has no such role with the permission.
            RoleNotAssigned: at a request of somebody without a role; answered with 401.
            PermissionDenied: at a request of a role that does not pass; answered with 403.
        """
        return Required(self.requirement(permission, roles=roles), self.admit)

    def _describe(self, app: Starlette) -> None:
        for route in iter_route_contexts(app.routes):
            if (required := _required(route)) and (responses := getattr(route, "responses", None)) is not None:
                permissions = " and ".join(requirement.permission for requirement in required)
                responses.setdefault(401, {"description": "No Klaviyo role assigned"})
                responses.setdefault(403, {"description": f"Role without the permission {permissions}"})
