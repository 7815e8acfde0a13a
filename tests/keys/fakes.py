"""What the tests of stores share: keys, a source that can be held up, and time that stands still until told."""

import queue
import threading
from dataclasses import dataclass, field

from klaviyo_access.errors import KeyStoreUnavailable
from klaviyo_access.keys import Key, KeySnapshot

KEYS = [Key(f"pk_{digit * 34}") for digit in "abcdef"]
PATIENCE = 30
"""Seconds after which a test gives up on another thread."""


@dataclass
class Source:
    """Holds ``key``; a fetch waits while ``gate`` is closed, and fails while it is ``down``."""

    key: Key = KEYS[0]
    fresh_for: float = 900.0
    fetches: int = 0
    at_once: int = 0
    most_at_once: int = 0
    down: bool = False
    rejected: list[Key | None] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    started: queue.Queue[int] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self.gate.set()

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:
        self.fetches += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.rejected.append(rejected)
        key = self.key  # what the secret held when the request was sent
        self.started.put(self.fetches)
        self.gate.wait(PATIENCE)
        self.at_once -= 1
        if self.down:
            raise KeyStoreUnavailable("AWS is down")
        return snapshot(key, fresh_for=self.fresh_for)

    def has_started(self, fetch: int) -> None:
        """Wait until fetch number ``fetch`` runs; the first is 1."""
        while self.started.get(timeout=PATIENCE) != fetch:
            pass


def snapshot(key: Key, *, fresh_for: float = 900.0) -> KeySnapshot:
    return KeySnapshot(
        role="viewer",
        key=key,
        scopes=("lists:read",),
        endpoint="https://a.klaviyo.com",
        version_id=f"version-of-{key.fingerprint}",
        fetched_at=0.0,
        fresh_for=fresh_for,
    )


class Time:
    """A clock, and waiting by it: nothing passes but by ``advance``."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self.delays: queue.Queue[float] = queue.Queue()
        self._condition = threading.Condition()

    def __call__(self) -> float:
        return self.now

    def wait(self, condition: threading.Condition, seconds: float) -> bool:
        """Stands in for ``threading.Condition.wait``."""
        self._condition = condition
        self.delays.put(seconds)
        return condition.wait(PATIENCE)

    def next_delay(self) -> float:
        """Wait until the thread waits again; for how many seconds it then means to."""
        return self.delays.get(timeout=PATIENCE)

    def advance(self, seconds: float) -> None:
        with self._condition:
            self.now += seconds
            self._condition.notify_all()
