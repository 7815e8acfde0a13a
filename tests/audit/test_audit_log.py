"""A log accepts at once, whatever happens behind it, and what it accepted arrives in order."""

import errno
import gc
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.audit import AppendedFile, AuditLog, courier
from klaviyo_access.audit.spool import Spool
from klaviyo_access.audit.verification import verify
from klaviyo_access.errors import AuditNotConfigured
from tests.audit.audit_bench import Kept, entry, open_log


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failing sinks are asked again at once."""
    monkeypatch.setattr(courier, "RETRY_SECONDS", (0.001,))


def actions(lines: list[str]) -> list[str]:
    return [json.loads(line)["entry"]["action"] for line in lines]


def test_what_is_recorded_arrives_in_order_and_whole(tmp_path: Path) -> None:
    sink, anchors = Kept(), Kept()
    with open_log(tmp_path, sink, anchors=anchors, anchor_every=10) as audit:
        for number in range(35):
            audit.record(entry(f"a-{number}"))
    assert actions(sink.lines) == [f"a-{number}" for number in range(35)]
    report = verify(sink.lines, anchors.lines)
    assert report.is_whole
    assert (report.streams[0].anchored, report.streams[0].closed) == (35, True)
    assert [json.loads(line)["anchor"]["sequence"] for line in anchors.lines] == [9, 19, 29, 34]
    assert sink.streams == {f"entries/{audit.status.stream}"}
    assert anchors.streams == {f"anchors/{audit.status.stream}"}
    assert list((tmp_path / "spool").rglob("*.jsonl")) == []


def test_a_delivered_entry_is_anchored_in_time_where_too_few_follow(tmp_path: Path) -> None:
    sink, anchors = Kept(), Kept()
    with open_log(tmp_path, sink, anchors=anchors, anchor_seconds=0.001) as audit:
        audit.record(entry())
        assert anchors.written.wait(30)
        assert json.loads(anchors.lines[0])["anchor"]["sequence"] == 0


def test_while_the_sink_is_down_entries_wait_on_disk_and_arrive_later_in_order(tmp_path: Path) -> None:
    sink = Kept(is_down=True)
    with open_log(tmp_path, sink) as audit:
        for number in range(20):
            audit.record(entry(f"a-{number}"))
        assert not audit.flush(0.05)
        assert (audit.status.spooled > 0, audit.status.queued) == (True, 0)
        assert "ConnectionError: the sink is down" in audit.status.last_error
        sink.is_down = False
        assert audit.flush(30)
    assert actions(sink.lines) == [f"a-{number}" for number in range(20)]
    assert verify(sink.lines).is_whole


def test_a_sink_that_hangs_holds_up_nobody_and_keeps_nothing_in_memory(tmp_path: Path) -> None:
    sink = Kept(held=threading.Event())
    audit = open_log(tmp_path, sink)
    audit.record(entry("a-0"))
    assert not audit.flush(0.05)
    audit.record(entry("a-1"))
    assert not audit.flush(0.05)
    assert (audit.status.queued, audit.status.spooled) == (0, 2)
    assert sink.held
    sink.held.set()
    assert audit.close(30)
    assert actions(sink.lines) == ["a-0", "a-1"]


def test_what_a_closed_log_could_not_deliver_the_next_one_does(tmp_path: Path) -> None:
    down = Kept(is_down=True)
    first = open_log(tmp_path, down)
    for number in range(5):
        first.record(entry(f"a-{number}"))
    assert not first.close(30)
    sink, anchors = Kept(), Kept()
    with open_log(tmp_path, sink, anchors=anchors) as second:
        second.record(entry("b-0"))
        assert second.flush(30)
    report = verify(sink.lines, anchors.lines)
    assert report.is_whole
    assert {one.stream: (one.entries, one.anchored, one.closed) for one in report.streams} == {
        first.status.stream: (5, 5, True),
        second.status.stream: (1, 1, True),
    }
    assert list((tmp_path / "spool").glob("*/*")) == []


def test_when_queue_and_disk_are_full_entries_are_lost_counted_and_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Kept(is_down=True)
    audit = open_log(tmp_path, sink, capacity=10, spool_bytes=20_000)
    sent = 0
    while audit.status.lost < 7 or not audit.status.spooled:
        audit.record(entry(f"a-{sent}"))
        sent += 1
        lost = audit.status.lost
    assert "Audit entries are lost" in caplog.text
    assert sum(path.stat().st_size for path in (tmp_path / "spool").rglob("*.jsonl")) <= 20_000
    sink.is_down = False
    assert not audit.close(60)
    assert (audit.status.lost, len(sink.lines)) == (lost, sent - lost + actions(sink.lines).count("audit.entries-lost"))
    report = verify(sink.lines)
    assert report.is_whole
    assert report.streams[0].lost == lost


@pytest.fixture
def broken_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Spool, "add", refuse)


@pytest.mark.usefixtures("broken_disk")
def test_a_full_disk_stops_nothing_while_the_sink_is_up(tmp_path: Path) -> None:
    sink, anchors = Kept(), Kept()
    with open_log(tmp_path, sink, anchors=anchors) as audit:
        for number in range(5):
            audit.record(entry(f"a-{number}"))
        assert audit.flush(30)
        assert "No space left on device" in audit.status.last_error
    assert actions(sink.lines) == [f"a-{number}" for number in range(5)]
    assert verify(sink.lines, anchors.lines).streams[0].closed


@pytest.mark.usefixtures("broken_disk")
def test_what_neither_disk_nor_sink_take_at_the_end_is_counted_as_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = open_log(tmp_path, Kept(is_down=True))
    audit.record(entry())
    while not audit.status.last_error:
        audit.flush(0.01)
    audit.record(entry())
    assert not audit.close(0.2)
    assert not audit.close(0.2)
    assert (audit.status.lost, audit.status.delivered) == (2, 0)
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert sorted(said) == [
        "Audit entries are lost (last error",
        "Audit entries are not delivered, and wait",
        "The disk takes no audit entries",
    ]


def test_a_trouble_is_said_once_and_over_once_when_lines_went_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Kept(is_down=True)
    with open_log(tmp_path, sink) as audit:
        for number in range(3):
            audit.record(entry())
            while sink.calls <= number:
                audit.flush(0.001)
        assert "Over" not in caplog.text
        sink.is_down = False
        assert audit.flush(30)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "Audit entries are not delivered, and wait: ConnectionError: the sink is down",
        "Over: Audit entries are not delivered, and wait",
    ]


def test_while_anchors_are_down_entries_go_on_once_each_and_are_anchored_afterwards(tmp_path: Path) -> None:
    sink, anchors = Kept(), Kept(is_down=True)
    with open_log(tmp_path, sink, anchors=anchors, anchor_every=2) as audit:
        for number in range(6):
            audit.record(entry(f"a-{number}"))
            assert audit.flush(30)
        assert actions(sink.lines) == [f"a-{number}" for number in range(6)]
        assert "Anchors of audit entries are not delivered" in audit.status.last_error
        anchors.is_down = False
        assert anchors.written.wait(30)
    report = verify(sink.lines, anchors.lines)
    assert (report.is_whole, report.streams[0].repeated, report.streams[0].closed) == (True, 0, True)


def test_a_chain_that_ended_while_anchors_were_down_is_anchored_by_the_next_process(tmp_path: Path) -> None:
    sink, anchors = Kept(), Kept(is_down=True)
    first = open_log(tmp_path, sink, anchors=anchors)
    for number in range(3):
        first.record(entry(f"a-{number}"))
        assert first.flush(30)
    assert first.close(30)
    anchors.is_down = False
    with open_log(tmp_path, sink, anchors=anchors) as second:
        second.record(entry("b-0"))
        assert second.flush(30)
    found = {one.stream: (one.entries, one.anchored, one.closed) for one in verify(sink.lines, anchors.lines).streams}
    assert found == {first.status.stream: (3, 3, True), second.status.stream: (1, 1, True)}
    assert list((tmp_path / "spool").glob("*/*")) == []


def test_what_another_service_left_is_left_alone_and_one_stuck_spool_keeps_up_no_other(tmp_path: Path) -> None:
    left = [open_log(tmp_path, Kept(is_down=True)) for _ in range(3)]
    other = AuditLog("web", Kept(is_down=True), spool=tmp_path / "spool")
    for audit in [*left, other]:
        audit.record(entry())
        assert not audit.close(30)
    stuck, *good = sorted(audit.status.stream for audit in left)
    next((tmp_path / "spool" / stuck).glob("*.jsonl")).write_bytes(b"\xff\n")
    sink = Kept()
    with open_log(tmp_path, sink) as audit:
        audit.record(entry())
        assert audit.flush(30)
    assert sink.streams == {f"entries/{stream}" for stream in [*good, audit.status.stream]}
    waiting = {path.parent.relative_to(tmp_path / "spool").as_posix() for path in tmp_path.rglob("*.jsonl")}
    assert waiting == {stuck, other.status.stream}


def test_texts_of_any_length_take_no_more_memory_than_the_queue_may_hold(tmp_path: Path) -> None:
    sink = Kept()
    audit = open_log(tmp_path, sink, gather_seconds=3600.0, capacity_bytes=1_000_000)
    for _ in range(100):
        audit.record(entry(resource="x" * 50_000, metadata={"agent": "y" * 50_000}))
    assert audit.status.lost >= 90
    assert audit.flush(30)
    lost = audit.status.lost
    for _ in range(5):
        audit.record(entry(resource="x" * 100_000))
    assert audit.status.lost == lost
    assert not audit.close(30)
    assert len(sink.lines) == 105 - lost + actions(sink.lines).count("audit.entries-lost")


WRONG_SETTINGS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"anchor_every": 0}, ValueError, "anchor_every is a count of 1 or more; given: 0"),
    ({"anchor_every": 2.5}, ValueError, "anchor_every is a count"),
    ({"capacity": 0}, ValueError, "capacity is a count"),
    ({"capacity": True}, ValueError, "capacity is a count"),
    ({"capacity_bytes": -1}, ValueError, "capacity_bytes is a count"),
    ({"spool_bytes": 0}, ValueError, "spool_bytes is a count"),
    ({"gather_seconds": -1.0}, ValueError, "gather_seconds is seconds, 0 or more"),
    ({"anchor_seconds": float("nan")}, ValueError, "anchor_seconds is seconds, 0 or more"),
    ({"anchor_seconds": "60"}, ValueError, "anchor_seconds is seconds, 0 or more"),
    ({"sink": None}, TypeError, "sink has no such method; given: NoneType"),
    ({"sink": print}, TypeError, "given: builtin_function_or_method"),
    ({"anchors": "anchors.jsonl"}, TypeError, "anchors has no such method; given: str"),
]


@pytest.mark.parametrize(("wrong", "error", "said"), WRONG_SETTINGS)
def test_a_wrong_setting_is_refused_when_the_service_starts(
    tmp_path: Path, wrong: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        open_log(tmp_path, **{"sink": Kept(), **wrong})


def test_a_spool_may_be_named_by_a_text(tmp_path: Path) -> None:
    sink = Kept()
    with AuditLog("app-api", sink, spool=str(tmp_path / "spool")) as audit:
        audit.record(entry("first"))
    assert actions(sink.lines) == ["first"]


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


HOSTILE = [
    None,
    "no entry",
    entry(metadata={"value": Unreadable()}),
    entry(timestamp="yesterday"),
]


@pytest.mark.parametrize("given", HOSTILE, ids=["none", "a text", "a value without text", "a time that is none"])
def test_what_is_no_entry_harms_neither_the_caller_nor_the_log(tmp_path: Path, given: Any) -> None:
    sink = Kept()
    with open_log(tmp_path, sink) as audit:
        audit.record(given)
        audit.record(entry("after"))
    assert actions(sink.lines) == ["audit.entries-lost", "after"]
    assert audit.status.lost == 1


def test_a_closed_log_refuses_and_counts(tmp_path: Path) -> None:
    audit = open_log(tmp_path, Kept())
    assert audit.close()
    audit.record(entry())
    assert audit.status.lost == 1


def test_without_threads_entries_wait_until_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    sink = Kept()
    audit = open_log(tmp_path, sink)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        audit.record(entry("first"))
    assert (audit.status.queued, "can't start new thread" in audit.status.last_error) == (1, True)
    audit.record(entry("second"))
    assert audit.close(30)
    assert actions(sink.lines) == ["first", "second"]


def test_what_never_had_a_thread_is_counted_as_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    audit = open_log(tmp_path, Kept())
    audit.record(entry())
    assert not audit.close(30)
    assert audit.status.lost == 1


def test_an_entry_that_is_too_long_for_a_log_is_kept_without_its_metadata(tmp_path: Path) -> None:
    sink = Kept()
    with open_log(tmp_path, sink) as audit:
        audit.record(entry(metadata={str(number): "x" * 8000 for number in range(40)}))
    assert [len(line) < 1000 for line in sink.lines] == [True]


@dataclass
class Picky(Kept):
    """A sink that takes everything but one text."""

    refused: str = ""

    def write(self, stream: str, lines: Sequence[str]) -> None:
        if self.refused and self.refused in "".join(lines):
            raise ConnectionError("not that")
        super().write(stream, lines)


def test_nothing_overtakes_what_waits_on_a_full_disk(tmp_path: Path) -> None:
    sink = Picky(refused="a-0")
    with open_log(tmp_path, sink, spool_bytes=1000) as audit:
        audit.record(entry("a-0"))
        while not audit.status.spooled:
            audit.flush(0.01)
        for number in range(1, 6):
            audit.record(entry(f"a-{number}"))
        while "may hold 1000 bytes" not in audit.status.last_error:
            audit.flush(0.001)
        assert sink.lines == []
        sink.refused = ""
    assert actions(sink.lines) == [f"a-{number}" for number in range(6)]


def test_a_failing_sink_is_not_asked_more_often_because_more_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "RETRY_SECONDS", (3600.0,))
    sink = Kept(is_down=True)
    audit = open_log(tmp_path, sink)
    for number in range(6):
        audit.record(entry())
        while audit.status.spooled <= number or not audit.status.last_error:
            time.sleep(0.001)
    assert sink.calls == 1
    sink.is_down = False
    assert audit.close(30)


def test_recording_touches_neither_disk_nor_network_and_starts_threads_once(tmp_path: Path) -> None:
    sink = Kept(held=threading.Event())
    audit = open_log(tmp_path, sink, gather_seconds=3600.0)
    before = set(threading.enumerate())
    for _ in range(100):
        audit.record(entry())
    assert len(set(threading.enumerate()) - before) == 2
    assert audit.status.queued >= 99
    assert (sink.calls, list((tmp_path / "spool").iterdir())) == (0, [])
    assert sink.held
    sink.held.set()
    assert audit.close(30)


def test_many_threads_record_into_one_chain(tmp_path: Path) -> None:
    sink = Kept()
    with open_log(tmp_path, sink) as audit:

        def work(name: int) -> None:
            for number in range(50):
                audit.record(entry(f"{name}-{number}"))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert verify(sink.lines).is_whole
    done = actions(sink.lines)
    assert len(done) == 400
    for name in range(8):
        assert [action for action in done if action.startswith(f"{name}-")] == [f"{name}-{n}" for n in range(50)]


def test_a_file_takes_lines_that_only_its_owner_reads(tmp_path: Path) -> None:
    with open_log(tmp_path, AppendedFile(tmp_path / "audit.jsonl")) as audit:
        audit.record(entry("first"))
    text = (tmp_path / "audit.jsonl").read_text()
    assert actions(text.splitlines()) == ["first"]
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


BAD_SPOOLS = ["a file", "open to others", "a link"]


@pytest.mark.parametrize("kind", BAD_SPOOLS)
def test_a_spool_that_others_could_read_or_change_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "spool"
    (tmp_path / "real").mkdir(mode=0o700)
    match kind:
        case "a file":
            place.write_text("")
        case "open to others":
            place.mkdir(mode=0o755)
        case _:
            place.symlink_to(tmp_path / "real")
    with pytest.raises(AuditNotConfigured, match="KLAVIYO_ACCESS_AUDIT_SPOOL"):
        open_log(tmp_path, Kept())


def test_the_spool_is_named_by_the_environment(tmp_path: Path) -> None:
    place = tmp_path / "named"
    AuditLog("app-api", Kept(), environ={"KLAVIYO_ACCESS_AUDIT_SPOOL": str(place)}).close()
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_service_has_the_name_that_the_access_model_gives_it(tmp_path: Path) -> None:
    with pytest.raises(AuditNotConfigured, match="small letters"):
        AuditLog("../etc", Kept(), spool=tmp_path)


def test_nothing_of_a_closed_log_is_kept_alive(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    audit = open_log(tmp_path, Kept())
    audit.record(entry())
    assert audit.close(30)
    del audit
    gc.collect()
    assert set(threading.enumerate()) <= before
