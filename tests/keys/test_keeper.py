"""A key kept fresh: in the background, one fetch at a time, by a clock that the test moves."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from klaviyo_access.errors import KeyStoreError, KeyStoreUnavailable
from klaviyo_access.keys import Key
from klaviyo_access.keys.keeper import FIRST_RETRY, HOLD_OFF, Keeper
from tests.keys.fakes import KEYS, PATIENCE, Source, Time, snapshot


@contextmanager
def keeping(source: Source, time: Time, *, refresh_every: float | None = None) -> Iterator[Keeper]:
    keeper = Keeper(
        lambda: source, "viewer", clock=time, refresh_every=refresh_every, stale_after=86_400.0, wait=time.wait
    )
    try:
        yield keeper
    finally:
        source.gate.set()
        keeper.stop()
        keeper.join()


def outcome(keeper: Keeper, rejected: Key | None) -> KeyStoreError | None:
    return keeper.ask(rejected).result(PATIENCE)


@pytest.mark.parametrize(
    ("advised", "chosen", "expected"), [(900.0, None, 900.0), (10.0, None, 10.0), (900.0, 60.0, 60.0)]
)
def test_a_key_is_fetched_anew_after_the_time_that_its_source_advises_or_the_store_was_given(
    advised: float, chosen: float | None, expected: float
) -> None:
    source, time = Source(fresh_for=advised), Time()
    with keeping(source, time, refresh_every=chosen) as keeper:
        delay = time.next_delay()
        assert 0.9 * expected <= delay <= 1.1 * expected
        source.key = KEYS[1]
        time.advance(delay - 0.001)
        time.next_delay()
        assert (keeper.held.key, source.fetches) == (KEYS[0], 1)
        time.advance(0.001)
        time.next_delay()
        assert (keeper.held.key, source.fetches) == (KEYS[1], 2)


def test_delays_differ_so_that_a_fleet_does_not_ask_in_step() -> None:
    delays = set()
    for _ in range(5):
        time = Time()
        with keeping(Source(), time):
            delays.add(time.next_delay())
    assert len(delays) > 1


def test_a_clock_that_is_set_back_puts_no_refresh_off() -> None:
    source = Source()
    runs_backwards = itertools.count(1_000_000.0, -1.0).__next__
    keeper = Keeper(lambda: source, "viewer", clock=runs_backwards, refresh_every=0.001, stale_after=86_400.0)
    source.has_started(3)
    keeper.stop()
    keeper.join()


def test_a_failed_refresh_is_repeated_ever_less_often_and_the_key_kept() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        delays = [time.next_delay()]
        source.down = True
        for _ in range(9):
            time.advance(delays[-1])
            delays.append(time.next_delay())
        expected = [900.0, *(min(900.0, FIRST_RETRY * 2**n) for n in range(9))]
        assert all(0.9 * e <= d <= 1.1 * e for d, e in zip(delays, expected, strict=True)), delays
        assert keeper.held.key == KEYS[0]
        source.down, source.key = False, KEYS[1]
        time.advance(delays[-1])
        delay = time.next_delay()
        assert 810.0 <= delay <= 990.0
        assert keeper.held.key == KEYS[1]
        source.down = True
        time.advance(delay)
        assert time.next_delay() <= 1.1 * FIRST_RETRY


def test_failing_refreshes_are_logged_when_they_begin_and_when_they_are_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        delay = time.next_delay()
        for source.down in (True, True, True, False, False):
            time.advance(delay)
            delay = time.next_delay()
            failing = keeper.status.error is not None
            assert failing is source.down
    logged = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert [line[:2] for line in logged] == [("klaviyo_access.keys", "WARNING"), ("klaviyo_access.keys", "INFO")]
    assert "AWS is down" in logged[0][2]
    assert all("'viewer'" in message for *_, message in logged)


def test_a_log_handler_that_fails_ends_no_refreshes(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object) -> bool:
        raise RuntimeError("the log is full")

    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        caplog.handler.addFilter(fail)
        source.down = True
        time.advance(time.next_delay())
        delay = time.next_delay()
        source.down, source.key = False, KEYS[1]
        time.advance(delay)
        time.next_delay()
        caplog.handler.removeFilter(fail)
        assert keeper.held.key == KEYS[1]


def test_the_status_tells_the_age_and_whether_the_key_is_still_served() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        assert keeper.status == (0.0, False, None)
        source.down = True
        time.advance(86_400.0)
        time.next_delay()
        assert keeper.status[:2] == (86_400.0, True)


def test_reads_never_wait_while_a_refresh_hangs() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        source.gate.clear()
        asked = keeper.ask(KEYS[0])
        source.has_started(2)
        assert keeper.held.key == KEYS[0]
        assert not asked.done()


@pytest.mark.parametrize("after", [KEYS[1], KEYS[0]], ids=["a new key", "the same key still"])
def test_however_many_see_a_rejection_the_key_is_fetched_once(after: Key) -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        source.gate.clear()
        source.key = after
        first = [keeper.ask(KEYS[0]) for _ in range(16)]
        source.has_started(2)
        late = [keeper.ask(KEYS[0]) for _ in range(16)]  # while the fetch for the first runs
        source.gate.set()
        assert {one.result(PATIENCE) for one in first + late} == {None}
        assert (keeper.held.key, source.fetches) == (after, 2)


def test_a_fetch_that_began_before_the_rejection_is_not_taken_for_its_answer() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        source.gate.clear()
        time.advance(time.next_delay())
        source.has_started(2)  # the background's own, which still sees the old key
        source.key = KEYS[1]
        asked = keeper.ask(KEYS[0])
        source.gate.set()
        assert asked.result(PATIENCE) is None
        assert (keeper.held.key, source.fetches) == (KEYS[1], 3)


def test_a_background_fetch_that_brings_the_new_key_spares_the_one_asked_for() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        source.gate.clear()
        source.key = KEYS[1]
        time.advance(time.next_delay())
        source.has_started(2)
        asked = keeper.ask(KEYS[0])
        source.gate.set()
        assert asked.result(PATIENCE) is None
        assert (keeper.held.key, source.fetches) == (KEYS[1], 2)


def test_while_the_secret_holds_the_rejected_key_it_is_asked_for_again_only_after_a_hold_off() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        assert outcome(keeper, KEYS[0]) is None
        source.key = KEYS[1]
        time.advance(HOLD_OFF - 0.001)
        assert outcome(keeper, KEYS[0]) is None
        assert (keeper.held.key, source.fetches) == (KEYS[0], 2)
        time.advance(0.001)
        assert outcome(keeper, KEYS[0]) is None
        assert (keeper.held.key, source.fetches) == (KEYS[1], 3)


def test_when_aws_is_down_whoever_asks_again_within_the_hold_off_gets_the_same_answer() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        source.down = True
        errors = [outcome(keeper, KEYS[0]) for _ in range(3)]
        assert [str(error) for error in errors] == ["AWS is down"] * 3
        assert source.fetches == 2
        source.down, source.key = False, KEYS[1]
        time.advance(HOLD_OFF)
        assert outcome(keeper, KEYS[0]) is None
        assert (keeper.held.key, source.fetches) == (KEYS[1], 3)


def test_a_refresh_on_demand_knows_no_hold_off() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        for _ in range(3):
            assert outcome(keeper, None) is None
        assert source.fetches == 4


def test_a_refresh_on_demand_is_not_spared_by_a_new_key_as_that_for_a_rejected_one_is() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        source.gate.clear()
        source.key = KEYS[1]
        time.advance(time.next_delay())
        source.has_started(2)
        asked = [keeper.ask(KEYS[0]), keeper.ask(None), keeper.ask(KEYS[0])]
        source.gate.set()
        assert [one.result(PATIENCE) for one in asked] == [None] * 3
        assert source.fetches == 3


def test_a_source_is_told_which_key_was_rejected_until_another_was_held() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        outcome(keeper, KEYS[0])
        outcome(keeper, None)
        source.key = KEYS[1]
        outcome(keeper, None)
        outcome(keeper, None)
        assert source.rejected == [None, KEYS[0], KEYS[0], KEYS[0], None]


TEXT: Any = "a text"


@pytest.mark.parametrize(
    "answer", [None, TEXT, snapshot(KEYS[1])._replace(key=TEXT), snapshot(KEYS[1])._replace(fresh_for=TEXT)]
)
def test_the_thread_outlives_an_answer_that_is_no_snapshot(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        with monkeypatch.context() as broken:
            broken.setattr(source, "fetch", lambda **_: answer)
            error = outcome(keeper, None)
        assert isinstance(error, KeyStoreUnavailable)
        assert keeper.held.key == KEYS[0]
        source.key = KEYS[1]
        assert outcome(keeper, None) is None
        assert keeper.held.key == KEYS[1]


def test_the_thread_outlives_whatever_a_source_raises() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        source.gate = None  # type: ignore[assignment] # so that the source fails by an error of its own
        error = outcome(keeper, None)
        assert isinstance(error, KeyStoreUnavailable)
        assert "AttributeError" in str(error)
        assert isinstance(error.__cause__, AttributeError)
        source.gate = threading.Event()
        source.gate.set()
        assert outcome(keeper, None) is None


def test_a_closed_keeper_answers_whoever_asks() -> None:
    source, time = Source(), Time()
    with keeping(source, time) as keeper:
        source.gate.clear()
        running = keeper.ask(None)
        source.has_started(2)
        waiting = keeper.ask(None)
        keeper.stop()
        late = keeper.ask(None)
        source.gate.set()
        assert running.result(PATIENCE) is None
        assert {type(one.result(PATIENCE)) for one in (waiting, late)} == {KeyStoreUnavailable}


class KeeperMachine(RuleBasedStateMachine):
    """Rotations, outages, rejections and time in any order: the keeper never asks too often nor misses a new key."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.time = Source(), Time()
        self.keeper = Keeper(
            lambda: self.source, "viewer", clock=self.time, refresh_every=900.0, stale_after=86_400.0,
            wait=self.time.wait,
        )  # fmt: skip
        self.settled()

    def settled(self) -> float:
        """Wait until the thread waits, and nothing it waited for before is left to read."""
        delay = self.time.next_delay()
        while not self.time.delays.empty():
            delay = self.time.next_delay()
        return delay

    @rule(key=st.sampled_from(KEYS))
    def rotate(self, key: Key) -> None:
        self.source.key = key

    @rule(down=st.booleans())
    def outage(self, down: bool) -> None:
        self.source.down = down

    @rule(seconds=st.floats(0.1, 2_000.0))
    def pass_time(self, seconds: float) -> None:
        before = self.source.fetches
        self.time.advance(seconds)
        self.settled()
        assert self.source.fetches - before <= 1
        if seconds >= 990.0:
            assert self.source.fetches == before + 1

    @rule(key=st.sampled_from(KEYS), threads=st.integers(1, 4))
    def reject(self, key: Key, threads: int) -> None:
        before, held = self.source.fetches, self.keeper.held.key
        outcomes = [one.result(PATIENCE) for one in [self.keeper.ask(key) for _ in range(threads)]]
        assert self.source.fetches - before <= (1 if key == held else 0)
        assert len({str(one) for one in outcomes}) == 1
        if self.source.fetches > before and not self.source.down:
            assert self.keeper.held.key == self.source.key
        if self.source.fetches > before:
            self.settled()

    @invariant()
    def one_fetch_at_a_time(self) -> None:
        assert self.source.most_at_once == 1

    def teardown(self) -> None:
        self.keeper.stop()
        self.keeper.join()


KeeperMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestKeeperMachine = KeeperMachine.TestCase
