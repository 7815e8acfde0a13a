"""What callers see of rotation after rotation under load, each old key disabled at once."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx

from benchmarks import peers
from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.klaviyo_endpoint import HEADERS, PATH, KlaviyoEndpoint, klaviyo_endpoint
from benchmarks.secrets_endpoint import SecretsEndpoint, secrets_endpoint
from klaviyo_access.keys import KeyStore
from klaviyo_access.klaviyo import KlaviyoAuth

_WORKERS: Final = 8
_LONGEST_ROUND: Final = 60.0


class _Load:
    """Workers that call all the time, and how each was answered."""

    def __init__(self) -> None:
        self._answers = [0] * _WORKERS
        self._changed = threading.Condition()
        self.is_over = False
        self.failures = 0

    @property
    def requests(self) -> int:
        return sum(self._answers)

    def answered(self, worker: int, *, well: bool) -> None:
        with self._changed:
            self._answers[worker] += 1
            self.failures += not well
            self._changed.notify_all()

    def wait_for_a_round(self) -> None:
        """Until every worker has begun and ended a request."""
        with self._changed:
            goal = [count + 2 for count in self._answers]
            self._changed.wait_for(
                lambda: all(count >= wanted for count, wanted in zip(self._answers, goal, strict=True)),
                timeout=_LONGEST_ROUND,
            )


class _Rotation:
    """A role's key at Klaviyo and in its secret, replaced as often as is asked."""

    def __init__(self, klaviyo: KlaviyoEndpoint, secrets: SecretsEndpoint) -> None:
        self._klaviyo = klaviyo
        self._secrets = secrets
        self._current, value = klaviyo.new_key()
        secrets.klaviyo_url = klaviyo.url
        secrets.rotate(value)

    def repeat(self, times: int, load: _Load) -> None:
        """Rotate under a load, which ends when this does."""
        try:
            for _ in range(times):
                load.wait_for_a_round()
                old = self._current
                self._current, value = self._klaviyo.new_key()
                self._secrets.rotate(value)
                self._klaviyo.disable(old)
            load.wait_for_a_round()
        finally:
            load.is_over = True


def _by_threads(get: Callable[[], httpx.Response], rotation: _Rotation, times: int) -> _Load:
    load = _Load()

    def work(worker: int) -> None:
        while not load.is_over:
            try:
                load.answered(worker, well=get().is_success)
            except Exception:  # noqa: BLE001 - whatever a caller sees in place of an answer is a failure
                load.answered(worker, well=False)

    with ThreadPoolExecutor(_WORKERS) as pool:
        working = [pool.submit(work, worker) for worker in range(_WORKERS)]
        rotation.repeat(times, load)
    for one in working:
        one.result()
    return load


def _by_tasks(auth: KlaviyoAuth, rotation: _Rotation, times: int) -> _Load:
    load = _Load()

    async def work(worker: int, client: httpx.AsyncClient) -> None:
        while not load.is_over:
            try:
                load.answered(worker, well=(await client.get(PATH)).is_success)
            except Exception:  # noqa: BLE001 - as above
                load.answered(worker, well=False)

    async def main() -> None:
        async with httpx.AsyncClient(auth=auth, base_url=auth.base_url, timeout=30) as client:
            working = [asyncio.create_task(work(worker, client)) for worker in range(_WORKERS)]
            await asyncio.to_thread(rotation.repeat, times, load)
            await asyncio.gather(*working)

    asyncio.run(main())
    return load


def _threads(effort: Effort) -> Measured:
    with klaviyo_endpoint() as klaviyo, secrets_endpoint() as secrets:
        rotation = _Rotation(klaviyo, secrets)
        with KeyStore() as store:
            auth = KlaviyoAuth(store)
            with httpx.Client(auth=auth, base_url=klaviyo.url, timeout=30) as client:
                ours = _by_threads(lambda: client.get(PATH), rotation, effort.rotations)
        read = peers.caching_library()
        with httpx.Client(base_url=klaviyo.url, headers=HEADERS, timeout=30) as client:
            theirs = _by_threads(
                lambda: client.get(PATH, headers={"Authorization": f"Klaviyo-API-Key {peers.key_in(read())}"}),
                rotation,
                effort.rotations,
            )
    return Measured(
        value=ours.failures,
        beside={
            "requests": ours.requests,
            "caching library, refused": theirs.failures,
            "caching library, requests": theirs.requests,
        },
    )


def _tasks(effort: Effort) -> Measured:
    with klaviyo_endpoint() as klaviyo, secrets_endpoint() as secrets:
        rotation = _Rotation(klaviyo, secrets)
        with KeyStore() as store:
            load = _by_tasks(KlaviyoAuth(store), rotation, effort.rotations)
    return Measured(value=load.failures, beside={"requests": load.requests})


BENCHMARKS: Final = (
    Benchmark(
        id="rotations-threads",
        what="answers other than 2xx that threads see over 100 rotations, each old key disabled at once",
        unit="answers",
        limit=0,
        measure=_threads,
        packages=(peers.CACHING,),
    ),
    Benchmark(
        id="rotations-tasks",
        what="answers other than 2xx that tasks see over 100 rotations, each old key disabled at once",
        unit="answers",
        limit=0,
        measure=_tasks,
    ),
)
