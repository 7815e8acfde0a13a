"""Real processes: their regular ends, SIGTERM, SIGKILL and forks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from klaviyo_access.audit.verification import StreamReport, verify
from tests.audit.audit_bench import Kept, open_log

START = """
import os, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from klaviyo_access.audit import AppendedFile, AuditEntry, AuditLog, StandardOutput

class Down:
    def write(self, stream, lines):
        raise ConnectionError("down")

place = Path(sys.argv[1])

def open_log(sink=None, **settings):
    sink = sink or AppendedFile(place / "entries.jsonl")
    return AuditLog("app-api", sink, anchors=AppendedFile(place / "anchors.jsonl"), spool=place / "spool", **settings)

def record(audit, count, name="a"):
    for number in range(count):
        audit.record(AuditEntry(timestamp=datetime.now(UTC), user_id="ada", role="admin", action=f"{name}-{number}",
                                resource="r", result="allowed"))

def spooled():
    return sum(len(path.read_text().splitlines()) for path in (place / "spool").rglob("*.jsonl"))

def wait():
    print("ready", flush=True)
    while True:
        time.sleep(3600)
"""


@contextmanager
def process(place: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", START + program, str(place)], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def streams(place: Path) -> tuple[StreamReport, ...]:
    report = verify(lines(place / "entries.jsonl"), lines(place / "anchors.jsonl"))
    assert report.findings == ()
    return report.streams


ENDINGS = [
    ("it runs to its end", "audit = open_log(gather_seconds=60.0); record(audit, 1000)", 0),
    ("it raises", "audit = open_log(gather_seconds=60.0); record(audit, 1000); sys.stderr.close(); 1/0", 1),
    ("it leaves by sys.exit", "audit = open_log(gather_seconds=60.0); record(audit, 1000); sys.exit(3)", 3),
]


@pytest.mark.parametrize(("program", "code"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS])
def test_a_regular_end_loses_nothing(tmp_path: Path, program: str, code: int) -> None:
    with process(tmp_path, program) as running:
        assert running.wait(60) == code
    (stream,) = streams(tmp_path)
    assert (stream.entries, stream.anchored, stream.closed) == (1000, 1000, True)


def test_sigterm_loses_nothing_and_still_kills(tmp_path: Path) -> None:
    with process(tmp_path, "audit = open_log(gather_seconds=60.0); record(audit, 1000); wait()") as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == -signal.SIGTERM
    (stream,) = streams(tmp_path)
    assert (stream.entries, stream.closed) == (1000, True)


def test_sigterm_while_the_sink_is_down_leaves_everything_to_the_next_process(tmp_path: Path) -> None:
    program = "audit = open_log(Down(), gather_seconds=60.0); record(audit, 1000); wait()"
    with process(tmp_path, program) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == -signal.SIGTERM
    with process(tmp_path, "audit = open_log(); record(audit, 1, 'b'); audit.flush(60)") as running:
        assert running.wait(60) == 0
    assert sorted(stream.entries for stream in streams(tmp_path)) == [1, 1000]


HANDLERS = [
    ("set before the log", "signal.signal(signal.SIGTERM, handle); audit = open_log(gather_seconds=60.0)"),
    ("set after the log", "audit = open_log(gather_seconds=60.0); signal.signal(signal.SIGTERM, handle)"),
    ("of asyncio", "audit = open_log(gather_seconds=60.0); import asyncio; asyncio.run(main())"),
]


@pytest.mark.parametrize("setting", [row[1] for row in HANDLERS], ids=[row[0] for row in HANDLERS])
def test_a_handler_of_the_application_is_its_own_and_its_exit_loses_nothing(tmp_path: Path, setting: str) -> None:
    program = f"""
def handle(*_):
    os.write(1, b"handled\\n")  # the signal may come while print is at work, which is not to be entered twice
    sys.exit(7)

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    record(audit, 100)
    print("ready", flush=True)
    await stop.wait()
    handle()

{setting}
record(audit, 100)
wait()
"""
    with process(tmp_path, program) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.stdout.readline() == "handled\n"
        assert running.wait(60) == 7
    (stream,) = streams(tmp_path)
    assert (stream.entries, stream.closed) == (100, True)


def test_sigkill_loses_no_more_than_what_was_gathered_in_memory(tmp_path: Path) -> None:
    program = """
record(open_log(Down(), gather_seconds=0.001), 500, "kept")
while spooled() < 500:
    time.sleep(0.001)
record(open_log(Down(), gather_seconds=3600.0), 40, "gathered")
wait()
"""
    with process(tmp_path, program) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGKILL)
        assert running.wait(60) == -signal.SIGKILL
    sink, anchors = Kept(), Kept()
    with open_log(tmp_path, sink, anchors=anchors) as audit:
        assert audit.flush(30)
    report = verify(sink.lines, anchors.lines)
    (stream,) = report.streams
    assert report.is_whole
    assert (stream.entries, stream.anchored, stream.closed) == (500, 500, False)
    assert [json.loads(line)["entry"]["action"] for line in sink.lines] == [f"kept-{n}" for n in range(500)]


def test_a_killed_process_never_loses_what_it_spooled_while_it_kept_recording(tmp_path: Path) -> None:
    program = """
audit = open_log(Down(), gather_seconds=0.001, capacity=50)
print("ready", flush=True)
number = 0
while True:
    if audit.status.queued < 50:
        record(audit, 1, str(number)); number += 1
"""
    with process(tmp_path, program) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        while sum(1 for _ in (tmp_path / "spool").rglob("*.jsonl")) < 20:
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait(60)
    spooled = sum(len(lines(path)) for path in (tmp_path / "spool").rglob("*.jsonl"))
    sink = Kept()
    with open_log(tmp_path, sink) as audit:
        assert audit.flush(30)
    assert len(sink.lines) == spooled
    assert verify(sink.lines).is_whole


def test_a_forked_child_writes_a_chain_of_its_own_and_nothing_twice(tmp_path: Path) -> None:
    program = """
audit = open_log(gather_seconds=60.0)
record(audit, 100, "parent")
for _ in range(2):
    if os.fork() == 0:
        record(audit, 30, "child")
        sys.exit(0)
for _ in range(2):
    os.wait()
record(audit, 10, "after")
"""
    with process(tmp_path, program) as running:
        assert running.wait(60) == 0
    found = streams(tmp_path)
    assert sorted(stream.entries for stream in found) == [30, 30, 110]
    assert all(stream.closed for stream in found)


def test_a_child_that_is_killed_leaves_its_lines_to_its_siblings(tmp_path: Path) -> None:
    program = """
audit = open_log(Down(), gather_seconds=0.001)
child = os.fork()
if child == 0:
    record(audit, 20, "child")
    while spooled() < 20:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
os.kill(os.getpid(), signal.SIGKILL)
"""
    with process(tmp_path, program) as running:
        assert running.wait(60) == -signal.SIGKILL
    with process(tmp_path, "audit = open_log(); record(audit, 1, 'next'); audit.flush(60)") as running:
        assert running.wait(60) == 0
    assert sorted(stream.entries for stream in streams(tmp_path)) == [1, 20]


def test_a_child_that_lives_on_keeps_nobody_from_its_dead_parents_lines(tmp_path: Path) -> None:
    program = """
record(open_log(Down(), gather_seconds=0.001), 20, "parent")
while spooled() < 20:
    time.sleep(0.001)
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(3600)
time.sleep(3600)
"""
    with process(tmp_path, program) as running:
        assert running.stdout
        child = int(running.stdout.readline())
        running.kill()
        running.wait(60)
        try:
            with process(tmp_path, "audit = open_log(); record(audit, 1, 'next'); audit.flush(60)") as following:
                assert following.wait(60) == 0
        finally:
            os.kill(child, signal.SIGKILL)
    assert sorted(stream.entries for stream in streams(tmp_path)) == [1, 20]


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "set to non-blocking by an event loop"])
def test_processes_that_share_standard_output_do_not_tear_each_others_lines(tmp_path: Path, blocking: bool) -> None:
    program = f"""
os.set_blocking(1, {blocking})
audit = open_log(StandardOutput(), gather_seconds=0.001)
for _ in range(3):
    if os.fork() == 0:
        break
record(audit, 500)
audit.close(60)
"""
    with process(tmp_path, program) as running:
        assert running.stdout
        written = running.stdout.read().splitlines()
        assert running.wait(60) == 0
    report = verify(written, lines(tmp_path / "anchors.jsonl"))
    assert report.is_whole
    assert [stream.entries for stream in report.streams] == [500] * 4


def test_standard_output_that_nobody_reads_keeps_no_process_from_its_end(tmp_path: Path) -> None:
    program = "audit = open_log(StandardOutput(), gather_seconds=0.001); record(audit, 2000); audit.close(0.3)"
    with process(tmp_path, program) as running:
        assert running.wait(60) == 0
        assert running.stdout
        fitted = running.stdout.read().splitlines()
    with process(tmp_path, "audit = open_log(); record(audit, 1, 'next'); audit.flush(60)") as running:
        assert running.wait(60) == 0
    report = verify([*fitted, *lines(tmp_path / "entries.jsonl")], lines(tmp_path / "anchors.jsonl"))
    assert report.is_whole
    assert sorted(stream.entries for stream in report.streams) == [1, 2000]


WINDOWS = """
import os, random, sys  # random asks the real system whether it forks
sys.modules["fcntl"] = None
del os.register_at_fork, os.geteuid
import klaviyo_access.authorization
from klaviyo_access.audit import AuditLog, StandardOutput
from klaviyo_access.errors import AuditNotConfigured
try:
    AuditLog("app-api", StandardOutput())
except AuditNotConfigured as error:
    print(error)
"""


def test_where_there_are_neither_locks_nor_forks_all_is_imported_and_a_log_says_what_it_lacks() -> None:
    done = subprocess.run([sys.executable, "-c", WINDOWS], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "POSIX locks" in done.stdout
