"""One piece of work at a time, however many threads and asyncio tasks ask for it: all get its one result."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Lets the first who asks do the work, and whoever asks meanwhile wait for it."""

    _pid: int
    _lock: threading.Lock
    _future: Future[Result] | None

    def __init__(self) -> None:
        self._reset()

    def run(self, work: Callable[[], Result]) -> Result:
        """Do ``work`` in this thread, or wait for whoever is doing it; returns or raises what that came to."""
        future, is_mine = self._join()
        if is_mine:
            self._do(work, future)
        return future.result()

    async def arun(self, work: Callable[[], Result]) -> Result:
        """The same for a task. The work runs in a thread; cancelling the task leaves it running for the others."""
        future, is_mine = self._join()
        if is_mine:
            threading.Thread(target=self._do, args=(work, future), name="oauth-refresh", daemon=True).start()
        return await asyncio.wrap_future(future)

    def _join(self) -> tuple[Future[Result], bool]:
        if self._pid != os.getpid():
            self._reset()  # a fork copied a flight whose thread stayed behind
        with self._lock:
            if self._future is not None:
                return self._future, False
            self._future = Future()
            self._future.set_running_or_notify_cancel()  # so that no waiting task can cancel it for all
            return self._future, True

    def _do(self, work: Callable[[], Result], future: Future[Result]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits must be let go, whatever it was
            self._land()
            future.set_exception(error)
        else:
            self._land()
            future.set_result(result)

    def _land(self) -> None:
        with self._lock:
            self._future = None

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._future = None
