"""Flask: who gets through, what the others are told, and which applications do not start."""

import asyncio
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, ClassVar

import pytest
from flask import Blueprint, Flask, g, request
from flask.views import MethodView
from werkzeug.routing import BaseConverter

from klaviyo_access.audit.entry import AuditEntry
from klaviyo_access.authorization.flask import Authorization
from klaviyo_access.errors import AuthorizationError, UnguardedRoutes, UnknownPermission, UnknownRole
from tests.authorization.people import ANSWERS, NOON, PERMISSIONS

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


def with_a_converter_of_its_own() -> Flask:
    app = Flask(__name__)
    app.url_map.converters["anything"] = BaseConverter
    app.add_url_rule("/<anything:rest>", view_func=unguarded)
    return app


def decorated_the_wrong_way_round() -> Flask:
    app = Flask(__name__)
    ACCESS.require("send-campaigns")(app.get("/klaviyo/open")(unguarded))
    return app


REFUSED: dict[str, tuple[Callable[[], Flask], str]] = {
    "a view": (lambda: application(unguarded), "/klaviyo/campaigns (unguarded)"),
    "a view of a blueprint": (of_blueprint, "/klaviyo/open (pages.unguarded)"),
    "a view that a converter leads to": (lambda: application(unguarded, "/<section>/x"), "/<section>/x (unguarded)"),
    "a view that takes every path": (lambda: application(unguarded, "/<path:rest>"), "/<path:rest> (unguarded)"),
    "an unknown converter": (with_a_converter_of_its_own, "/<anything:rest> (unguarded)"),
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
