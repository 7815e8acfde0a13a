"""What stands before Klaviyo's API: which operation a request means, whose key it carries, what the key may do."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from klaviyo_access.klaviyo.operations import Operation, operations
from sandbox.klaviyo import key_inventory
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
    for operation in (*operations(), *key_inventory.OPERATIONS):
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
    """Klaviyo looks at the credential, then at its rate limits, then at its scopes and at the revision.

    Attributes:
        schemes: who a credential is, by the scheme of the Authorization header; None for nobody.
        limits: the rate limits.
    """

    schemes: Mapping[str, Callable[[str], Caller | None]]
    limits: RateLimits

    def count(self, operation: Operation, headers: Mapping[str, str]) -> tuple[Caller, dict[str, str]]:
        """Find the caller and count the request.

        Args:
            operation: what the request asks for.
            headers: its headers by lower-case name.

        Returns:
            The caller, and the RateLimit headers of the answer, whatever the answer will be.

        Raises:
            Problem: 401 or 429.
        """
        caller = self._caller(operation, headers.get("authorization"))
        return caller, self.limits.take(operation, caller.quota)

    def permit(self, operation: Operation, caller: Caller, revision: str) -> None:
        """Let a caller's request through, or not.

        Raises:
            Problem: 403, 400, or 404 for an operation that the revision does not have.
        """
        if missing := [scope for scope in operation.scopes if scope not in caller.scopes]:
            raise scopes_missing(missing)
        if not _REVISION.fullmatch(revision):
            raise invalid("A 'revision' header of the form YYYY-MM-DD[.suffix] is required.", pointer="revision")
        if operation in key_inventory.OPERATIONS and revision != key_inventory.REVISION:
            raise not_found(f"This endpoint is in beta: it exists in the revision {key_inventory.REVISION} only.")

    def _caller(self, operation: Operation, authorization: str | None) -> Caller:
        if operation.path.startswith("/client/"):
            # Called from browsers, without a credential.
            return Caller(scopes=frozenset(), quota="public")
        if authorization is None:
            raise not_authenticated()
        scheme, _, credential = authorization.partition(" ")
        caller = self.schemes[scheme](credential) if scheme in self.schemes else None
        if caller is None:
            raise authentication_failed()
        return caller
