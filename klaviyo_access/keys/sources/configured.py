"""The sources of a store, in the order that is configured: an argument, else KLAVIYO_ACCESS_SOURCES."""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Final

from klaviyo_access.errors import KeyStoreNotConfigured
from klaviyo_access.keys.sources import Sought, Source
from klaviyo_access.keys.sources.ordered import OrderedSources

SOURCES: Final = "KLAVIYO_ACCESS_SOURCES"
DEFAULT: Final = "secrets-manager"

# Each is imported when it is its turn: botocore alone takes longer than all that the others do.
_HOMES: Final = {
    "secrets-manager": ("secrets_manager", "from_secrets_manager"),
    "agent": ("agent", "from_agent"),
    "lambda-extension": ("agent", "from_lambda_extension"),
    "environment": ("injected", "from_environment"),
    "file": ("injected", "from_file"),
}


def source_names(names: Sequence[str] | str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The configured sources in their order.

    Args:
        names: one by one, or in one text with commas; without them ``KLAVIYO_ACCESS_SOURCES``, which is such a text,
            without that Secrets Manager alone.
        environ: the environment variables.

    Raises:
        KeyStoreNotConfigured: none is named, or one is unknown.
    """
    named = environ.get(SOURCES, DEFAULT) if names is None else names
    given = named.split(",") if isinstance(named, str) else named
    found = tuple(dict.fromkeys(name.strip() for name in given))
    unknown = [name for name in found if name not in _HOMES]
    if unknown or not found:
        received = repr(unknown[0]) + " is none of them" if unknown else "none was named"
        raise KeyStoreNotConfigured(
            f"A key comes from one or more of {', '.join(_HOMES)}, in the order of {SOURCES} or of the argument "
            f"'sources'; {received}. Without either it is {DEFAULT}."
        )
    return found


def open_sources(names: Sequence[str], sought: Sought) -> Source:
    """Open one source, or several that are tried in order.

    Raises:
        KeyStoreNotConfigured: no role is named, or what the only source needs is missing.
    """
    openers = {name: partial(_open, name, sought) for name in names}
    if len(openers) == 1:
        return openers[names[0]]()
    return OrderedSources(sought.role, openers)


def _open(name: str, sought: Sought) -> Source:
    module, function = _HOMES[name]
    source: Source = getattr(import_module(f"klaviyo_access.keys.sources.{module}"), function)(sought)
    return source
