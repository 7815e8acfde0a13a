"""FastAPI and Starlette: who gets through, what the others are told, and which applications do not start."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.convertors import CONVERTOR_TYPES, PathConvertor
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from klaviyo_access.audit.entry import AuditEntry
from klaviyo_access.authorization import fastapi, starlette
from klaviyo_access.errors import AuthorizationError, UnguardedRoutes, UnknownPermission, UnknownRole
from tests.authorization.people import ANSWERS, DENIED_TO_VIEWER, NO_ROLE, NOON, PERMISSIONS


async def role_in_header(connection: HTTPConnection) -> str | None:
    """A look-up that waits, as one in a session store does."""
    return connection.headers.get("role")


ON_FASTAPI = fastapi.Authorization(PERMISSIONS, role_of=role_in_header)
ON_STARLETTE = starlette.Authorization(PERMISSIONS, role_of=role_in_header)


@ON_STARLETTE.require("send-campaigns")
async def send(request: Request) -> Response:
    return JSONResponse("sent")


@ON_STARLETTE.require("send-campaigns")
def send_blocking(request: Request) -> Response:
    return JSONResponse("sent")


class Campaigns(HTTPEndpoint):
    """Guarded in each method."""

    @ON_STARLETTE.require("send-campaigns")
    async def post(self, _: Request) -> Response:
        return JSONResponse("sent")


class DispatchesItself(Campaigns):
    """Guarded in each method, and asks none."""

    async def dispatch(self) -> None:
        await JSONResponse("open")(self.scope, self.receive, self.send)


class OpenEvents(WebSocketEndpoint):
    """A web socket that anybody opens."""


class HalfGuarded(Campaigns):
    """Guarded in one method of two."""

    async def get(self, _: Request) -> Response:
        return JSONResponse("open")


class Events(WebSocketEndpoint):
    """Guarded where a socket connects."""

    encoding = "text"

    @ON_STARLETTE.require("read-profiles")
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("welcome")
        await websocket.close()


class EventsDispatchedItself(Events):
    """Guarded where a socket connects, and never connects so."""

    async def dispatch(self) -> None:
        await WebSocket(self.scope, self.receive, self.send).accept()


async def unguarded(request: Request) -> Response:
    return JSONResponse("open")


async def opaque(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse("open")(scope, receive, send)


def on_fastapi(access: fastapi.Authorization = ON_FASTAPI) -> FastAPI:
    app = FastAPI()

    @app.post("/klaviyo/campaigns", dependencies=[Depends(access.require("send-campaigns"))])
    def campaigns() -> str:
        return "sent"

    access.guard(app)
    return app


def on_fastapi_router() -> FastAPI:
    router = APIRouter(prefix="/klaviyo", dependencies=[Depends(ON_FASTAPI.require("send-campaigns"))])

    @router.post("/campaigns")
    def campaigns() -> str:
        return "sent"

    app = FastAPI()
    ON_FASTAPI.guard(app)
    app.include_router(router)
    return app


def on_starlette(endpoint: Any = send, *, inside: Callable[[list[BaseRoute]], Any] | None = None) -> Starlette:
    route = Route("/campaigns", endpoint, methods=["POST"])
    app = Starlette(routes=[Mount("/klaviyo", app=inside([route]) if inside else Router([route]))])
    ON_STARLETTE.guard(app)
    return app


APPLICATIONS: dict[str, Callable[[], Starlette]] = {
    "a FastAPI route": on_fastapi,
    "a FastAPI router": on_fastapi_router,
    "a Starlette endpoint": on_starlette,
    "a blocking Starlette endpoint": lambda: on_starlette(send_blocking),
    "a Starlette endpoint class": lambda: on_starlette(Campaigns),
    "a mounted application": lambda: on_starlette(inside=lambda routes: Starlette(routes=routes)),
    "an application mounted in a mounted one": lambda: on_starlette(
        inside=lambda routes: Starlette(routes=[Mount("/", app=Starlette(routes=routes))])
    ),
}


@pytest.mark.parametrize("make", APPLICATIONS.values(), ids=APPLICATIONS)
@pytest.mark.parametrize(("role", "status", "said"), ANSWERS.values(), ids=ANSWERS)
def test_a_route_lets_through_who_may(make: Callable[[], Starlette], role: str | None, status: int, said: Any) -> None:
    with TestClient(make()) as client:
        answer = client.post("/klaviyo/campaigns", headers={} if role is None else {"role": role})
    assert (answer.status_code, answer.json()) == (status, said)
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


def test_the_role_is_by_default_what_the_applications_login_left_in_the_state() -> None:
    entries: list[AuditEntry] = []
    app = on_fastapi(fastapi.Authorization(PERMISSIONS, record=entries.append, clock=lambda: NOON))

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if "who" in request.headers:
            request.state.klaviyo_user, _, request.state.klaviyo_role = request.headers["who"].partition(":")
        return await call_next(request)

    with TestClient(app) as client:
        statuses = [
            client.post("/klaviyo/campaigns?list=1", headers=headers).status_code
            for headers in ({}, {"who": "vera:viewer"}, {"who": "marie:marketer", "X-Request-ID": "r7"})
        ]
    assert statuses == [401, 403, 200]
    assert [(entry.user_id, entry.role, entry.result) for entry in entries] == [
        ("", "", "denied"),
        ("vera", "viewer", "denied"),
        ("marie", "marketer", "allowed"),
    ]
    last = entries[-1]
    assert (last.timestamp, last.action, last.resource) == (NOON, "send-campaigns", "POST /klaviyo/campaigns")
    assert (last.ip_address, last.request_id) == ("testclient", "r7")


def test_a_route_gets_the_role_that_passed() -> None:
    app = FastAPI()

    @app.get("/klaviyo/profiles")
    def profiles(role: Annotated[str, Depends(ON_FASTAPI.require("read-profiles"))]) -> str:
        return role

    ON_FASTAPI.guard(app)
    with TestClient(app) as client:
        assert client.get("/klaviyo/profiles", headers={"role": "viewer"}).json() == "viewer"


def test_a_mistake_shows_when_the_route_is_declared() -> None:
    for access in (ON_FASTAPI, ON_STARLETTE):
        with pytest.raises(UnknownPermission, match="did you mean 'send-campaigns'"):
            access.require("send-campaign")
        with pytest.raises(UnknownRole, match="did you mean 'viewer'"):
            access.require("read-profiles", roles=("view",))


def socket_on_fastapi() -> FastAPI:
    app = FastAPI()

    @app.websocket("/klaviyo/events", dependencies=[Depends(ON_FASTAPI.require("read-profiles"))])
    async def events(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("welcome")
        await websocket.close()

    ON_FASTAPI.guard(app)
    return app


def socket_on_starlette() -> Starlette:
    app = Starlette(routes=[WebSocketRoute("/klaviyo/events", Events)])
    ON_STARLETTE.guard(app)
    return app


@pytest.mark.parametrize("make", [socket_on_fastapi, socket_on_starlette])
def test_a_web_socket_opens_for_who_may(make: Callable[[], Starlette]) -> None:
    with TestClient(make()) as client:
        with client.websocket_connect("/klaviyo/events", headers={"role": "viewer"}) as socket:
            assert socket.receive_text() == "welcome"
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/klaviyo/events"):
            pass
    assert (denied.value.status_code, denied.value.json()) == (401, {"error": "No Klaviyo role assigned"})


def test_a_web_socket_is_closed_where_the_server_cannot_answer_it() -> None:
    app = socket_on_starlette()

    async def plain_server(scope: Scope, receive: Receive, send: Send) -> None:
        scope.get("extensions", {}).pop("websocket.http.response", None)
        await app(scope, receive, send)

    with (
        TestClient(plain_server) as client,
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect("/klaviyo/events"),
    ):
        pass
    assert (closed.value.code, closed.value.reason) == (1008, "No Klaviyo role assigned")


def test_the_documentation_of_a_fastapi_says_what_its_guarded_routes_answer() -> None:
    app = on_fastapi_router()
    app.add_api_route("/status", unguarded, response_model=None)
    app.add_api_websocket_route("/klaviyo/events", ON_STARLETTE.require("read-profiles")(Events.on_receive))
    with TestClient(app) as client:
        paths = client.get("/openapi.json").json()["paths"]
    guarded = paths["/klaviyo/campaigns"]["post"]["responses"]
    assert guarded["401"]["description"] == "No Klaviyo role assigned"
    assert guarded["403"]["description"] == "Role without the permission send-campaigns"
    assert list(paths["/status"]["get"]["responses"]) == ["200"]


def test_an_application_may_tell_refusals_its_own_way() -> None:
    app = on_fastapi()

    @app.exception_handler(AuthorizationError)
    async def tell(request: Request, error: AuthorizationError) -> Response:
        return PlainTextResponse("ask your team lead", status_code=403)

    ON_FASTAPI.guard(app)
    with TestClient(app) as client:
        assert client.post("/klaviyo/campaigns").text == "ask your team lead"


def fastapi_with(path: str, **options: Any) -> FastAPI:
    app = FastAPI()
    ON_FASTAPI.guard(app)
    app.add_api_route(path, unguarded, response_model=None, **options)
    return app


def fastapi_router_with_an_open_route() -> FastAPI:
    inner, outer, app = APIRouter(prefix="/lists"), APIRouter(prefix="/klaviyo"), FastAPI()
    inner.add_api_route("/open", unguarded, response_model=None)
    outer.include_router(inner)
    app.include_router(outer)
    ON_FASTAPI.guard(app)
    return app


def fastapi_read_by_starlettes_guard() -> FastAPI:
    app = FastAPI()
    app.include_router(APIRouter(prefix="/klaviyo"))
    ON_STARLETTE.guard(app)
    return app


def starlette_with(*routes: BaseRoute) -> Starlette:
    app = Starlette(routes=routes)
    ON_STARLETTE.guard(app)
    return app


def socket_without_permission() -> FastAPI:
    app = FastAPI()
    ON_FASTAPI.guard(app)
    app.add_api_websocket_route("/klaviyo/events", Events.on_receive)
    return app


def fastapi_with_a_default() -> FastAPI:
    app = fastapi_with("/status", dependencies=[Depends(ON_FASTAPI.require("read-profiles"))])
    app.router.default = opaque
    return app


REFUSED: dict[str, tuple[Callable[[], Starlette], str]] = {
    "an open web socket class": (
        lambda: starlette_with(WebSocketRoute("/klaviyo/events", OpenEvents)),
        "/klaviyo/events (OpenEvents)",
    ),
    "a class that dispatches in a way of its own": (
        lambda: starlette_with(Route("/klaviyo/x", DispatchesItself)),
        "/klaviyo/x (DispatchesItself)",
    ),
    "a web socket class that does": (
        lambda: starlette_with(WebSocketRoute("/klaviyo/events", EventsDispatchedItself)),
        "/klaviyo/events (EventsDispatchedItself)",
    ),
    "the default of a router": (
        lambda: starlette_with(Mount("/{section}", app=Router([Route("/x", send, methods=["POST"])], default=opaque))),
        "/{section}/** (opaque)",
    ),
    "the default of a mounted application": (
        lambda: starlette_with(Mount("/klaviyo", app=fastapi_with_a_default())),
        "/klaviyo/** (opaque)",
    ),
    "the default of the application": (fastapi_with_a_default, "/** (opaque)"),
    "a FastAPI route": (lambda: fastapi_with("/klaviyo/open"), "/klaviyo/open (unguarded)"),
    "a FastAPI router in a router": (fastapi_router_with_an_open_route, "/klaviyo/lists/open (unguarded)"),
    "another dependency": (
        lambda: fastapi_with("/klaviyo/open", dependencies=[Depends(lambda: None)]),
        "/klaviyo/open (unguarded)",
    ),
    "a route that a parameter leads to": (lambda: fastapi_with("/{section}/open"), "/{section}/open (unguarded)"),
    "a route that takes every path": (lambda: fastapi_with("/{rest:path}"), "/{rest:path} (unguarded)"),
    "a FastAPI web socket": (socket_without_permission, "/klaviyo/events (WebSocketEndpoint.on_receive)"),
    "routers that cannot be looked into": (fastapi_read_by_starlettes_guard, "/ (_IncludedRouter)"),
    "a Starlette route": (lambda: starlette_with(Route("/klaviyo/open", unguarded)), "/klaviyo/open (unguarded)"),
    "a class guarded in one method of two": (
        lambda: starlette_with(Route("/klaviyo/half", HalfGuarded)),
        "/klaviyo/half (HalfGuarded)",
    ),
    "a mounted route": (
        lambda: starlette_with(Mount("/klaviyo", routes=[Route("/{id:int}/open", unguarded)])),
        "/klaviyo/{id:int}/open (unguarded)",
    ),
    "a mounted application that cannot be looked into": (
        lambda: starlette_with(Mount("/klaviyo", app=opaque)),
        "/klaviyo (Mount)",
    ),
    "an application mounted at the root": (lambda: starlette_with(Mount("/", app=opaque)), "/ (Mount)"),
    "a route of one host": (
        lambda: starlette_with(Host("api.example.com", app=Router([Route("/klaviyo/open", unguarded)]))),
        "/klaviyo/open (unguarded)",
    ),
    "the documentation of a mounted FastAPI": (
        lambda: starlette_with(
            Mount("/klaviyo", app=FastAPI(openapi_url="/openapi.json", docs_url=None, redoc_url=None))
        ),
        "/klaviyo/openapi.json",
    ),
}


@pytest.mark.parametrize(("make", "named"), REFUSED.values(), ids=REFUSED)
def test_an_application_with_an_open_klaviyo_route_does_not_start(make: Callable[[], Starlette], named: str) -> None:
    with pytest.raises(UnguardedRoutes) as refused, TestClient(make()):
        pass
    assert f"  {named}" in str(refused.value)


class Anything(PathConvertor):
    """A convertor that an application registers."""


@pytest.mark.parametrize("name", ["int", "anything"])
def test_a_convertor_of_the_applications_own_may_span_segments(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(CONVERTOR_TYPES, name, Anything())
    app = Starlette(routes=[Route(f"/{{rest:{name}}}", unguarded)])
    ON_STARLETTE.guard(app, prefix="/api/klaviyo")
    with pytest.raises(UnguardedRoutes, match="requires a permission"), TestClient(app):
        pass


@pytest.mark.parametrize("path", ["/{rest:path}", "/api/{rest:path}"])
def test_a_parameter_that_spans_segments_leads_under_a_longer_prefix(path: str) -> None:
    app = FastAPI()
    app.add_api_route(path, unguarded, response_model=None)
    ON_FASTAPI.guard(app, prefix="/api/crm/klaviyo")
    with pytest.raises(UnguardedRoutes), TestClient(app):
        pass


def test_a_server_without_lifespan_gets_no_answer_from_it_either() -> None:
    client = TestClient(fastapi_with("/klaviyo/open"))
    for path in ("/klaviyo/open", "/elsewhere", "/klaviyo/open"):
        with pytest.raises(UnguardedRoutes):
            client.get(path)


def declared_in_its_lifespan(ended: list[str]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.add_api_route("/klaviyo/late", unguarded, response_model=None)
        try:
            yield
        finally:
            ended.append("what it began")

    app = FastAPI(lifespan=lifespan)
    app.add_api_route("/klaviyo/x", unguarded, dependencies=[Depends(ON_FASTAPI.require("read-profiles"))])
    ON_FASTAPI.guard(app)
    return app


def test_a_route_that_the_lifespan_declares_is_looked_at_before_the_start_succeeds() -> None:
    ended: list[str] = []
    with pytest.raises(UnguardedRoutes, match="/klaviyo/late"), TestClient(declared_in_its_lifespan(ended)):
        pass
    assert ended == ["what it began"]


@pytest.mark.parametrize("late", [Route("/klaviyo/late", unguarded), Mount("/klaviyo", routes=[Route("/", unguarded)])])
def test_a_route_that_is_declared_while_the_application_serves_keeps_everything_from_being_served(
    late: BaseRoute,
) -> None:
    app = on_starlette()
    with TestClient(app) as client:
        assert client.post("/klaviyo/campaigns", headers={"role": "marketer"}).status_code == 200
        app.router.routes.append(late)
        for path in ("/klaviyo/late", "/klaviyo/campaigns"):
            with pytest.raises(UnguardedRoutes):
                client.get(path)


def test_a_route_of_a_mounted_router_that_is_declared_late_is_looked_at_too() -> None:
    inner = APIRouter()
    app = fastapi_with("/klaviyo/x", dependencies=[Depends(ON_FASTAPI.require("read-profiles"))])
    app.include_router(inner, prefix="/klaviyo")
    with TestClient(app) as client:
        inner.add_api_route("/late", unguarded, response_model=None)
        with pytest.raises(UnguardedRoutes):
            client.get("/klaviyo/late")


@pytest.mark.parametrize("path", ["/klavio/campaigns", "/api/klaviyo/campaigns", "/klaviyo-campaigns"])
def test_a_guard_that_would_watch_over_nothing_is_refused(path: str) -> None:
    said = f"no route is under /klaviyo; there are: .*{path}"
    with pytest.raises(UnguardedRoutes, match=said), TestClient(fastapi_with(path)):
        pass


@pytest.mark.parametrize("make", [lambda: Starlette(routes=[Route("/x", send)]), FastAPI])
def test_a_refusal_is_answered_without_a_guard_too(make: Callable[[], Starlette]) -> None:
    app = make()
    if isinstance(app, FastAPI):
        app.get("/x", dependencies=[Depends(ON_FASTAPI.require("send-campaigns"))])(lambda: "sent")
    with TestClient(app) as client:
        answers = [client.get("/x", headers=headers) for headers in ({}, {"role": "viewer"}, {"role": "marketer"})]
    assert [answer.status_code for answer in answers] == [401, 403, 200]
    assert (answers[0].json(), answers[1].json()) == (NO_ROLE, DENIED_TO_VIEWER)


def test_the_server_is_told_why_it_cannot_start() -> None:
    told: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message)

    with pytest.raises(UnguardedRoutes) as refused:
        asyncio.run(fastapi_with("/klaviyo/open")({"type": "lifespan"}, receive, send))
    assert told == [{"type": "lifespan.startup.failed", "message": str(refused.value)}]


def dependency_of_a_dependency() -> FastAPI:
    def client_of(role: Annotated[str, Depends(ON_FASTAPI.require("read-profiles"))]) -> str:
        return f"client of {role}"

    app = FastAPI()
    app.add_api_route("/klaviyo/profiles", unguarded, response_model=None, dependencies=[Depends(client_of)])
    ON_FASTAPI.guard(app)
    return app


STARTED: dict[str, Callable[[], Starlette]] = {
    "a dependency that requires a permission itself": dependency_of_a_dependency,
    "open routes elsewhere": lambda: starlette_with(
        Route("/klaviyo/x", send), Route("/status/klaviyo", unguarded), Route("/klaviyo-status", unguarded)
    ),
    "a class that inherits how it dispatches": lambda: starlette_with(Route("/klaviyo/x", Campaigns)),
    "a web socket with a permission": socket_on_starlette,
    "an endpoint class guarded in each method": lambda: starlette_with(Route("/klaviyo/x", Campaigns)),
}


@pytest.mark.parametrize("make", STARTED.values(), ids=STARTED)
def test_an_application_starts_whose_klaviyo_routes_all_require_a_permission(make: Callable[[], Starlette]) -> None:
    with TestClient(make()) as client:
        assert client.get("/nowhere").status_code == 404


def test_a_route_may_be_open_for_a_reason_and_another_prefix_be_guarded() -> None:
    app = FastAPI()
    app.add_api_route("/api/crm/webhooks", unguarded, response_model=None)
    ON_FASTAPI.guard(app, prefix="/api/crm", open_routes={"/api/crm/webhooks": "Klaviyo signs what it sends"})
    with TestClient(app) as client:
        assert client.get("/api/crm/webhooks").json() == "open"
