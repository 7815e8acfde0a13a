"""One process of a host at a time: a locked file for each name, whose lock the kernel drops when its holder dies."""

import logging
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from klaviyo_access.hidden import fingerprint

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment] # said where a lock is asked for

LOGGER: Final = "klaviyo_access.oauth"

PAUSE: Final = 0.05
"""Seconds between two attempts to have a lock that another process holds."""

LONGEST_WAIT: Final = 30.0
"""Seconds for which another process is waited for; one that takes longer hangs, or was stopped."""


class HostLocks:
    """Locks that the processes of one user on one host share, in a directory that nobody else may enter.

    Where there can be none, whoever asks goes on without; the logger ``klaviyo_access.oauth`` is told once.

    Args:
        directory: where the files are; it is made with mode 0700. Without it one below the temporary directory.
        sleep: waits that many seconds.
    """

    def __init__(self, directory: Path | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._given = directory
        self._sleep = sleep
        self._is_told = False

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold the lock of ``name`` inside the block, as far as it can be had."""
        file = self._lock(name)
        try:
            yield
        finally:
            if file is not None and file in _HELD:
                _HELD.discard(file)
                os.close(file)

    def _lock(self, name: str) -> int | None:
        try:
            path = self._directory() / f"{fingerprint(name)}.lock"
            for _ in range(round(LONGEST_WAIT / PAUSE)):
                if (file := _locked(path)) is not None:
                    return file
                self._sleep(PAUSE)
        except OSError as error:
            self._tell(str(error))
        else:
            self._tell(f"another process has held {path} for {LONGEST_WAIT:.0f} s")
        return None

    def _directory(self) -> Path:
        if fcntl is None:
            raise OSError("this system has no POSIX locks")
        directory = self._given or Path(tempfile.gettempdir()) / f"klaviyo-access-oauth-{os.geteuid()}"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077 or not stat.S_ISDIR(status.st_mode):
            raise OSError(f"{directory} belongs to somebody else, is open to others, or is a link")
        return directory

    def _tell(self, reason: str) -> None:
        if not self._is_told:
            self._is_told = True
            logging.getLogger(LOGGER).warning(
                "The processes of this host renew an account's tokens each by itself, as those of different hosts do: "
                "%s. Give them one directory of this user alone (mode 0700) for their locks.",
                reason,
            )


_HELD: Final[set[int]] = set()
"""Descriptors of the files that this process has locked."""


def _locked(path: Path) -> int | None:
    """A descriptor of the locked file; None where another process holds it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file), path.stat()):  # else somebody swept the directory meanwhile
            _HELD.add(file)
            return file
    except (BlockingIOError, FileNotFoundError):
        return None
    finally:
        if file not in _HELD:
            os.close(file)
    return None


def _after_fork() -> None:
    """Leave the parent's locks to the parent: a copy in a child would outlive it."""
    for file in _HELD:
        os.close(file)
    _HELD.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
