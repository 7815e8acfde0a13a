"""A role's key in a service's own process: fetched at startup, fresh from then on, anew when Klaviyo rejects it."""

import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from types import TracebackType
from typing import Final, NoReturn, Self, TypedDict, Unpack

from klaviyo_access.errors import KeyStoreError, KeyStoreUnavailable
from klaviyo_access.keys.keeper import Keeper, KeyStatus
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.shared import Shared
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.keys.sources import Sought, Source
from klaviyo_access.keys.sources.configured import open_sources, source_names

STALE_AFTER: Final = 86_400.0
"""Seconds for which a key is served when AWS is down: the grace that a superseded key has before it is disabled."""

REFRESH_LIMIT: Final = 30.0
"""Seconds for which somebody waits for a refresh; the attempts of each source end before."""


class StoreSettings(TypedDict, total=False):
    """The settings of a `KeyStore`, as it describes them."""

    secret_id: str | None
    region: str | None
    sources: Sequence[str] | str | None
    source: Source | None
    clock: Callable[[], float]
    refresh_every: float | None
    stale_after: float
    environ: Mapping[str, str]


class KeyStore:
    """One role's key, ready when the store is, and kept fresh by a daemon thread until it is closed.

    ``store.key`` reads one immutable snapshot: no lock, no copy, no input or output. A store may be shared by any
    number of threads and tasks, and goes on working in a forked child.

    Args:
        role: as in access.yaml; without it ``KLAVIYO_ACCESS_ROLE``.
        secret_id: the secret's name or ARN; without it ``KLAVIYO_ACCESS_PREFIX`` and ``KLAVIYO_ACCESS_ENVIRONMENT``.
        region: without it the ARN's, ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or the AWS profile's.
        sources: names of sources, tried in this order: ``secrets-manager``, ``agent``, ``lambda-extension``,
            ``environment``, ``file``; one name alone, or several with commas, may be a text. Without it
            ``KLAVIYO_ACCESS_SOURCES``, without that Secrets Manager alone.
        source: a source of your own, in place of those.
        clock: the time in seconds since the epoch.
        refresh_every: seconds between two refreshes, give or take a tenth; without it what the source advises: 900,
            from an agent 300, from a file 10.
        stale_after: seconds for which the last key is served when no refresh succeeds.
        environ: the environment variables.

    Raises:
        KeyStoreError: the key could not be had; its kinds are drawn in `klaviyo_access.errors`.
        ValueError: ``refresh_every`` or ``stale_after`` is not above 0.
    """

    def __init__(  # noqa: PLR0913 - each has its default; one names what one changes
        self,
        role: str | None = None,
        *,
        secret_id: str | None = None,
        region: str | None = None,
        sources: Sequence[str] | str | None = None,
        source: Source | None = None,
        clock: Callable[[], float] = time.time,
        refresh_every: float | None = None,
        stale_after: float = STALE_AFTER,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        if min(stale_after, stale_after if refresh_every is None else refresh_every) <= 0:
            raise ValueError(
                f"A store refreshes its key and lets it grow stale after seconds above 0; refresh_every is "
                f"{refresh_every} and stale_after {stale_after}: give larger ones, or leave them out."
            )
        sought = Sought(named=role, secret_id=secret_id, region=region, environ=environ, clock=clock)
        self._clock = clock
        self._keeper = Keeper(
            _opener(source, sources, sought),
            sought.role,
            clock=clock,
            refresh_every=refresh_every,
            stale_after=stale_after,
        )
        weakref.finalize(self, self._keeper.stop).atexit = False

    @classmethod
    async def open(cls, role: str | None = None, **settings: Unpack[StoreSettings]) -> Self:
        """Open a store in a thread, so that the event loop runs on while the key is fetched.

        ``async with await KeyStore.open("event-tracker") as store``. Arguments and errors as of the class; a task that
        is cancelled meanwhile leaves no open store behind.
        """
        import asyncio  # noqa: PLC0415 - costs more than reading a key, and threads do not need it

        return await asyncio.to_thread(partial(cls, role, **settings))

    @classmethod
    def shared(
        cls,
        role: str | None = None,
        *,
        secret_id: str | None = None,
        region: str | None = None,
        sources: Sequence[str] | str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> "KeyStore":
        """The process's one store of a role: however many threads or tasks ask for it first, AWS is asked once.

        Who asks with the same arguments and under the same ``AWS_…`` and ``KLAVIYO_…`` variables gets the same store;
        after it was closed, which it then is for all who have it, a new one. Arguments and errors as of the class.
        """
        variables = sorted(item for item in environ.items() if item[0].startswith(("AWS_", "KLAVIYO_")))
        settings = (role, secret_id, region, None if sources is None else tuple(sources), hash(tuple(variables)))
        return _SHARED.get(
            settings, lambda: cls(role, secret_id=secret_id, region=region, sources=sources, environ=environ)
        )

    @property
    def key(self) -> Key:
        """The key as last fetched.

        Raises:
            KeyStoreUnavailable: it was last fetched ``stale_after`` seconds ago or more, and could not be since.
        """
        held = self._keeper.held
        if self._clock() >= held.stale_at:
            raise self._keeper.stale()
        return held.key

    @property
    def snapshot(self) -> KeySnapshot:
        """The key as last fetched, however old, with its role, scopes, endpoint, version and the time of the fetch."""
        return self._keeper.held.snapshot

    @property
    def status(self) -> KeyStatus:
        """How fresh the key is and why the last refresh failed: for a health check, which neither waits nor fetches.

        The logger ``klaviyo_access.keys`` is told too, when refreshes begin to fail and when they are over it.
        """
        return self._keeper.status

    def refresh(self, *, rejected: Key | None = None) -> None:
        """Fetch the key anew, and wait for it.

        One fetch at a time: whoever comes while one is asked for waits for the same. Where the store holds another key
        than the rejected one already, nothing is fetched; and where the secret was found to hold the rejected key
        still, or could not be read, that is the answer for 5 seconds to whoever asks again.

        Args:
            rejected: the key that Klaviyo answered 401 to, and no other answer; without it the key is fetched in any
                case.

        Raises:
            KeyStoreError: the key could not be fetched; the store keeps the one it has.
        """
        try:
            error = self._keeper.ask(rejected).result(REFRESH_LIMIT)
        except TimeoutError:
            error = _too_slow()
        _raise(error)

    async def arefresh(self, *, rejected: Key | None = None) -> None:
        """``refresh`` for asyncio: the same fetch as threads wait for, awaited."""
        import asyncio  # noqa: PLC0415 - costs more than reading a key, and threads do not need it

        try:
            error = await asyncio.wait_for(asyncio.wrap_future(self._keeper.ask(rejected)), REFRESH_LIMIT)
        except TimeoutError:
            error = _too_slow()
        _raise(error)

    def close(self) -> None:
        """End the refreshes; a fetch that is under way is left to end by itself. The key in hand can still be read."""
        _SHARED.forget(self)
        self._keeper.stop()
        self._keeper.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"KeyStore(role={self.snapshot.role!r}, key={self.snapshot.key})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A KeyStore is never pickled: hand over the role's name and open a store there.")


def _opener(source: Source | None, sources: Sequence[str] | str | None, sought: Sought) -> Callable[[], Source]:
    """What opens a store's source, in a forked child once more."""
    if source is not None:
        return lambda: source
    return partial(open_sources, source_names(sources, sought.environ), sought)


_SHARED: Shared[KeyStore] = Shared()


def _raise(error: KeyStoreError | None) -> None:
    """Raise a copy, since everybody who waited raises, each with a traceback of his own."""
    if error:
        raise copy(error) from error.__cause__


def _too_slow() -> KeyStoreUnavailable:
    return KeyStoreUnavailable(
        f"The key was not fetched within {REFRESH_LIMIT:.0f} s: its source hangs, or the process runs no threads."
    )
