"""What stands before Klaviyo's API: which operation a request means, whose key it carries, what the key may do."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from klaviyo_access.klaviyo.operations import Operation, operations
from sandbox.klaviyo.limits import RateLimits
from sandbox.klaviyo.problems import (
    authentication_failed,
    invalid,
    method_not_allowed,
    not_authenticated,
    not_found,
    scopes_missing,
)

_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.pre)?")


@cache
def _routes() -> tuple[tuple[re.Pattern[str], Mapping[str, Operation]], ...]:
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations():
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return tuple((re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods) for path, methods in by_path.items())


def route(method: str, raw_path: str) -> Operation:
    """The operation that a method and a path, as sent, mean.

    Raises:
        Problem: 404, no operation has such a path; 405, none of the path's operations has this method.
    """
    for pattern, methods in _routes():
        if pattern.fullmatch(raw_path.rstrip("/")):
            if method not in methods:
                raise method_not_allowed(method, methods)
            return methods[method]
    raise not_found("The requested URL was not found.")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whom an Authorization header names: the scopes granted, and the quota that the requests draw on."""

    scopes: frozenset[str]
    quota: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The order in which Klaviyo looks: the credential, its rate limits, its scopes, the revision.

    Attributes:
        schemes: who a credential is, by the scheme of the Authorization header; None for nobody.
        limits: the rate limits.
    """

    schemes: Mapping[str, Callable[[str], Caller | None]]
    limits: RateLimits

    def admit(self, operation: Operation, headers: Mapping[str, str]) -> dict[str, str]:
        """Let a request through, or not.

        Args:
            operation: what it asks for.
            headers: its headers by lower-case name.

        Returns:
            The RateLimit headers of the answer, whatever the answer will be.

        Raises:
            Problem: 401, 429, 403 or 400.
        """
        authorization = headers.get("authorization")
        if authorization is None:
            raise not_authenticated()
        scheme, _, credential = authorization.partition(" ")
        caller = self.schemes[scheme](credential) if scheme in self.schemes else None
        if caller is None:
            raise authentication_failed()
        windows = self.limits.take(operation, caller.quota)
        if missing := [scope for scope in operation.scopes if scope not in caller.scopes]:
            raise scopes_missing(missing)
        if not _REVISION.fullmatch(headers.get("revision", "")):
            raise invalid("A 'revision' header of the form YYYY-MM-DD[.suffix] is required.", pointer="revision")
        return windows
