"""Keeps one key fresh: a thread of its own fetches it, nobody else does, and everybody reads.

That thread is what makes one call at a time of however many ask. A fetch that somebody waits for is a `Flight`; threads
wait for its future, tasks await it.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from random import uniform
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakSet

from klaviyo_access.errors import KeyStoreError, KeyStoreUnavailable
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.keys.sources import Source

if TYPE_CHECKING:
    from concurrent.futures import Future

HOLD_OFF: Final = 5.0
"""Seconds for which a rejected key is not asked for again once its secret was seen to hold no other."""

FIRST_RETRY: Final = 5.0
"""Seconds after which a failed background refresh is repeated; doubled with each further failure."""

LOGGER: Final = "klaviyo_access.keys"

JITTER: Final = 0.1
"""Part of each delay by which it is drawn out or cut short at random, so that a fleet does not ask in step."""

Outcome = KeyStoreError | None
Wait = Callable[[threading.Condition, float], bool]


class Held(NamedTuple):
    """What readers see; replaced as a whole, never changed.

    Attributes:
        snapshot: the key as last fetched.
        key: the same key.
        stale_at: seconds since the epoch, from when it is served no longer.
    """

    snapshot: KeySnapshot
    key: Key
    stale_at: float


class KeyStatus(NamedTuple):
    """How fresh a store's key is, for health checks.

    Attributes:
        age: seconds since the key was last fetched.
        is_stale: whether it is too old to be served.
        error: why the last refresh failed; None where it succeeded.
    """

    age: float
    is_stale: bool
    error: KeyStoreError | None


def _running() -> "Future[Outcome]":
    from concurrent.futures import Future  # noqa: PLC0415 - the start of a process does without

    future: Future[Outcome] = Future()
    future.set_running_or_notify_cancel()  # a task that gives up must not cancel it for the others
    return future


class Flight:
    """One fetch and who waits for it; the future holds the error it ended with, or None."""

    __slots__ = ("done", "rejected")

    def __init__(self, rejected: Key | None = None) -> None:
        self.rejected = rejected
        self.done = _running()


class HoldOff(NamedTuple):
    """How asking anew for a rejected key ended, and until when that is the answer to whoever asks again."""

    key: Key
    until: float
    outcome: Outcome


class Keeper:
    """Holds one key and refreshes it in the background.

    Args:
        open_source: opens where the key comes from; called again in a forked child, which must not share connections.
        name: the role, for the thread's name and for messages.
        clock: the time in seconds since the epoch.
        refresh_every: seconds between two refreshes; None for what the source advises.
        stale_after: seconds for which a key is served when no refresh succeeds.
        wait: waits on a condition for at most so many seconds; False when they have passed.

    Raises:
        KeyStoreError: there is no key to be had.
    """

    held: Held

    def __init__(
        self,
        open_source: Callable[[], Source],
        name: str,
        *,
        clock: Callable[[], float],
        refresh_every: float | None,
        stale_after: float,
        wait: Wait = threading.Condition.wait,
    ) -> None:
        self._open_source = open_source
        self._name = name
        self._clock = clock
        self._refresh_every = refresh_every
        self._stale_after = stale_after
        self._wait = wait
        self._source: Source | None = None
        self._wanted: Flight | None = None
        self._rejected: Key | None = None
        self._hold_off: HoldOff | None = None
        self._failures = 0
        self._failure: KeyStoreError | None = None
        self._closed = False
        self._fetch()
        self._start()
        _KEEPERS.add(self)

    def ask(self, rejected: Key | None) -> "Future[Outcome]":
        """Ask for a refresh; whoever asks while one is already asked for shares it.

        Args:
            rejected: the key that Klaviyo answered 401 to, so that nothing is fetched when the store has another one
                already or has just learnt that there is none; None to fetch in any case.
        """
        with self._wake:
            if self._closed:
                return _ended(KeyStoreUnavailable(f"The key store of role {self._name!r} was closed: open a new one."))
            if rejected and self._is_settled(rejected):
                return _ended(self._outcome(rejected))
            if self._wanted is None:
                self._wanted = Flight(rejected)
                self._wake.notify_all()
            self._wanted.rejected = rejected and self._wanted.rejected and self.held.key
            return self._wanted.done

    @property
    def status(self) -> KeyStatus:
        """How fresh the key is."""
        now, held = self._clock(), self.held
        return KeyStatus(
            age=now - held.stale_at + self._stale_after, is_stale=now >= held.stale_at, error=self._failure
        )

    def stale(self) -> KeyStoreUnavailable:
        """The error for a key that is too old to be served; a refresh that is overdue starts at once."""
        with self._wake:
            self._wake.notify_all()
        why = "the store was closed: open a new one" if self._closed else self._failure or "no refresh has run"
        error = KeyStoreUnavailable(
            f"A key is served for at most {self._stale_after:.0f} s after it was last fetched, since a key superseded "
            f"meanwhile is disabled after its grace. That of role {self._name!r} is {self.status.age:.0f} s old: {why}"
        )
        error.__cause__ = None if self._closed else self._failure
        return error

    def stop(self) -> None:
        """End the thread when it is idle, or when the fetch that is under way ends."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def join(self) -> None:
        """Wait for the end of the thread, unless it is fetching or is the caller."""
        with self._wake:
            waits = not self._is_fetching and self._thread is not threading.current_thread()
        if waits:
            self._thread.join()

    def _start(self) -> None:
        self._wake = threading.Condition()
        self._wanted = None
        self._is_fetching = False
        self._thread = threading.Thread(target=self._run, name=f"klaviyo-key-{self._name}", daemon=True)
        self._thread.start()

    def after_fork(self) -> None:
        """Begin anew in a forked child with the key in hand: the parent's thread, lock and connection are not ours."""
        self._source = None
        if not self._closed:
            self._start()

    def _run(self) -> None:
        while flight := self._next_flight():
            was_failing = self._failure is not None
            outcome = self._fly(flight)
            with self._wake:
                self._is_fetching = False
            flight.done.set_result(outcome)
            if was_failing != (self._failure is not None):
                self._tell()
        self._source = None

    def _next_flight(self) -> Flight | None:
        with self._wake:
            while not (self._closed or self._wanted) and (left := self._due - self._clock()) > 0:
                if not self._wait(self._wake, left):
                    break
            flight, self._wanted = self._wanted, None
            self._is_fetching = not self._closed
            if self._closed and flight:
                flight.done.set_result(KeyStoreUnavailable(f"The key store of role {self._name!r} was closed."))
            return None if self._closed else flight or Flight()

    def _fly(self, flight: Flight) -> Outcome:
        with self._wake:
            if flight.rejected and self._is_settled(flight.rejected):
                return self._outcome(flight.rejected)
        self._rejected = flight.rejected or self._rejected
        outcome: Outcome = None
        try:
            self._fetch()
        except KeyStoreError as error:
            outcome = self._failure = error
            self._schedule(min(self._interval, FIRST_RETRY * 2.0 ** min(self._failures, 16)))
            self._failures += 1
        if flight.rejected == self.held.key:
            self._hold_off = HoldOff(flight.rejected, self._clock() + HOLD_OFF, outcome)
        return outcome

    def _tell(self) -> None:
        """Log that refreshes begin to fail, or that they are over it; not each of them."""
        import logging  # noqa: PLC0415 - the start of a process does without

        logger = logging.getLogger(LOGGER)
        with suppress(Exception):  # a handler that fails must not end the refreshes
            if self._failure:
                left = max(0.0, self.held.stale_at - self._clock())
                logger.warning(
                    "The key of role %r is refreshed no more, and served for %.0f s yet: %s",
                    self._name,
                    left,
                    self._failure,
                )
            else:
                logger.info("The key of role %r is refreshed again.", self._name)

    def _fetch(self) -> None:
        try:
            self._source = self._source or self._open_source()
            self._hold(self._source.fetch(rejected=self._rejected))
        except KeyStoreError:
            raise
        except Exception as error:
            raise KeyStoreUnavailable(
                f"The key of role {self._name!r} could not be fetched: its source failed with {type(error).__name__}"
            ) from error

    def _hold(self, snapshot: KeySnapshot) -> None:
        if not (isinstance(snapshot, KeySnapshot) and isinstance(snapshot.key, Key)):
            raise TypeError(f"A source's fetch() gives a KeySnapshot with a Key; it gave a {type(snapshot).__name__}.")
        interval = float(snapshot.fresh_for if self._refresh_every is None else self._refresh_every)
        self._schedule(interval)
        self._interval = interval
        self.held = Held(snapshot, snapshot.key, self._clock() + self._stale_after)
        if snapshot.key != self._rejected:
            self._rejected = None  # should the secret hold it again one day, that is a roll-back
        self._failures = 0
        self._failure = None

    def _schedule(self, delay: float) -> None:
        self._due = self._clock() + delay * uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing

    def _is_settled(self, rejected: Key) -> bool:
        return self.held.key != rejected or self._held_off(rejected) is not None

    def _outcome(self, rejected: Key) -> Outcome:
        hold_off = self._held_off(rejected)
        return hold_off.outcome if hold_off and self.held.key == rejected else None

    def _held_off(self, rejected: Key) -> HoldOff | None:
        found = self._hold_off
        return found if found and found.key == rejected and self._clock() < found.until else None


def _ended(outcome: Outcome) -> "Future[Outcome]":
    future = _running()
    future.set_result(outcome)
    return future


_KEEPERS: "WeakSet[Keeper]" = WeakSet()


def _after_fork() -> None:
    for keeper in list(_KEEPERS):
        keeper.after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
