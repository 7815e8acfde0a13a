"""The sandbox's stand-in for Klaviyo's dashboard: makes, lists, disables and enables private keys."""

import json
from typing import Any

from sandbox.aws.http import Request, Response
from sandbox.klaviyo.account import Account
from sandbox.klaviyo.keys import UnknownScopeError
from sandbox.klaviyo.problems import invalid, method_not_allowed
from sandbox.klaviyo.store import Ref

PREFIX = "/sandbox/keys"


class Control:
    """Answers requests under ``/sandbox/keys`` that carry the control token in ``X-Sandbox-Token``."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def answer(self, request: Request) -> Response:
        """Do what a request asks for.

        Raises:
            Problem: 401 without the token, else 400, 404 or 405.
        """
        self._account.admit_control(request)
        identifier = request.path.removeprefix(PREFIX).strip("/")
        match request.method, bool(identifier):
            case "POST", False:
                return self._create(_read(request))
            case "GET", False:
                return _json(200, self._account.keys.inventory())
            case "PATCH", True:
                return self._set_status(identifier, _read(request))
        raise method_not_allowed(request.method, {"PATCH"} if identifier else {"GET", "POST"})

    def _create(self, asked: dict[str, Any]) -> Response:
        scopes, written = asked.get("scopes"), asked.get("format", "plain")
        if not isinstance(scopes, list) or written not in {"plain", "company"}:
            raise invalid("A key has a list 'scopes', and a 'format' of 'plain' (the default) or 'company'.")
        try:
            identifier, key = self._account.keys.create(
                name=str(asked.get("name", "")), scopes=map(str, scopes), written=written
            )
        except UnknownScopeError as error:
            raise invalid(str(error), pointer="scopes") from None
        return _json(201, {"id": identifier, "key": key.reveal()})

    def _set_status(self, identifier: str, asked: dict[str, Any]) -> Response:
        status = asked.get("status")
        if status not in {"active", "disabled"}:
            raise invalid("The 'status' of a key is 'active' or 'disabled'.", pointer="status")
        self._account.store.get(Ref("api-key", identifier)).attributes["status"] = status
        return _json(200, next(key for key in self._account.keys.inventory() if key["id"] == identifier))


def _read(request: Request) -> dict[str, Any]:
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise invalid("The body must be a JSON object.", pointer="/")
    return asked


def _json(status: int, document: object) -> Response:
    return Response(status=status, body=json.dumps(document).encode(), headers={"content-type": "application/json"})
