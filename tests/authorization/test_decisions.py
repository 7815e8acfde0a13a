"""Decisions on plain functions and WSGI applications, and the audit entry of each."""

import asyncio
import json
from collections.abc import Callable, Iterable
from inspect import iscoroutinefunction
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from klaviyo_access.audit.entry import AuditEntry
from klaviyo_access.authorization import Authorization, wsgi
from klaviyo_access.errors import (
    AuthorizationError,
    PermissionDenied,
    RoleNotAssigned,
    UnknownPermission,
    UnknownRole,
)
from tests.authorization.people import ANSWERS, NOON, PERMISSIONS


def role_argument(role: str | None, *_: object) -> str | None:
    return role


@pytest.fixture
def entries() -> list[AuditEntry]:
    """What was recorded."""
    return []


@pytest.fixture
def access(entries: list[AuditEntry]) -> Authorization:
    """Permissions on functions whose first argument is the role."""
    return Authorization(
        PERMISSIONS, role_of=role_argument, user_of=lambda *_: "ada", record=entries.append, clock=lambda: NOON
    )


def outcome(role: str | None, call: Callable[[str | None], Any]) -> Any:
    try:
        return call(role)
    except AuthorizationError as error:
        return str(error)


MISNAMED: dict[str, tuple[Any, str]] = {
    "one text": ("marketer", r"write roles=\['marketer'\]"),
    "no role": ([], "nobody could pass"),
    "no role of an iterator": (iter(()), "nobody could pass"),
}


@pytest.mark.parametrize(("roles", "said"), MISNAMED.values(), ids=MISNAMED)
def test_roles_are_a_list_of_some(access: Authorization, roles: Any, said: str) -> None:
    with pytest.raises(UnknownRole, match=said):
        access.require("read-profiles", roles=roles)


@pytest.mark.parametrize("role", [["marketer"], {"marketer"}, {"name": "marketer"}, 7])
def test_a_role_that_is_no_text_is_denied_and_recorded(
    access: Authorization, entries: list[AuditEntry], role: Any
) -> None:
    with pytest.raises(PermissionDenied, match=f"role_of gave a value of type {type(role).__name__}"):
        access.require("send-campaigns")(lambda _: "sent")(role)
    assert [(entry.role, entry.result) for entry in entries] == [(str(role), "denied")]
    assert not PERMISSIONS.allows(role, "send-campaigns")


@pytest.mark.parametrize("way", ["a function", "a coroutine function"])
@pytest.mark.parametrize(("role", "status", "said"), ANSWERS.values(), ids=ANSWERS)
def test_a_function_runs_for_who_may_and_for_nobody_else(
    access: Authorization, role: str | None, status: int, said: Any, way: str
) -> None:
    ran: list[str | None] = []

    def send(who: str | None) -> str:
        ran.append(who)
        return "sent"

    async def send_later(who: str | None) -> str:
        return send(who)

    call: Callable[[str | None], Any] = access.require("send-campaigns")(send)
    if way != "a function":
        later = access.require("send-campaigns")(send_later)
        assert iscoroutinefunction(later)
        call = lambda who: asyncio.run(later(who))  # noqa: E731 - one of two ways to call
    expected = said if isinstance(said, str) else said.get("message", said["error"])
    assert outcome(role, call) == expected
    assert ran == ([role] if status == 200 else [])


def test_a_route_may_be_for_some_of_the_roles(access: Authorization) -> None:
    @access.require("read-profiles", roles=["viewer"])
    def look(_: str) -> str:
        return "seen"

    assert look("viewer") == "seen"
    with pytest.raises(PermissionDenied, match=r"Role 'marketer' does not have the permission 'read-profiles' here\."):
        look("marketer")


def test_a_mistake_shows_at_the_declaration(access: Authorization) -> None:
    with pytest.raises(UnknownPermission, match="did you mean 'send-campaigns'"):
        access.require("send-campains")
    with pytest.raises(UnknownRole, match="did you mean 'viewer'"):
        access.require("read-profiles", roles=["viewers"])


def test_each_decision_is_an_audit_entry(access: Authorization, entries: list[AuditEntry]) -> None:
    @access.require("send-campaigns")
    def send(_: str | None) -> None: ...

    for role in ("marketer", "viewer", None):
        outcome(role, send)
    assert [(entry.role, entry.result, dict(entry.metadata)) for entry in entries] == [
        ("marketer", "allowed", {}),
        ("viewer", "denied", {"reason": "Role 'viewer' does not have the permission 'send-campaigns'."}),
        ("", "denied", {"reason": "No Klaviyo role assigned"}),
    ]
    assert {(entry.timestamp, entry.user_id, entry.action, entry.resource) for entry in entries} == {
        (NOON, "ada", "send-campaigns", send.__qualname__)
    }


def test_an_application_that_must_not_act_unrecorded_does_not() -> None:
    def fail(_: AuditEntry) -> None:
        raise OSError("disk full")

    access = Authorization(PERMISSIONS, role_of=role_argument, record=fail)
    ran: list[str] = []
    with pytest.raises(OSError, match="disk full"):
        access.require("send-campaigns")(ran.append)("marketer")
    assert ran == []


def application(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'"sent"']


@pytest.mark.parametrize(("role", "status", "said"), ANSWERS.values(), ids=ANSWERS)
def test_a_wsgi_application_is_reached_by_who_may(
    entries: list[AuditEntry], role: str | None, status: int, said: Any
) -> None:
    access = wsgi.Authorization(PERMISSIONS, record=entries.append, clock=lambda: NOON)
    guarded = validator(access.require("send-campaigns")(application))
    environ: dict[str, Any] = {
        "klaviyo.role": role,
        "klaviyo.user": "ada",
        "HTTP_X_REQUEST_ID": "r1",
        "REMOTE_ADDR": "192.0.2.1",
    }
    environ |= {"SCRIPT_NAME": "/klaviyo", "PATH_INFO": "/campaigns", "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    answers: list[tuple[str, dict[str, str]]] = []

    def start_response(line: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
        answers.append((line, dict(headers)))
        return lambda _: None

    body = guarded(environ, start_response)
    text = b"".join(body)
    body.close()  # type: ignore[attr-defined] # wsgiref's validator asks for it
    ((line, headers),) = answers
    assert (int(line[:3]), json.loads(text)) == (status, said)
    assert headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    (entry,) = entries
    assert (entry.user_id, entry.role, entry.result) == ("ada", role or "", "allowed" if status == 200 else "denied")
    assert (entry.resource, entry.ip_address, entry.request_id) == ("GET /klaviyo/campaigns", "192.0.2.1", "r1")


def test_no_role_is_an_error_of_its_own() -> None:
    access = Authorization(PERMISSIONS, role_of=lambda: None)
    with pytest.raises(RoleNotAssigned):
        access.require("read-profiles")(lambda: None)()
