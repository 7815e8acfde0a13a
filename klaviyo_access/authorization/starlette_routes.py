"""The routes of a Starlette or FastAPI application, those of routers and applications inside it too."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from inspect import isclass
from typing import Any, Final, cast

from starlette.applications import Starlette
from starlette.convertors import CONVERTOR_TYPES, FloatConvertor, IntegerConvertor, StringConvertor, UUIDConvertor
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.routing import BaseRoute, Router

from klaviyo_access.authorization.marks import is_guarded
from klaviyo_access.authorization.routes import DeclaredRoute

_PARAMETER: Final = re.compile(r"\{\w+(?::(\w+))?\}")
_WITHIN_ONE_SEGMENT: Final = (StringConvertor, IntegerConvertor, FloatConvertor, UUIDConvertor)
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "query")


def endpoint_is_guarded(route: Any) -> bool:
    """Whether the endpoint of a route, each of its methods where it is a class, requires a permission."""
    endpoint = getattr(route, "endpoint", None)
    handlers: list[object] = [endpoint]
    if _dispatches_as(HTTPEndpoint, endpoint):
        handlers = [getattr(endpoint, method) for method in _METHODS if hasattr(endpoint, method)] or handlers
    elif _dispatches_as(WebSocketEndpoint, endpoint):
        handlers = [cast("type[WebSocketEndpoint]", endpoint).on_connect]
    return all(map(is_guarded, handlers))


def _dispatches_as(base: type[HTTPEndpoint | WebSocketEndpoint], endpoint: object) -> bool:
    """Whether an endpoint is a class that picks its handlers as ``base`` does, not in a way of its own."""
    return (
        isclass(endpoint)
        and issubclass(endpoint, base)
        and all(getattr(endpoint, name) is getattr(base, name) for name in ("dispatch", "__await__"))
    )


def itself(route: BaseRoute) -> BaseRoute:
    """What Starlette keeps the routes inside a route in."""
    return route


@dataclass(frozen=True, kw_only=True)
class RouteReader:
    """Reads the routes of an application.

    Attributes:
        expand: turns routes into those that are served, each with its path; FastAPI's included routers need it.
        inside: gives what has the routes inside a route, itself or another.
        is_guarded: whether one of them requires a permission.
    """

    expand: Callable[[Sequence[BaseRoute]], Iterable[Any]] = iter
    inside: Callable[[BaseRoute], object] = itself
    is_guarded: Callable[[Any], bool] = endpoint_is_guarded

    def read(self, router: Router, *, above: str = "") -> Iterator[DeclaredRoute]:
        """Every route with its whole path; a mounted application that cannot be looked into is one unguarded route."""
        yield from self._routes(router.routes, above=above)
        yield from self._default(router, above=above)

    def lists(self, routes: Sequence[BaseRoute]) -> Iterator[Sequence[BaseRoute]]:
        """The lists in which routes stand, ``routes`` first, then those of routers and applications inside."""
        yield routes
        for route in routes:
            if isinstance(inner := getattr(self.inside(route), "routes", None), list):
                yield from self.lists(inner)

    def applications(self, routes: Sequence[BaseRoute]) -> Iterator[Starlette]:
        """The applications that are mounted among routes, at any depth."""
        for route in self.expand(routes):
            inner = _mounted(route)
            if isinstance(inner, Starlette):
                yield inner
            yield from self.applications(getattr(route, "routes", None) or [])

    def _routes(self, routes: Sequence[BaseRoute], *, above: str) -> Iterator[DeclaredRoute]:
        for route in self.expand(routes):
            path = above + (getattr(route, "path", None) or "")
            if inner := getattr(route, "routes", None):
                yield from self._routes(inner, above=path)
                yield from self._default(_mounted(route), above=path)
                continue
            endpoint = getattr(route, "endpoint", None)
            yield DeclaredRoute(
                path=path or "/",
                pattern=_PARAMETER.sub(_wildcard, path) + ("" if endpoint else "/**"),
                handler=getattr(endpoint, "__qualname__", type(route).__name__),
                is_guarded=self.is_guarded(route),
            )

    def _default(self, served: object, *, above: str) -> Iterator[DeclaredRoute]:
        """What a router, or an application's, has for paths that none of its routes has: unguarded, if anything."""
        router = served.router if isinstance(served, Starlette) else served
        default = getattr(router, "default", None)
        if default is not None and getattr(default, "__func__", None) is not Router.not_found:
            yield DeclaredRoute(
                path=f"{above}/**",
                pattern=_PARAMETER.sub(_wildcard, above) + "/**",
                handler=getattr(default, "__qualname__", type(default).__name__),
                is_guarded=is_guarded(default),
            )


def _mounted(route: object) -> object:
    return getattr(route, "_base_app", getattr(route, "app", None))


def _wildcard(parameter: re.Match[str]) -> str:
    convertor = CONVERTOR_TYPES.get(parameter[1] or "str")
    return "*" if type(convertor) in _WITHIN_ONE_SEGMENT else "**"
