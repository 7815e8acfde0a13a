"""One store a role in a process, however many threads or tasks ask for it first."""

import os
import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class Shared(Generic[T]):
    """What was opened, by its settings. Opening is done once by the first who asks; the others wait for it.

    A failure reaches all who waited, and is not kept: the next who asks tries again.
    """

    def __init__(self) -> None:
        self._opened: dict[Hashable, T] = {}
        self._begin()
        if hasattr(os, "register_at_fork"):  # Windows has no fork
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._opening: dict[Hashable, Future[T]] = {}

    def get(self, settings: Hashable, open_one: Callable[[], T]) -> T:
        """What was opened with these settings, else what ``open_one`` opens now; raises what that raises."""
        from concurrent.futures import Future  # noqa: PLC0415 - who opens a store of his own does without

        with self._lock:
            if settings in self._opened:
                return self._opened[settings]
            opening = self._opening.get(settings)
            if is_first := opening is None:
                opening = self._opening[settings] = Future()
        return self._open(settings, open_one, opening) if is_first else opening.result()

    def forget(self, one: T) -> None:
        """Open anew for the next who asks."""
        with self._lock:
            self._opened = {settings: other for settings, other in self._opened.items() if other is not one}

    def _open(self, settings: Hashable, open_one: Callable[[], T], opening: "Future[T]") -> T:
        try:
            opened = open_one()
        except BaseException as error:
            with self._lock:
                del self._opening[settings]
            opening.set_exception(error)
            raise
        with self._lock:
            self._opened[settings] = opened
            del self._opening[settings]
        opening.set_result(opened)
        return opened
