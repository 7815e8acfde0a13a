"""A store: its key at once, every 401 answered by one fetch, in threads and tasks; stale, closed, forgotten, hidden."""

import asyncio
import copy
import gc
import inspect
import logging
import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from subprocess import run
from typing import Any

import pytest

from klaviyo_access.errors import KeyStoreNotConfigured, KeyStoreUnavailable
from klaviyo_access.keys import KeyStore
from klaviyo_access.keys.store import StoreSettings
from tests.keys.fakes import KEYS, PATIENCE, Source, Time


def test_the_key_is_there_when_the_store_is() -> None:
    with KeyStore("viewer", source=Source()) as store:
        assert store.key == KEYS[0]
        assert (store.snapshot.scopes, store.snapshot.fingerprint) == (("lists:read",), KEYS[0].fingerprint)


def test_a_store_without_a_key_is_no_store_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with pytest.raises(KeyStoreUnavailable):
        KeyStore("viewer", source=Source(down=True))
    with pytest.raises(KeyStoreNotConfigured, match="KLAVIYO_ACCESS_ROLE"):
        KeyStore(source=Source(), environ={})
    assert set(threading.enumerate()) <= before


def test_a_store_may_be_given_its_role_by_the_environment() -> None:
    with KeyStore(source=Source(), environ={"KLAVIYO_ACCESS_ROLE": "viewer"}) as store:
        assert store.key == KEYS[0]


@pytest.mark.parametrize("seconds", [{"refresh_every": 0.0}, {"refresh_every": -1.0}, {"stale_after": 0.0}])
def test_a_store_that_would_ask_without_a_pause_or_be_stale_at_once_is_refused(seconds: dict[str, float]) -> None:
    source = Source()
    with pytest.raises(ValueError, match="above 0"):
        KeyStore("viewer", source=source, **seconds)  # type: ignore[arg-type] # a table of seconds alone
    assert source.fetches == 0


def test_a_read_is_the_snapshots_own_key_without_a_lock_or_a_fetch() -> None:
    source = Source()
    with KeyStore("viewer", source=source) as store:
        store._keeper._wake = None  # type: ignore[assignment] # a lock would be an error now
        assert all(store.key is store.snapshot.key for _ in range(1000))
        assert source.fetches == 1
        store._keeper._start()


def in_threads(store: KeyStore, count: int) -> None:
    threads = [threading.Thread(target=store.refresh, kwargs={"rejected": KEYS[0]}) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def in_tasks(store: KeyStore, count: int) -> None:
    async def together() -> None:
        await asyncio.gather(*(store.arefresh(rejected=KEYS[0]) for _ in range(count)))

    asyncio.run(together())


def in_both(store: KeyStore, count: int) -> None:
    tasks = threading.Thread(target=in_tasks, args=(store, count))
    tasks.start()
    in_threads(store, count)
    tasks.join(PATIENCE)


@pytest.mark.parametrize("together", [in_threads, in_tasks, in_both])
@pytest.mark.parametrize("after", [KEYS[1], KEYS[0]], ids=["a new key", "the same key still"])
def test_however_many_see_a_401_the_key_is_fetched_once(together: Callable[[KeyStore, int], None], after: Any) -> None:
    source = Source()
    with KeyStore("viewer", source=source) as store:
        source.key = after
        together(store, 64)
        assert (store.key, source.fetches, source.most_at_once) == (after, 2, 1)


def test_readers_and_the_event_loop_go_on_while_a_refresh_hangs() -> None:
    source = Source()

    async def serve(store: KeyStore) -> int:
        source.gate.clear()
        source.key = KEYS[1]
        waiting = asyncio.create_task(store.arefresh(rejected=KEYS[0]))
        turns = 0
        while source.fetches < 2 or turns < 100:
            assert store.key == KEYS[0]
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
        source.gate.set()
        await waiting
        assert store.key == KEYS[1]
        return turns

    with KeyStore("viewer", source=source) as store:
        assert asyncio.run(serve(store)) >= 100


def test_a_task_that_gives_up_leaves_the_refresh_to_the_others() -> None:
    source = Source()

    async def give_up(store: KeyStore) -> None:
        source.gate.clear()
        source.key = KEYS[1]
        impatient, patient = (asyncio.create_task(store.arefresh(rejected=KEYS[0])) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        source.gate.set()
        await patient

    with KeyStore("viewer", source=source) as store:
        asyncio.run(give_up(store))
        assert (store.key, source.fetches) == (KEYS[1], 2)


def test_when_aws_is_down_each_who_asked_gets_an_error_of_his_own_and_the_key_is_kept() -> None:
    source = Source()
    with KeyStore("viewer", source=source) as store:
        source.down = True
        errors = []
        for _ in range(2):
            with pytest.raises(KeyStoreUnavailable, match="AWS is down") as raised:
                store.refresh(rejected=KEYS[0])
            errors.append(raised.value)
        assert errors[0] is not errors[1]
        assert (store.key, source.fetches) == (KEYS[0], 2)


@pytest.mark.parametrize("awaits", [False, True])
def test_a_source_that_hangs_is_waited_for_no_longer_than_the_limit(
    awaits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klaviyo_access.keys.store.REFRESH_LIMIT", 0.01)
    source = Source()
    with KeyStore("viewer", source=source) as store:
        source.gate.clear()
        with pytest.raises(KeyStoreUnavailable, match="hangs"):
            asyncio.run(store.arefresh()) if awaits else store.refresh()
        source.gate.set()


def test_a_key_is_served_up_to_the_stated_age_then_an_error_says_why() -> None:
    source, time = Source(), Time()
    with KeyStore("viewer", source=source, clock=time, stale_after=3_600.0) as store:
        source.down = True
        with pytest.raises(KeyStoreUnavailable):
            store.refresh()
        time.now += 3_599.9
        assert store.key == KEYS[0]
        time.now += 0.1
        with pytest.raises(KeyStoreUnavailable, match=r"at most 3600 s .* is 3600 s old: AWS is down") as raised:
            _ = store.key
        assert isinstance(raised.value.__cause__, KeyStoreUnavailable)
        assert store.snapshot.key == KEYS[0]
        source.down = False
        store.refresh()
        assert store.key == KEYS[0]


def test_a_closed_store_that_grew_stale_says_that_it_was_closed() -> None:
    time = Time()
    with KeyStore("viewer", source=Source(), clock=time, stale_after=3_600.0) as store:
        pass
    time.now += 3_600.0
    with pytest.raises(KeyStoreUnavailable, match="is 3600 s old: the store was closed: open a new one"):
        _ = store.key
    assert store.status == (3_600.0, True, None)


def test_the_read_of_a_stale_key_starts_the_refresh_that_is_overdue() -> None:
    source, time = Source(), Time()
    with KeyStore("viewer", source=source, clock=time, stale_after=3_600.0) as store:
        time.now += 86_400.0  # as after a machine's sleep
        with pytest.raises(KeyStoreUnavailable, match="no refresh has run"):
            _ = store.key
        source.has_started(2)


def test_a_store_refreshes_by_itself() -> None:
    source = Source()
    with KeyStore("viewer", source=source, refresh_every=0.001) as store:
        source.key = KEYS[1]
        source.has_started(source.fetches + 2)
        assert store.key == KEYS[1]


def test_a_store_opens_without_holding_up_the_event_loop() -> None:
    source = Source()
    source.gate.clear()

    async def open_it() -> int:
        opening = asyncio.create_task(KeyStore.open("viewer", source=source))
        turns = 0
        while source.fetches < 1 or turns < 100:
            await asyncio.sleep(0)
            turns += 1
        assert not opening.done()
        source.gate.set()
        async with await opening as store:
            assert store.key == KEYS[0]
        return turns

    assert asyncio.run(open_it()) >= 100


def test_a_store_whose_opening_was_given_up_ends_its_thread() -> None:
    source = Source()
    source.gate.clear()

    async def give_up() -> None:
        opening = asyncio.create_task(KeyStore.open("viewer", source=source))
        await asyncio.to_thread(source.has_started, 1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        source.gate.set()

    before = set(threading.enumerate())
    asyncio.run(give_up())  # waits for the loop's own threads
    gc.collect()
    left = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("klaviyo-key")]
    for thread in left:
        thread.join(PATIENCE)
    assert [thread.name for thread in left if thread.is_alive()] == []


def test_open_takes_every_setting_of_the_class() -> None:
    settings = set(inspect.signature(KeyStore.__init__).parameters) - {"self", "role"}
    assert set(StoreSettings.__annotations__) == settings


def test_a_closed_store_serves_its_key_and_fetches_no_more() -> None:
    async def use() -> KeyStore:
        async with KeyStore("viewer", source=source) as store:
            assert store.key == KEYS[0]
        return store

    source = Source()
    store = asyncio.run(use())
    assert not store._keeper._thread.is_alive()
    assert store.key == KEYS[0]
    with pytest.raises(KeyStoreUnavailable, match="was closed"):
        store.refresh(rejected=KEYS[0])
    store.close()
    assert source.fetches == 1


def test_close_does_not_wait_for_a_fetch_that_hangs() -> None:
    source = Source()
    store = KeyStore("viewer", source=source)
    source.gate.clear()
    asked = store._keeper.ask(None)
    source.has_started(2)
    store.close()
    assert not asked.done()
    source.gate.set()
    assert asked.result(PATIENCE) is None
    store._keeper._thread.join(PATIENCE)
    assert not store._keeper._thread.is_alive()


def test_a_store_that_is_forgotten_ends_its_thread() -> None:
    store = KeyStore("viewer", source=Source())
    thread = store._keeper._thread
    del store
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_process_ends_with_an_open_store_and_warns_of_nothing(aws: Any) -> None:
    program = (
        "from klaviyo_access.keys import KeyStore\n"
        "KeyStore('viewer', secret_id='x', region='eu-west-1').close()\n"
        "forgotten = KeyStore('viewer', secret_id='x', region='eu-west-1')\n"
        "del forgotten\n"
        "store = KeyStore('viewer', secret_id='x', region='eu-west-1', refresh_every=0.001)\n"
        "store.refresh()\n"
        "print(store.key)\n"
    )
    done = run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("pk_…")


def fail(*_: object) -> float:
    return 1 / 0


def test_nothing_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    with KeyStore("viewer", source=source) as store:
        with pytest.raises(ZeroDivisionError) as raised:
            fail(store._keeper.held, store.key, store.snapshot)
        trace = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
        with caplog.at_level(logging.DEBUG):
            logging.getLogger(__name__).debug("%s %r %s %s", store.key, store, store.snapshot, vars(store))
            store.refresh(rejected=KEYS[0])
        shown = f"{store!r} {store} {vars(store)} {vars(store._keeper)} {store.snapshot!r} {store.key:>40}"
        assert KEYS[0].reveal() not in f"{shown} {trace} {caplog.text}"
        assert repr(store) == f"KeyStore(role='viewer', key={KEYS[0]!r})"
        for one in (store, store.snapshot, store.key):
            with pytest.raises(TypeError, match="never pickled"):
                pickle.dumps(one)
        with pytest.raises(TypeError, match="never pickled"):
            copy.deepcopy(store.snapshot)
