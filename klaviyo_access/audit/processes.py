"""The ends and the beginnings of processes: open logs are closed at exit and on SIGTERM, and start anew after a fork.

SIGTERM is handled only where nobody else does: a handler that the application has, or sets later, is left alone, and
its regular exit closes the logs. The signal kills the process as it would have, once the logs are closed.
"""

import atexit
import os
import signal
import threading
from types import FrameType
from typing import Protocol


class Log(Protocol):
    """What must hear of its process's end, and of a fork."""

    def close(self) -> bool:
        """Hand over what was accepted."""
        ...

    def restart(self) -> None:
        """Start anew in a forked child."""
        ...


_open: set[Log] = set()


def watch(log: Log) -> None:
    """Have ``log`` closed when the process ends, and restarted in children that are forked."""
    _open.add(log)
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def forget(log: Log) -> None:
    """``log`` is closed."""
    _open.discard(log)


def _close_all() -> None:
    for log in list(_open):
        log.close()


def _terminate(signum: int, _frame: FrameType | None) -> None:
    _close_all()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _restart_all() -> None:
    for log in list(_open):
        log.restart()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_restart_all)
