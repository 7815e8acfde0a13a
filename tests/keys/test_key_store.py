"""A store's key: fetched at startup, anew for a rejected key, once however many ask."""

import itertools
import threading
from dataclasses import dataclass, field

import pytest

from klaviyo_access.keys import Key, KeySnapshot, KeyStore
from klaviyo_access.klaviyo.errors import KeyStoreUnavailable

KEYS = [Key(f"pk_{digit * 34}") for digit in "abc"]


@dataclass
class Source:
    """Hands out ``keys`` one after the other, the last one for good; a fetch after the first waits for ``gate``."""

    keys: list[Key]
    gate: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    fetches: int = 0
    down: bool = False

    def fetch(self) -> KeySnapshot:
        if self.fetches:
            self.started.set()
            self.gate.wait(timeout=30)
        if self.down:
            raise KeyStoreUnavailable("AWS is down")
        key = self.keys[min(self.fetches, len(self.keys) - 1)]
        self.fetches += 1
        return KeySnapshot(
            role="viewer",
            key=key,
            scopes=("lists:read",),
            endpoint="https://a.klaviyo.com",
            version_id=f"v{self.fetches}",
            fetched_at=float(self.fetches),
        )


def test_the_key_is_there_when_the_store_is() -> None:
    store = KeyStore("viewer", source=Source(KEYS))
    assert store.key == KEYS[0]
    assert (store.snapshot.version_id, store.snapshot.fingerprint) == ("v1", KEYS[0].fingerprint)


def test_a_store_without_a_key_is_no_store() -> None:
    with pytest.raises(KeyStoreUnavailable):
        KeyStore("viewer", source=Source(KEYS, down=True))


def test_only_the_key_in_hand_is_fetched_anew() -> None:
    source = Source(KEYS)
    source.gate.set()
    store = KeyStore("viewer", source=source)
    store.refresh(rejected=KEYS[0])
    store.refresh(rejected=KEYS[0])
    assert (store.key, source.fetches) == (KEYS[1], 2)
    store.refresh(rejected=KEYS[1])
    assert (store.key, source.fetches) == (KEYS[2], 3)


@pytest.mark.parametrize("after", [KEYS[1], KEYS[0]], ids=["a new key", "the same key still"])
def test_however_many_threads_see_a_rejection_the_key_is_fetched_once(after: Key) -> None:
    source = Source([KEYS[0], after])
    store = KeyStore("viewer", source=source)
    waiting = itertools.count(1)
    all_waiting = threading.Event()

    class Watched:
        """A lock that tells when every thread has come to it."""

        def __init__(self) -> None:
            self._lock = threading.Lock()

        def __enter__(self) -> None:
            if next(waiting) == 16:
                all_waiting.set()
            self._lock.acquire()

        def __exit__(self, *_: object) -> None:
            self._lock.release()

    store._fetching = Watched()  # type: ignore[assignment] # counts who waits
    threads = [threading.Thread(target=store.refresh, kwargs={"rejected": KEYS[0]}) for _ in range(16)]
    for thread in threads:
        thread.start()
    assert all_waiting.wait(timeout=30)
    assert store.key == KEYS[0]  # a reader never waits for a fetch
    source.gate.set()
    for thread in threads:
        thread.join()
    assert (store.key, source.fetches) == (after, 2)


def test_when_aws_is_down_the_error_is_raised_and_the_key_kept() -> None:
    source = Source(KEYS)
    source.gate.set()
    store = KeyStore("viewer", source=source)
    source.down = True
    with pytest.raises(KeyStoreUnavailable):
        store.refresh(rejected=KEYS[0])
    assert store.key == KEYS[0]
    source.down = False
    store.refresh(rejected=KEYS[0])
    assert store.key == KEYS[1]


def test_a_store_shows_role_and_fingerprint_and_no_key() -> None:
    store = KeyStore("viewer", source=Source(KEYS))
    shown = f"{store!r} {store} {vars(store)} {store.snapshot!r}"
    assert KEYS[0].reveal() not in shown
    assert repr(store) == f"KeyStore(role='viewer', key={KEYS[0]!r})"
