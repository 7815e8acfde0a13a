"""The spool: batches in order, all or none, never more than it may hold, and left to others by a dead process."""

import errno
from pathlib import Path

import pytest

from klaviyo_access.audit.spool import Spool
from klaviyo_access.errors import AuditSpoolFull

STREAM = "app-api/0123456789abcdef"


def test_batches_come_out_in_order_and_make_room(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, STREAM, limit=12)
    spool.add(0, ["one", "two"])
    spool.add(2, ["six"])
    with pytest.raises(AuditSpoolFull, match="may hold 12 bytes"):
        spool.add(3, ["seven"])
    assert (spool.waiting, spool.oldest()) == (2, ["one", "two"])
    spool.remove_oldest((1, "abc"))
    spool.add(3, ["seven"])
    assert (spool.oldest(), spool.head) == (["six"], (1, "abc"))
    spool.release()


def test_a_batch_that_the_disk_refuses_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool.create(tmp_path, STREAM, limit=1000)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", refuse)
        with pytest.raises(OSError, match="No space left"):
            spool.add(0, ["one"])
    assert (spool.waiting, spool.oldest(), [path.name for path in (tmp_path / STREAM).iterdir()]) == (0, [], ["lock"])
    spool.release()


def test_only_what_nobody_holds_is_abandoned(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path, STREAM, limit=1000)
    spool.add(10, ["b"])
    spool.add(9, ["a"])
    (directory,) = Spool.of_service(tmp_path, "app-api")
    assert Spool.adopt(directory) is None
    spool.release()
    found = Spool.adopt(directory)
    assert found
    assert (found.stream, found.waiting, found.is_closed, found.oldest()) == (STREAM, 2, False, ["a"])
    found.mark_closed()
    assert found.is_closed
    found.discard()
    assert list(tmp_path.glob("*/*")) == []
