"""Klaviyo API keys in a service's own process: ``KeyStore("event-tracker").key``.

Importing this package imports the standard library alone; what needs botocore is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from klaviyo_access.keys.keeper import KeyStatus
    from klaviyo_access.keys.secret import Key
    from klaviyo_access.keys.snapshot import KeySnapshot
    from klaviyo_access.keys.sources import Source
    from klaviyo_access.keys.store import KeyStore

__all__ = ["Key", "KeySnapshot", "KeyStatus", "KeyStore", "Source"]

_HOMES = {
    "Key": "secret",
    "KeySnapshot": "snapshot",
    "KeyStatus": "keeper",
    "KeyStore": "store",
    "Source": "sources",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
