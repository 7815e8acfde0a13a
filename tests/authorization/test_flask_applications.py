"""Flask: who gets through, what the others are told, and which applications do not start."""

import asyncio
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, ClassVar

import pytest
from flask import Blueprint, Flask, g, request
from flask.views import MethodView, View
from werkzeug.routing import BaseConverter, Map, PathConverter
from werkzeug.routing.converters import DEFAULT_CONVERTERS

from klaviyo_access.audit.entry import AuditEntry
from klaviyo_access.authorization.flask import Authorization, pattern_of
from klaviyo_access.errors import AuthorizationError, UnguardedRoutes, UnknownPermission, UnknownRole
from tests.authorization.people import ANSWERS, DENIED_TO_VIEWER, NO_ROLE, NOON, PERMISSIONS

ACCESS = Authorization(PERMISSIONS, role_of=lambda asked: asked.headers.get("role"))


@ACCESS.require("send-campaigns")
def send() -> list[str]:
    return ["sent"]


@ACCESS.require("send-campaigns")
async def send_later() -> list[str]:
    return ["sent"]


class Campaigns(MethodView):
    """Guarded as a whole."""

    decorators: ClassVar = [ACCESS.require("send-campaigns")]

    def post(self) -> list[str]:
        return ["sent"]


class GuardedByMethod(MethodView):
    """Guarded in each method."""

    @ACCESS.require("send-campaigns")
    def post(self) -> list[str]:
        return ["sent"]


class HalfGuarded(GuardedByMethod):
    """Guarded in one method of two."""

    def get(self) -> list[str]:
        return ["open"]


def unguarded(**_: str) -> list[str]:
    return ["open"]


VIEWS: dict[str, Callable[..., Any]] = {
    "a function": send,
    "a view class": Campaigns.as_view("campaigns"),
    "a view class with guarded methods": GuardedByMethod.as_view("campaigns"),
}


def application(view: Callable[..., Any], path: str = "/klaviyo/campaigns", **options: Any) -> Flask:
    app = Flask(__name__)
    app.add_url_rule(path, view_func=view, **options)
    return app


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize(("role", "status", "said"), ANSWERS.values(), ids=ANSWERS)
def test_a_view_lets_through_who_may(view: Callable[..., Any], role: str | None, status: int, said: Any) -> None:
    app = application(view, methods=["POST"])
    ACCESS.guard(app)
    answer = app.test_client().post("/klaviyo/campaigns", headers={} if role is None else {"role": role})
    assert (answer.status_code, answer.json) == (status, ["sent"] if status == 200 else said)
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


def test_the_role_is_by_default_what_the_applications_login_left_in_g() -> None:
    entries: list[AuditEntry] = []
    access = Authorization(PERMISSIONS, record=entries.append, clock=lambda: NOON)
    app = application(access.require("send-campaigns")(unguarded), methods=["POST"])
    access.guard(app)

    @app.before_request
    def sign_in() -> None:
        if "who" in request.headers:
            g.klaviyo_user, _, g.klaviyo_role = request.headers["who"].partition(":")

    client = app.test_client()
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
    assert (last.ip_address, last.request_id) == ("127.0.0.1", "r7")


class OnAnEventLoop(Flask):
    """An application that says itself how it runs views that are coroutine functions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return (lambda *args: asyncio.run(func(*args))) if iscoroutinefunction(func) else func


@pytest.mark.parametrize(("role", "status"), [("marketer", 200), ("viewer", 403)])
def test_a_view_may_be_a_coroutine_function(role: str, status: int) -> None:
    app = OnAnEventLoop(__name__)
    app.add_url_rule("/klaviyo/campaigns", view_func=send_later)
    ACCESS.guard(app)
    assert app.test_client().get("/klaviyo/campaigns", headers={"role": role}).status_code == status


def test_a_mistake_shows_when_the_view_is_declared() -> None:
    with pytest.raises(UnknownPermission, match="did you mean 'send-campaigns'"):
        ACCESS.require("send-campaign")
    with pytest.raises(UnknownRole, match="did you mean 'viewer'"):
        ACCESS.require("read-profiles", roles=("view",))


def test_an_application_may_tell_refusals_its_own_way() -> None:
    app = application(send, methods=["POST"])
    app.register_error_handler(AuthorizationError, lambda _: ("ask your team lead", 403))
    ACCESS.guard(app)
    assert app.test_client().post("/klaviyo/campaigns").text == "ask your team lead"


def of_blueprint() -> Flask:
    app, pages = Flask(__name__), Blueprint("pages", __name__, url_prefix="/klaviyo")
    pages.add_url_rule("/open", view_func=unguarded)
    app.register_blueprint(pages)
    return app


def with_converters(path: str, **converters: type[BaseConverter]) -> Flask:
    app = Flask(__name__)
    app.url_map.converters |= converters
    app.add_url_rule(path, view_func=unguarded)
    return app


class Pattern(BaseConverter):
    """The converter that applications write for themselves."""

    def __init__(self, url_map: Map, pattern: str) -> None:
        super().__init__(url_map)
        self.regex = pattern


class NamesOneMethod(GuardedByMethod):
    """Says that it serves one method, and is guarded there."""

    methods: ClassVar = {"POST"}

    def delete(self) -> list[str]:
        return ["open"]


class DispatchesItself(GuardedByMethod):
    """Guarded in each method, and asks none."""

    def dispatch_request(self, **_: str) -> list[str]:
        return ["open"]


class GuardedAsOne(View):
    """Guarded in what serves every method."""

    @ACCESS.require("send-campaigns")
    def dispatch_request(self) -> list[str]:
        return ["sent"]


def decorated_the_wrong_way_round() -> Flask:
    app = Flask(__name__)
    ACCESS.require("send-campaigns")(app.get("/klaviyo/open")(unguarded))
    return app


REFUSED: dict[str, tuple[Callable[[], Flask], str]] = {
    "a view": (lambda: application(unguarded), "/klaviyo/campaigns (unguarded)"),
    "a view of a blueprint": (of_blueprint, "/klaviyo/open (pages.unguarded)"),
    "a view that a converter leads to": (lambda: application(unguarded, "/<section>/x"), "/<section>/x (unguarded)"),
    "a view that takes every path": (lambda: application(unguarded, "/<path:rest>"), "/<path:rest> (unguarded)"),
    "an unknown converter": (
        lambda: with_converters("/<anything:rest>", anything=BaseConverter),
        "/<anything:rest> (unguarded)",
    ),
    "another converter by a name of Werkzeug's": (
        lambda: with_converters("/<string:rest>", string=PathConverter),
        "/<string:rest> (unguarded)",
    ),
    "a converter whose argument has parentheses": (
        lambda: with_converters('/<regex("(klaviyo|shop)"):s>/erase', regex=Pattern),
        '/<regex("(klaviyo|shop)"):s>/erase (unguarded)',
    ),
    "Werkzeug's own with parentheses": (
        lambda: application(unguarded, '/<any("klaviyo(x)", klaviyo):s>/erase'),
        '/<any("klaviyo(x)", klaviyo):s>/erase (unguarded)',
    ),
    "a rule for more methods than the class names": (
        lambda: application(NamesOneMethod.as_view("named"), methods=["POST", "DELETE"]),
        "/klaviyo/campaigns (named)",
    ),
    "a class that dispatches in a way of its own": (
        lambda: application(DispatchesItself.as_view("own")),
        "/klaviyo/campaigns (own)",
    ),
    "a class guarded in one method of two": (
        lambda: application(HalfGuarded.as_view("half")),
        "/klaviyo/campaigns (half)",
    ),
    "a class without methods": (lambda: application(MethodView.as_view("none")), "/klaviyo/campaigns (none)"),
    "require above the route": (decorated_the_wrong_way_round, "/klaviyo/open (unguarded)"),
    "static files": (
        lambda: Flask(__name__, static_url_path="/klaviyo/files"),
        "/klaviyo/files/<path:filename> (static)",
    ),
}


@pytest.mark.parametrize(("make", "named"), REFUSED.values(), ids=REFUSED)
def test_an_application_with_an_open_klaviyo_view_is_refused(make: Callable[[], Flask], named: str) -> None:
    with pytest.raises(UnguardedRoutes) as refused:
        ACCESS.guard(make())
    assert f"  {named}" in str(refused.value)


GUARDED_CLASSES = {
    "each method, with GET and HEAD": lambda: type("Get", (GuardedByMethod,), {"get": GuardedByMethod.post}),
    "one that serves all": lambda: GuardedAsOne,
}


@pytest.mark.parametrize("make", GUARDED_CLASSES.values(), ids=GUARDED_CLASSES)
def test_a_view_class_whose_every_way_in_is_guarded_passes(make: Callable[[], type[View]]) -> None:
    app = application(make().as_view("campaigns"))
    ACCESS.guard(app)
    assert app.test_client().get("/klaviyo/campaigns", headers={"role": "viewer"}).status_code == 403


@pytest.mark.parametrize("path", ["/klavio/campaigns", "/api/klaviyo/campaigns", "/klaviyo-campaigns"])
def test_a_guard_that_would_watch_over_nothing_is_refused(path: str) -> None:
    with pytest.raises(UnguardedRoutes, match=f"no route is under /klaviyo; there are: {path}"):
        ACCESS.guard(application(send, path))


def test_a_refusal_is_answered_without_a_guard_too() -> None:
    client = application(send).test_client()
    answers = [client.get("/klaviyo/campaigns", headers=headers) for headers in ({}, {"role": "viewer"})]
    assert [(answer.status_code, answer.json) for answer in answers] == [(401, NO_ROLE), (403, DENIED_TO_VIEWER)]


PATTERNS = {
    "/<id>/x": "/*/x",
    "/<int:id>/<uuid:id>": "/*/*",
    '/<string(length=2, other="(a)"):id>': "/*",
    '/<any("a/b", c):id>/x': "/**/x",
    "/<path:rest>": "/**",
    "/<unheard:id>/x": "/**/x",
    "/<in a form of its own>/x": "/**",
    "/<in a form of its own>": "/**",
    "/x<": "/x**",
}


@pytest.mark.parametrize(("rule", "pattern"), PATTERNS.items())
def test_a_parameter_that_is_not_surely_of_one_segment_may_lead_anywhere(rule: str, pattern: str) -> None:
    assert pattern_of(rule, DEFAULT_CONVERTERS) == pattern


def test_a_converter_that_spans_segments_leads_under_a_longer_prefix() -> None:
    with pytest.raises(UnguardedRoutes):
        ACCESS.guard(application(unguarded, "/<path:rest>"), prefix="/api/crm")


def test_a_view_that_is_declared_too_late_keeps_everything_from_being_served() -> None:
    app = application(send)
    ACCESS.guard(app)
    app.add_url_rule("/klaviyo/open", view_func=unguarded)
    app.testing = True
    client = app.test_client()
    for path in ("/klaviyo/open", "/klaviyo/campaigns", "/klaviyo/open"):
        with pytest.raises(UnguardedRoutes):
            client.get(path)


def test_a_view_may_be_open_for_a_reason_and_another_prefix_be_guarded() -> None:
    app = application(unguarded, "/api/crm/webhooks")
    ACCESS.guard(app, prefix="/api/crm", open_routes={"/api/crm/webhooks": "Klaviyo signs what it sends"})
    assert app.test_client().get("/api/crm/webhooks").json == ["open"]
