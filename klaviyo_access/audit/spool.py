"""Lines on their way, on disk: what a sink has not taken yet outlives the process that wrote it.

Each chain has a directory ``<spool>/<service>/<id>/`` with one file a batch, named by the place of its first line, and
a file ``lock`` that is locked as long as the process lives. The kernel drops the lock when a process dies, however it
dies; whoever gets it afterwards delivers what is left, and anchors the newest line that was delivered, which the file
``head`` names.
"""

import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, TypeAlias

from klaviyo_access.errors import AuditNotConfigured, AuditSpoolFull

try:
    import fcntl
except ImportError:  # Windows, where a service may decide permissions but keeps no log
    fcntl = None  # type: ignore[assignment] # said where a spool is asked for

SPOOL: Final = "KLAVIYO_ACCESS_AUDIT_SPOOL"

Head: TypeAlias = tuple[int, str]
"""A line of a chain: its place and its hash."""

_LOCK: Final = "lock"
_HEAD: Final = "head"
_CLOSED: Final = "closed"


def spool_directory(given: Path | str | None, environ: Mapping[str, str]) -> Path:
    """The directory of all spools: ``given``, ``KLAVIYO_ACCESS_AUDIT_SPOOL``, or one below the temporary directory.

    It is made with mode 0700 where it does not exist.

    Raises:
        AuditNotConfigured: it cannot be made or written, others may enter it, or this system has no locks for it.
    """
    named = given or environ.get(SPOOL)
    if fcntl is None:
        raise AuditNotConfigured(
            "An audit log keeps entries in files under POSIX locks until they are delivered, and this system has none: "
            "run the service on Linux or macOS, or without an audit log."
        )
    directory = Path(named or Path(tempfile.gettempdir()) / f"klaviyo-access-audit-{os.geteuid()}")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
        writable = os.access(directory, os.W_OK | os.X_OK)
    except OSError as error:
        raise _unfit(directory, f"it cannot be made ({error.strerror})") from error
    if status.st_uid != os.geteuid() or status.st_mode & 0o077 or not directory.is_dir():
        raise _unfit(directory, "it belongs to somebody else, is open to others (mode 0700 is asked for), or is a link")
    if not writable:
        raise _unfit(directory, "it cannot be written")
    return directory


def _unfit(directory: Path, reason: str) -> AuditNotConfigured:
    return AuditNotConfigured(
        f"Audit entries wait on disk until their sink takes them, so that a killed process loses none; {directory} "
        f"cannot hold them: {reason}. Name a directory of this user alone by {SPOOL} (a tmpfs or an emptyDir will do)."
    )


class Spool:
    """The batches of one chain, which one thread adds and another removes.

    Args:
        directory: the chain's own directory.
        lock: descriptor of the locked file in it.
        limit: bytes that the batches may have together.
    """

    def __init__(self, directory: Path, *, lock: int, limit: int) -> None:
        self._directory = directory
        self._lock = lock
        self._limit = limit
        self._counting = threading.Lock()
        self._waiting = deque((path, path.stat().st_size) for path in sorted(directory.glob("*.jsonl")))
        self._bytes = sum(size for _, size in self._waiting)

    @classmethod
    def create(cls, root: Path, stream: str, *, limit: int) -> Self:
        """Make the spool of a new chain.

        Raises:
            OSError: the disk does not take it.
        """
        directory = root / stream
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(directory / _LOCK)
        if lock is None:
            raise BlockingIOError(f"{directory} is locked by another process")
        return cls(directory, lock=lock, limit=limit)

    @staticmethod
    def of_service(root: Path, service: str) -> Iterator[Path]:
        """The directories of a service's chains, living or dead."""
        yield from sorted(path.parent for path in (root / service).glob(f"*/{_LOCK}"))

    @classmethod
    def adopt(cls, directory: Path) -> Self | None:
        """The spool of a dead process, locked by this one now; None where its process lives.

        Raises:
            OSError: the disk does not give it.
        """
        lock = _locked(directory / _LOCK)
        return None if lock is None else cls(directory, lock=lock, limit=0)

    @property
    def stream(self) -> str:
        """The name of the chain."""
        return f"{self._directory.parent.name}/{self._directory.name}"

    @property
    def waiting(self) -> int:
        """How many batches there are."""
        return len(self._waiting)

    @property
    def is_closed(self) -> bool:
        """Whether the chain has its last line."""
        return (self._directory / _CLOSED).exists()

    @property
    def head(self) -> Head | None:
        """The newest line that was delivered; None where none was."""
        try:
            sequence, hash_ = (self._directory / _HEAD).read_text("ascii").split()
            return int(sequence), hash_
        except (OSError, ValueError):
            return None

    def mark_closed(self) -> None:
        """Note that the chain has its last line.

        Raises:
            OSError: the disk does not take it.
        """
        (self._directory / _CLOSED).touch()

    def add(self, sequence: int, lines: Sequence[str]) -> None:
        """Keep ``lines``, the first of which has the place ``sequence``; all of them or none.

        Raises:
            AuditSpoolFull: the batches would have more bytes than they may.
            OSError: the disk does not take them.
        """
        data = "".join(f"{line}\n" for line in lines).encode("ascii")
        if self._bytes + len(data) > self._limit:
            raise AuditSpoolFull(f"{self._directory} may hold {self._limit} bytes, and more are waiting")
        path = self._directory / f"{sequence:016d}.jsonl"
        unfinished = path.with_suffix(".tmp")
        try:
            unfinished.write_bytes(data)
            unfinished.rename(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        self._count(len(data))
        self._waiting.append((path, len(data)))

    def oldest(self) -> list[str]:
        """The lines of the batch that is to be delivered next, without their ends; none where nothing waits.

        Raises:
            OSError: the disk does not give it.
        """
        if not self._waiting:
            return []
        path, _ = self._waiting[0]
        return path.read_text("ascii").splitlines()

    def remove_oldest(self, head: Head | None) -> None:
        """Forget the oldest batch, which was delivered up to the line ``head``.

        Raises:
            OSError: the disk does not let it go.
        """
        if head is not None:
            with suppress(OSError):  # a full disk: a dead process's last lines are anchored by nobody then
                (self._directory / _HEAD).write_text(f"{head[0]} {head[1]}", "ascii")
        path, size = self._waiting[0]
        path.unlink(missing_ok=True)
        self._waiting.popleft()
        self._count(-size)

    def discard(self) -> None:
        """Remove the directory of a chain that is delivered to its end, and let go of it.

        Raises:
            OSError: the disk does not let it go.
        """
        for path in self._directory.iterdir():
            path.unlink()
        self._directory.rmdir()
        self.release()

    def release(self) -> None:
        """Let go of the lock, and so of what is left, for another process; again is fine."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _count(self, change: int) -> None:
        with self._counting:
            self._bytes += change


def _locked(path: Path) -> int | None:
    """A descriptor of the file at ``path`` with its lock; None where another process has that."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:  # delivered and removed by another process just now
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    if not path.exists():  # removed between the opening and the locking
        os.close(file)
        return None
    return file
