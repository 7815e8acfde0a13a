"""Klaviyo on this machine: an ASGI application that enforces keys, scopes and limits as Klaviyo does."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from klaviyo_access.klaviyo.operations import Operation
from sandbox.aws.http import Receive, Request, Response, Scope, Send, read_request, send_response
from sandbox.klaviyo.account import Account, Answer
from sandbox.klaviyo.api import Api, ApiRequest
from sandbox.klaviyo.control import PREFIX, Control
from sandbox.klaviyo.gate import Caller, Gate, route
from sandbox.klaviyo.keys import KeyRing
from sandbox.klaviyo.limits import RateLimits
from sandbox.klaviyo.oauth import CONTROL_PREFIX as OAUTH_APPS
from sandbox.klaviyo.oauth import PREFIX as OAUTH
from sandbox.klaviyo.oauth import AppRegistry, OAuthServer
from sandbox.klaviyo.oauth_grants import Grants
from sandbox.klaviyo.problems import Problem
from sandbox.klaviyo.seed import fill
from sandbox.klaviyo.store import Store
from sandbox.klaviyo.webhooks import PREFIX as WEBHOOKS
from sandbox.klaviyo.webhooks import Webhooks
from sandbox.memory import Source, Tables, Values

JSON_API = "application/vnd.api+json"


def create_app(
    *,
    control_token: str,
    clock: Callable[[], float],
    account_id: str = "SbxKlv",
    machine_clock: Callable[[], float] | None = None,
    before_answer: Callable[[], None] = lambda: None,
) -> "Klaviyo":
    """Klaviyo with one account.

    Args:
        control_token: what ``X-Sandbox-Token`` must hold on requests under ``/sandbox``.
        clock: the time in seconds since the epoch.
        account_id: the account's company id, 6 alphanumerics.
        machine_clock: the same for what receivers of webhooks compare with their own clock.
        before_answer: called before each answer, when ``Klaviyo.sources`` hold what it tells.
    """
    store = Store(clock)
    fill(store, account_id)
    account = Account(
        id=account_id,
        clock=clock,
        machine_clock=machine_clock or clock,
        control_token=control_token,
        keys=KeyRing(account_id, store),
        store=store,
    )
    return Klaviyo(account, Grants(clock), before_answer)


class Klaviyo:
    """The ASGI application.

    Args:
        account: the account.
        grants: its OAuth apps.
        before_answer: called before each answer.
    """

    def __init__(self, account: Account, grants: Grants, before_answer: Callable[[], None]) -> None:
        self._account = account
        self._before_answer = before_answer
        self._webhooks = Webhooks(account)
        gate = Gate(schemes=_schemes(account, grants), limits=RateLimits(account.clock))
        self._api = _Api(_parts(account, grants) | {WEBHOOKS: self._webhooks.answer}, gate, Api(account.store))
        self._resources = Tables("Klaviyo", lambda: account.store.tables, table=account.store.table)
        self.sources: tuple[Source, ...] = (
            self._resources,
            *(Values(f"Klaviyo's {name}", entries) for name, entries in grants.entries.items()),
            Values("Klaviyo's deliveries", self._webhooks.under_way),
        )
        """All that is remembered of it."""

    def changed(self) -> None:
        """Note that resources may have changed."""
        self._resources.touched = True

    def begin_empty(self) -> None:
        """Forget the account's first day, for what ``sources`` are about to be given."""
        self._account.store.empty()

    def resume(self) -> None:
        """Go on with what an earlier process left in ``sources``."""
        self._webhooks.resume()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            raise RuntimeError(f"This application answers HTTP requests only; it was asked for {scope['type']!r}.")
        request = await read_request(scope, receive)
        response = await self._api.answer(request)
        if request.method == "POST":
            self._webhooks.deliver_new_events()
        if request.method != "GET":
            self.changed()
        self._before_answer()
        await send_response(send, response)


def _parts(account: Account, grants: Grants) -> dict[str, Answer]:
    """The parts beside the API, by the prefix of their paths."""
    return {
        PREFIX: Control(account).answer,
        OAUTH: OAuthServer(grants).answer,
        OAUTH_APPS: AppRegistry(account, grants).answer,
    }


def _schemes(account: Account, grants: Grants) -> dict[str, Callable[[str], Caller | None]]:
    def private_key(value: str) -> Caller | None:
        scopes = account.keys.scopes_of(value)
        return None if scopes is None else Caller(scopes=scopes, quota="private keys")

    def access_token(value: str) -> Caller | None:
        grant = grants.of_access_token(value)
        return None if grant is None else Caller(scopes=grant.scopes, quota=f"OAuth app {grant.app_id}")

    return {"Klaviyo-API-Key": private_key, "Bearer": access_token}


class _Api:
    def __init__(self, parts: Mapping[str, Answer], gate: Gate, api: Api) -> None:
        self._parts = parts
        self._gate = gate
        self._operations = api

    async def answer(self, request: Request) -> Response:
        try:
            for prefix, answer in self._parts.items():
                if f"{request.path}/".startswith(f"{prefix}/"):
                    return await answer(request)
            return self._answer_api(request)
        except Problem as problem:
            return _refusal(problem)

    def _answer_api(self, request: Request) -> Response:
        operation = route(request.method, request.raw_path)
        caller, windows = self._gate.count(operation, request.headers)
        try:
            self._gate.permit(operation, caller, request.headers.get("revision", ""))
            reply = self._operations.answer(_api_request(operation, request))
        except Problem as problem:
            return _refusal(problem, windows)
        body = b"" if reply.document is None else json.dumps(reply.document).encode()
        return Response(status=reply.status, body=body, headers={"content-type": JSON_API, **windows})


def _api_request(operation: Operation, request: Request) -> ApiRequest:
    api, *parts = (unquote(part) for part in request.raw_path.strip("/").split("/"))
    return ApiRequest(
        operation=operation,
        parts=tuple(parts),
        query_string=request.query_string,
        body=request.body,
        base=f"http://{request.headers.get('host', 'localhost')}/{api}",
    )


def _refusal(problem: Problem, windows: Mapping[str, str] | None = None) -> Response:
    headers = {"content-type": JSON_API, **(windows or {}), **problem.headers}
    return Response(status=problem.status, body=problem.body, headers=headers)
