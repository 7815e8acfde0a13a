"""Which routes may serve the Klaviyo prefix, whatever the framework."""

import pytest

from klaviyo_access.authorization.routes import DeclaredRoute, refuse_unguarded
from klaviyo_access.errors import UnguardedRoutes


def route(pattern: str, *, guarded: bool = False) -> DeclaredRoute:
    return DeclaredRoute(path=pattern, pattern=pattern, handler="handler", is_guarded=guarded)


MAY_SERVE = {
    "/klaviyo": True,
    "/klaviyo/": True,
    "/klaviyo/lists": True,
    "/klaviyo/*/members": True,
    "/klaviyo/**": True,
    "/*": True,
    "/*/lists": True,
    "/**": True,
    "/klav*": True,
    "/**/members": True,
    "/k**": True,
    "/": False,
    "/klaviyo-status": False,
    "/klaviyos/lists": False,
    "/Klaviyo": False,
    "/api/klaviyo": False,
    "/x*": False,
    "/x**": False,
    "/health": False,
}


@pytest.mark.parametrize(("pattern", "may"), MAY_SERVE.items())
def test_a_route_may_serve_what_its_pattern_reaches(pattern: str, may: bool) -> None:
    assert route(pattern).may_serve("/klaviyo") is may


@pytest.mark.parametrize("pattern", ["/", "/health", "/*", "/**"])
def test_every_route_may_serve_the_root(pattern: str) -> None:
    assert route(pattern).may_serve("/")


LONGER_PREFIX = {
    "/api/klaviyo": True,
    "/api/*": True,
    "/api/**": True,
    "/**": True,
    "/**/x": True,
    "/a**": True,
    "/*/klaviyo/x": True,
    "/api": False,
    "/*": False,
    "/api/other": False,
    "/b**": False,
}


@pytest.mark.parametrize(("pattern", "may"), LONGER_PREFIX.items())
def test_a_longer_prefix_is_compared_segment_by_segment(pattern: str, may: bool) -> None:
    assert route(pattern).may_serve("/api/klaviyo") is may


def test_all_unguarded_routes_are_named_at_once() -> None:
    with pytest.raises(UnguardedRoutes) as refused:
        refuse_unguarded(
            [route("/klaviyo/a"), route("/klaviyo/b", guarded=True), route("/klaviyo/c"), route("/health")],
            prefix="/klaviyo",
            open_routes={},
        )
    named = [line.split()[0] for line in str(refused.value).splitlines() if line.startswith("  ")]
    assert named == ["/klaviyo/a", "/klaviyo/c"]


def test_a_route_is_open_for_a_reason() -> None:
    refuse_unguarded([route("/klaviyo/webhooks")], prefix="/klaviyo", open_routes={"/klaviyo/webhooks": "signed"})


OPEN_WRONGLY = {
    "no reason": ({"/klaviyo/webhooks": " "}, "/klaviyo/webhooks \\(handler\\)"),
    "a path that is no route": (
        {"/klaviyo/webhooks": "signed", "/klaviyo/webhook": "signed"},
        "no such route /klaviyo/webhook",
    ),
    "a route that requires a permission": (
        {"/klaviyo/webhooks": "signed", "/klaviyo/x": "x"},
        "no such route /klaviyo/x",
    ),
    "a route elsewhere": ({"/klaviyo/webhooks": "signed", "/health": "x"}, "no such route /health"),
}


@pytest.mark.parametrize(("open_routes", "message"), OPEN_WRONGLY.values(), ids=OPEN_WRONGLY)
def test_a_reason_without_an_open_route_or_an_open_route_without_a_reason_is_refused(
    open_routes: dict[str, str], message: str
) -> None:
    routes = [route("/klaviyo/webhooks"), route("/klaviyo/x", guarded=True), route("/health")]
    with pytest.raises(UnguardedRoutes, match=message):
        refuse_unguarded(routes, prefix="/klaviyo", open_routes=open_routes)
