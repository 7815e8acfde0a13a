"""Klaviyo's API with a role's key: ``session_for_role("marketer").Lists.get_lists()``.

Importing this package imports the standard library alone; the official SDK and httpx are imported when they are asked
for. The errors are in `klaviyo_access.errors`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from klaviyo_access.klaviyo.auth import KlaviyoAuth
    from klaviyo_access.klaviyo.operations import scopes_for
    from klaviyo_access.klaviyo.session import session_for_role

__all__ = ["KlaviyoAuth", "scopes_for", "session_for_role"]

_HOMES = {"KlaviyoAuth": "auth", "scopes_for": "operations", "session_for_role": "session"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
