"""Permissions on Flask's views, and the guard of Flask's applications."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from typing import Any, Final, TypeVar, cast

from flask import Flask, Request, Response, current_app, g, jsonify, request
from flask.views import MethodView, View
from werkzeug.routing import BaseConverter, FloatConverter, IntegerConverter, Rule, UnicodeConverter, UUIDConverter

from klaviyo_access.authorization.decisions import Asker, Authorizer
from klaviyo_access.authorization.marks import GuardedBy, is_guarded, marked
from klaviyo_access.authorization.refusals import refusal
from klaviyo_access.authorization.routes import DeclaredRoute, refuse_unguarded
from klaviyo_access.errors import AuthorizationError

_View = TypeVar("_View", bound=Callable[..., Any])

# A parameter as werkzeug.routing.rules reads it; whatever else begins with "<" may lead anywhere.
_PARAMETER: Final = re.compile(r"<(?:(?P<converter>[a-zA-Z_]\w*)(?:\(.*?\))?:)?[a-zA-Z_]\w*>|(?P<unread><.*)")
_WITHIN_ONE_SEGMENT: Final = {UnicodeConverter, IntegerConverter, FloatConverter, UUIDConverter}


def role_in_g(_: Request) -> str | None:
    """``flask.g.klaviyo_role``, None where nobody set it."""
    return cast("str | None", g.get("klaviyo_role"))


def user_in_g(_: Request) -> str | None:
    """``flask.g.klaviyo_user``, None where nobody set it."""
    return cast("str | None", g.get("klaviyo_user"))


@dataclass(frozen=True)
class Authorization(Authorizer):
    """Permissions on the views of a Flask application.

    Attributes:
        role_of: gives the role of who asks, from the request; None for no role.
        user_of: gives the user in the same way.
    """

    _: KW_ONLY
    role_of: Callable[[Request], str | None] = role_in_g
    user_of: Callable[[Request], str | None] = user_in_g

    def require(self, permission: str, *, roles: Iterable[str] | None = None) -> Callable[[_View], _View]:
        """A decorator of views, to stand under ``@app.route``; for view classes also in their ``decorators``.

        Args:
            permission: as in access.yaml.
            roles: the roles that the view is for; without it, all that have the permission.

        Raises:
            UnknownPermission: now, where the access model has no such permission.
            UnknownRole: now, where it has no such role with the permission.
            RoleNotAssigned: at a request of somebody without a role; answered with 401.
            PermissionDenied: at a request of a role that does not pass; answered with 403.
        """
        requirement = self.requirement(permission, roles=roles)

        def decorate(view: _View) -> _View:
            @wraps(view)
            def admitted(*args: Any, **kwargs: Any) -> Any:
                self._answer_refusals_of(current_app)
                self.decide(requirement, self._asker())
                return current_app.ensure_sync(view)(*args, **kwargs)

            return cast("_View", marked(admitted, GuardedBy.PERMISSION))

        return decorate

    def guard(self, app: Flask, *, prefix: str = "/klaviyo", open_routes: Mapping[str, str] | None = None) -> None:
        """Answer refusals with 401 and 403, and refuse an application in which a Klaviyo route is open.

        Call it last, where the application is made: it refuses at once. Routes that are declared later are looked at
        before the first request, which fails with the same error where one is open, and so does every other.

        Args:
            app: the application; a handler of its own for `AuthorizationError` stays.
            prefix: where everything that calls Klaviyo lives.
            open_routes: for each path under it that is meant to be without a permission, the reason.

        Raises:
            UnguardedRoutes: a route that may serve ``prefix`` requires no permission, one that only a converter leads
                to as well; or no route is there.
        """
        self._answer_refusals_of(app)
        checked = 0

        def check() -> None:
            nonlocal checked
            rules = len(list(app.url_map.iter_rules()))
            if checked != rules:
                refuse_unguarded(_routes_of(app), prefix=prefix, open_routes=open_routes or {})
                checked = rules

        check()
        app.before_request(check)

    def _asker(self) -> Asker:
        return Asker(
            role=self.role_of(request),
            user_id=self.user_of(request),
            resource=f"{request.method} {request.path}",
            ip_address=request.remote_addr or "",
            request_id=request.headers.get("X-Request-ID", ""),
        )

    def _answer_refusals_of(self, app: Flask) -> None:
        app.error_handler_spec[None][None].setdefault(AuthorizationError, self._answer)

    def _answer(self, error: AuthorizationError) -> tuple[Response, int, dict[str, str]]:
        said = refusal(error, challenge=self.challenge)
        return jsonify(said.body), said.status, said.headers


def pattern_of(rule: str, converters: Mapping[str, type[BaseConverter]]) -> str:
    """A rule's text as `DeclaredRoute.pattern`, by the application's converters."""

    def wildcard(parameter: re.Match[str]) -> str:
        within = converters.get(parameter["converter"] or "default") in _WITHIN_ONE_SEGMENT
        return "*" if within and not parameter["unread"] else "**"

    return _PARAMETER.sub(wildcard, rule)


def _routes_of(app: Flask) -> Iterator[DeclaredRoute]:
    for rule in app.url_map.iter_rules():
        yield DeclaredRoute(
            path=rule.rule,
            pattern=pattern_of(rule.rule, app.url_map.converters),
            handler=rule.endpoint,
            is_guarded=_is_guarded(app.view_functions.get(rule.endpoint), rule),
        )


def _is_guarded(view: Any, rule: Rule) -> bool:
    """Whether a view, or what serves each method of the rule in the class that it was made from, is guarded."""
    if is_guarded(view):
        return True
    made_from: type[View] | None = getattr(view, "view_class", None)
    if made_from is None:
        return False
    if made_from.dispatch_request is not MethodView.dispatch_request:
        return is_guarded(made_from.dispatch_request)
    return bool(rule.methods) and all(map(is_guarded, _handlers(made_from, rule)))


def _handlers(made_from: type[View], rule: Rule) -> Iterator[object]:
    """What answers each method of a rule, as `MethodView.dispatch_request` finds it."""
    for method in rule.methods or ():
        name = "get" if method == "HEAD" and getattr(made_from, "head", None) is None else method.lower()
        if not (method == "OPTIONS" and getattr(rule, "provide_automatic_options", False)):  # Flask sets it
            yield getattr(made_from, name, None)
