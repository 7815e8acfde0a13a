"""Scoped Klaviyo API keys for every role: what services import and operators run.

Importing this package imports nothing else; each room below it says what it needs. ``__version__`` is that of the
installed package, looked up when it is asked for.
"""

TYPE_CHECKING = False  # type checkers know the name; importing typing for it would cost more than the rest

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - see above

        try:
            return version("klaviyo-access")
        except PackageNotFoundError:  # files without an installation, as in the rotator's bundle
            return "0+unknown"
