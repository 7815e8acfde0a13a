"""Who asks, bound once where a request comes in, and taken from there by every entry that is made for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class _Asker:
    user_id: str
    role: str
    request_id: str
    ip_address: str


_asker: ContextVar[_Asker] = ContextVar("klaviyo_access.audit.asker")


@contextmanager
def asked_by(user_id: str, role: str, *, request_id: str = "", ip_address: str = "") -> Iterator[None]:
    """Have every `AuditEntry` that is made inside say this, unless it says something else itself.

    It holds for this thread or task, for tasks that it starts, and for what `asyncio.to_thread` runs.

    Args:
        user_id: who, as the application knows people.
        role: the role that the user acts in; empty where none was assigned.
        request_id: what ties the entries to the application's other logs.
        ip_address: where the request came from.
    """
    token = _asker.set(_Asker(user_id=user_id, role=role, request_id=request_id, ip_address=ip_address))
    try:
        yield
    finally:
        _asker.reset(token)


def bound(field: str) -> str:
    """What is bound around for ``field`` of an entry; nothing of a request or address where no request is bound.

    Raises:
        ValueError: an entry must say who it was, and nobody is bound.
    """
    asker = _asker.get(None)
    if asker is not None:
        return str(getattr(asker, field))
    if field in {"user_id", "role"}:
        raise ValueError(
            f"An audit entry says who it was and in which role; {field} was not given, and no request is bound. Pass "
            f"{field} (empty where there is none), or make the entry inside `with asked_by(user_id, role):`."
        )
    return ""
