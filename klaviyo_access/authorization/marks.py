"""The marks by which a guard sees that a handler lets nobody through unasked."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

_MARK: Final = "__klaviyo_guarded__"
_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class GuardedBy(Enum):
    """What a handler asks for before it does anything."""

    PERMISSION = "permission"
    SIGNATURE = "signature"
    """Klaviyo's own, under a webhook's delivery."""


def marked(handler: _Handler, guard: GuardedBy) -> _Handler:
    """``handler`` with the mark that it asks for ``guard``."""
    setattr(handler, _MARK, guard)
    return handler


def is_guarded(handler: object) -> bool:
    """Whether a handler, or what wraps it by `functools.wraps`, has a mark."""
    return isinstance(getattr(handler, _MARK, None), GuardedBy)
