"""The routes of a Starlette or FastAPI application, those of routers and applications inside it too."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from inspect import isclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.routing import BaseRoute

from klaviyo_access.authorization.decisions import requires_permission
from klaviyo_access.authorization.routes import DeclaredRoute

_PARAMETER: Final = re.compile(r"\{\w+(?::(\w+))?\}")
_WITHIN_ONE_SEGMENT: Final = {None, "str", "int", "float", "uuid"}
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "query")


def endpoint_is_guarded(route: Any) -> bool:
    """Whether the endpoint of a route, each of its methods where it is a class, requires a permission."""
    endpoint = getattr(route, "endpoint", None)
    handlers: list[object] = [endpoint]
    if isclass(endpoint) and issubclass(endpoint, HTTPEndpoint):
        handlers = [getattr(endpoint, method) for method in _METHODS if hasattr(endpoint, method)] or handlers
    elif isclass(endpoint) and issubclass(endpoint, WebSocketEndpoint):
        handlers = [endpoint.on_connect]
    return all(map(requires_permission, handlers))


@dataclass(frozen=True, kw_only=True)
class RouteReader:
    """Reads the routes of an application.

    Attributes:
        expand: turns routes into those that are served, each with its path; FastAPI's included routers need it.
        is_guarded: whether one of them requires a permission.
    """

    expand: Callable[[Sequence[BaseRoute]], Iterable[Any]] = iter
    is_guarded: Callable[[Any], bool] = endpoint_is_guarded

    def read(self, routes: Sequence[BaseRoute], *, above: str = "") -> Iterator[DeclaredRoute]:
        """Every route with its whole path; a mounted application that cannot be looked into is one unguarded route."""
        for route in self.expand(routes):
            path = above + (getattr(route, "path", None) or "")
            if inner := getattr(route, "routes", None):
                yield from self.read(inner, above=path)
                continue
            endpoint = getattr(route, "endpoint", None)
            yield DeclaredRoute(
                path=path or "/",
                pattern=_PARAMETER.sub(_wildcard, path) + ("" if endpoint else "/**"),
                handler=getattr(endpoint, "__qualname__", type(route).__name__),
                is_guarded=self.is_guarded(route),
            )

    def applications(self, routes: Sequence[BaseRoute]) -> Iterator[Starlette]:
        """The applications that are mounted among routes, at any depth."""
        for route in self.expand(routes):
            inner = getattr(route, "_base_app", getattr(route, "app", None))
            if isinstance(inner, Starlette):
                yield inner
            yield from self.applications(getattr(route, "routes", None) or [])


def _wildcard(parameter: re.Match[str]) -> str:
    return "*" if parameter[1] in _WITHIN_ONE_SEGMENT else "**"
