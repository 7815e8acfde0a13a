"""Permissions on Starlette's routes, and the guard of Starlette's and FastAPI's applications."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial, wraps
from inspect import isawaitable, iscoroutinefunction
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from klaviyo_access.authorization.decisions import Asker, Authorizer, Requirement
from klaviyo_access.authorization.marks import GuardedBy, marked
from klaviyo_access.authorization.refusals import refusal
from klaviyo_access.authorization.routes import refuse_unguarded
from klaviyo_access.authorization.starlette_routes import RouteReader
from klaviyo_access.errors import AuthorizationError, DeclarationError

Lookup: TypeAlias = Callable[[HTTPConnection], str | Awaitable[str | None] | None]
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def role_in_state(connection: HTTPConnection) -> str | None:
    """``request.state.klaviyo_role``, None where nobody set it."""
    return cast("str | None", getattr(connection.state, "klaviyo_role", None))


def user_in_state(connection: HTTPConnection) -> str | None:
    """``request.state.klaviyo_user``, None where nobody set it."""
    return cast("str | None", getattr(connection.state, "klaviyo_user", None))


@dataclass(frozen=True)
class Authorization(Authorizer):
    """Permissions on the routes of a Starlette application.

    Attributes:
        role_of: gives the role of who asks, from the request or web socket; may be asynchronous. None for no role.
        user_of: gives the user in the same way.
    """

    _: KW_ONLY
    role_of: Lookup = role_in_state
    user_of: Lookup = user_in_state

    _reader: ClassVar[RouteReader] = RouteReader()

    def require(self, permission: str, *, roles: Iterable[str] | None = None) -> Callable[[_Endpoint], _Endpoint]:
        """A decorator of endpoints: functions, and the methods of endpoint classes, that get a request or web socket.

        Args:
            permission: as in access.yaml.
            roles: the roles that the route is for; without it, all that have the permission.

        Raises:
            UnknownPermission: now, where the access model has no such permission.
            UnknownRole: now, where it has no such role with the permission.
            RoleNotAssigned: at a request of somebody without a role; answered with 401.
            PermissionDenied: at a request of a role that does not pass; answered with 403.
        """
        requirement = self.requirement(permission, roles=roles)

        def decorate(endpoint: _Endpoint) -> _Endpoint:
            @wraps(endpoint)
            async def admitted(*args: Any, **kwargs: Any) -> Any:
                await self.admit(requirement, _connection(endpoint, *args, *kwargs.values()))
                if iscoroutinefunction(endpoint):
                    return await endpoint(*args, **kwargs)
                return await run_in_threadpool(endpoint, *args, **kwargs)

            return cast("_Endpoint", marked(admitted, GuardedBy.PERMISSION))

        return decorate

    async def admit(self, requirement: Requirement, connection: HTTPConnection) -> str:
        """Decide about a request or web socket and return the role that passed.

        Raises:
            RoleNotAssigned: who asks has no role.
            PermissionDenied: the role does not pass.
        """
        asker = Asker(
            role=await _looked_up(self.role_of, connection),
            user_id=await _looked_up(self.user_of, connection),
            resource=f"{connection.scope.get('method', 'WEBSOCKET')} {connection.url.path}",
            ip_address=connection.client.host if connection.client else "",
            request_id=connection.headers.get("x-request-id", ""),
        )
        # The handlers of the application that serves this request: one of its own stays.
        handlers, _ = connection.scope.get("starlette.exception_handlers", ({}, {}))
        handlers.setdefault(AuthorizationError, self._answer)
        return self.decide(requirement, asker)

    def guard(self, app: Starlette, *, prefix: str = "/klaviyo", open_routes: Mapping[str, str] | None = None) -> None:
        """Answer refusals with 401 and 403, and let the application start only if every Klaviyo route is guarded.

        Routes may be declared before or after this call, in the application's lifespan too: they are looked at when
        that has started, and again before a request once there are more or fewer of them; so also where the server does
        without lifespan (``--lifespan off``).

        Args:
            app: the application; a handler of its own for `AuthorizationError` stays.
            prefix: where everything that calls Klaviyo lives.
            open_routes: for each path under it that is meant to be without a permission, the reason.

        The start, or the request, fails with `UnguardedRoutes` where a route that may serve ``prefix`` requires no
        permission: one that only a wildcard leads to as well, and what cannot be looked into, such as a mounted
        application of another kind and a router's default. So it does where no route is under ``prefix``.
        """
        app.exception_handlers.setdefault(AuthorizationError, self._answer)

        def check() -> None:
            for mounted in self._reader.applications(app.routes):
                mounted.exception_handlers.setdefault(AuthorizationError, self._answer)
            refuse_unguarded(self._reader.read(app.router), prefix=prefix, open_routes=open_routes or {})
            self._describe(app)

        app.add_middleware(partial(_RouteCheck, check=check, lists=lambda: self._reader.lists(app.routes)))

    def _describe(self, app: Starlette) -> None:
        """Say in the application's own documentation what its routes answer; Starlette has none."""

    async def _answer(self, connection: HTTPConnection, error: Exception) -> JSONResponse | None:
        said = refusal(cast("AuthorizationError", error), challenge=self.challenge)
        response = JSONResponse(said.body, status_code=said.status, headers=said.headers)
        if not isinstance(connection, WebSocket):
            return response
        if "websocket.http.response" in connection.scope.get("extensions", {}):
            await connection.send_denial_response(response)
        else:
            await connection.close(code=1008, reason=said.body["error"])
        return None


class _RouteCheck:
    """Runs a check once the application has started, failing the server's start with it, and when routes change."""

    def __init__(
        self, app: ASGIApp, *, check: Callable[[], None], lists: Callable[[], Iterable[Sequence[BaseRoute]]]
    ) -> None:
        self._app = app
        self._check = check
        self._lists = lists
        self._checked: list[tuple[Sequence[BaseRoute], int]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._start(scope, receive, send)
        else:
            self._recheck()
            await self._app(scope, receive, send)

    def _recheck(self) -> None:
        if not self._checked or any(len(routes) != count for routes, count in self._checked):
            checked = [(routes, len(routes)) for routes in self._lists()]
            self._check()
            self._checked = checked

    async def _start(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: DeclarationError | None = None

        async def checked(message: Message) -> None:
            nonlocal refused
            if message["type"] == "lifespan.startup.complete":
                try:
                    self._recheck()
                except DeclarationError as error:
                    refused = error
                    raise  # the application's lifespan ends what it has begun, and says that the start failed
            if refused and message["type"] == "lifespan.startup.failed":
                message = {**message, "message": str(refused)}
            await send(message)

        await self._app(scope, receive, checked)


async def _looked_up(lookup: Lookup, connection: HTTPConnection) -> str | None:
    found = lookup(connection)
    return await found if isawaitable(found) else found


def _connection(endpoint: Callable[..., Any], *arguments: object) -> HTTPConnection:
    for argument in arguments:
        if isinstance(argument, HTTPConnection):
            return argument
    raise TypeError(
        f"An endpoint that requires a permission gets the request; {endpoint.__qualname__} has no such parameter."
    )
