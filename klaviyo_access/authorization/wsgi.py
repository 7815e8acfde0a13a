"""Permissions on WSGI applications, for frameworks without a module of their own. Standard library only."""

import json
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from klaviyo_access.authorization.decisions import Asker, Authorizer
from klaviyo_access.authorization.marks import GuardedBy, marked
from klaviyo_access.authorization.refusals import Refusal, refusal
from klaviyo_access.errors import AuthorizationError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


def role_in_environ(environ: dict[str, Any]) -> str | None:
    """``environ["klaviyo.role"]``, None where nobody set it."""
    return cast("str | None", environ.get("klaviyo.role"))


def user_in_environ(environ: dict[str, Any]) -> str | None:
    """``environ["klaviyo.user"]``, None where nobody set it."""
    return cast("str | None", environ.get("klaviyo.user"))


@dataclass(frozen=True)
class Authorization(Authorizer):
    """Permissions on whole WSGI applications (PEP 3333).

    Attributes:
        role_of: gives the role of who asks, from the request's environ; None for no role.
        user_of: gives the user in the same way.
    """

    _: KW_ONLY
    role_of: Callable[[dict[str, Any]], str | None] = role_in_environ
    user_of: Callable[[dict[str, Any]], str | None] = user_in_environ

    def require(
        self, permission: str, *, roles: Iterable[str] | None = None
    ) -> "Callable[[WSGIApplication], WSGIApplication]":
        """A decorator of WSGI applications; it answers 401 and 403 by itself.

        Args:
            permission: as in access.yaml.
            roles: the roles that the application is for; without it, all that have the permission.

        Raises:
            UnknownPermission: now, where the access model has no such permission.
            UnknownRole: now, where it has no such role with the permission.
        """
        requirement = self.requirement(permission, roles=roles)

        def decorate(app: "WSGIApplication") -> "WSGIApplication":
            def admitted(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
                try:
                    self.decide(requirement, self._asker(environ))
                except AuthorizationError as error:
                    return _answer(refusal(error, challenge=self.challenge), start_response)
                return app(environ, start_response)

            return marked(admitted, GuardedBy.PERMISSION)

        return decorate

    def _asker(self, environ: dict[str, Any]) -> Asker:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return Asker(
            role=self.role_of(environ),
            user_id=self.user_of(environ),
            resource=f"{environ['REQUEST_METHOD']} {path}",
            ip_address=environ.get("REMOTE_ADDR", ""),
            request_id=environ.get("HTTP_X_REQUEST_ID", ""),
        )


def _answer(said: Refusal, start_response: "StartResponse") -> Iterable[bytes]:
    body = json.dumps(said.body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **said.headers}
    start_response(f"{said.status} {HTTPStatus(said.status).phrase}", list(headers.items()))
    return [body]
