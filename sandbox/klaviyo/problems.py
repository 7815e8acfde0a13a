"""Errors as Klaviyo words them: JSON:API error documents with Klaviyo's codes, titles and details."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4


@dataclass(kw_only=True, eq=False)
class Problem(Exception):
    """A refusal; it goes on the wire as its ``body`` with its ``headers``."""

    status: int
    code: str
    title: str
    detail: str
    source: Mapping[str, str] = field(default_factory=lambda: {"pointer": "/data/"})
    headers: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The error document."""
        error = {
            "id": str(uuid4()),
            "status": self.status,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "source": dict(self.source),
            "links": {},
            "meta": dict(self.meta),
        }
        return json.dumps({"errors": [error]}).encode()


def not_authenticated() -> Problem:
    """No Authorization header at all."""
    said = "Authentication credentials were not provided."
    return Problem(status=401, code="not_authenticated", title=said, detail=said)


def authentication_failed() -> Problem:
    """The key is unknown, disabled, or sent under another scheme than Klaviyo-API-Key."""
    said = "Incorrect authentication credentials."
    return Problem(status=401, code="authentication_failed", title=said, detail=said)


def scopes_missing(scopes: Iterable[str]) -> Problem:
    """The key lacks these scopes."""
    return Problem(
        status=403,
        code="permission_denied",
        title="You do not have permission to perform this action.",
        detail=f"Your API key is missing required scopes: {', '.join(scopes)}",
    )


def not_found(detail: str) -> Problem:
    """No such route or resource."""
    return Problem(status=404, code="not_found", title="Not found.", detail=detail)


def method_not_allowed(method: str, allowed: Iterable[str]) -> Problem:
    """The path exists and has no such method."""
    return Problem(
        status=405,
        code="method_not_allowed",
        title="Method not allowed.",
        detail=f'Method "{method}" not allowed.',
        headers={"Allow": ", ".join(sorted(allowed))},
    )


def invalid(detail: str, *, pointer: str = "/data", parameter: str = "") -> Problem:
    """The request is malformed, at ``pointer`` of its body or in a parameter of its query."""
    source = {"parameter": parameter} if parameter else {"pointer": pointer}
    return Problem(status=400, code="invalid", title="Invalid input.", detail=detail, source=source)


def conflict(detail: str) -> Problem:
    """The resource exists already."""
    return Problem(status=409, code="conflict", title="Conflict.", detail=detail)


def duplicate_profile(identifier: str) -> Problem:
    """Another profile has one of the identifiers."""
    return Problem(
        status=409,
        code="duplicate_profile",
        title="Conflict.",
        detail="A profile already exists with one of these identifiers.",
        source={"pointer": "/data/attributes"},
        meta={"duplicate_profile_id": identifier},
    )


def throttled(seconds: int) -> Problem:
    """The account's window is used up for ``seconds`` more."""
    return Problem(
        status=429,
        code="throttled",
        title="Request was throttled.",
        detail=f"Request was throttled. Expected available in {seconds} second{'' if seconds == 1 else 's'}.",
        headers={"Retry-After": str(seconds)},
    )


def not_simulated(operation: str, reason: str) -> Problem:
    """The sandbox enforces the operation's scopes, limits and body, and does not do what it asks for."""
    return Problem(
        status=501,
        code="not_implemented",
        title="The sandbox does not do this.",
        detail=f"The sandbox let the key through to {operation}, whose scopes, limits and body it checks; {reason}. "
        "Try this operation on a test account of Klaviyo's.",
    )
