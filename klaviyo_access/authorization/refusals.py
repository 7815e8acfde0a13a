"""How a refusal is told over HTTP, the same by every framework."""

from dataclasses import dataclass

from klaviyo_access.errors import AuthorizationError, RoleNotAssigned


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer to who may not.

    Attributes:
        status: 401 where no role is assigned, else 403.
        body: ``error``, and where a role lacks a permission ``message``, which names both.
        headers: with the challenge that a 401 must have (RFC 9110, 15.5.2).
    """

    status: int
    body: dict[str, str]
    headers: dict[str, str]


def refusal(error: AuthorizationError, *, challenge: str) -> Refusal:
    """The answer that ``error`` becomes."""
    if isinstance(error, RoleNotAssigned):
        return Refusal(status=401, body={"error": str(error)}, headers={"WWW-Authenticate": challenge})
    return Refusal(status=403, body={"error": "Permission denied", "message": str(error)}, headers={})
