"""Rotation after rotation under load, each old key disabled at once: no caller sees an answer other than 2xx."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest

from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.keys.store import KeyStore
from klaviyo_access.klaviyo import KlaviyoAuth, session_for_role
from tests.klaviyo.klaviyo_server import Server, clock_that_outruns_limits, klaviyo_server

ROTATIONS = 25


@pytest.fixture(scope="module")
def klaviyo() -> Iterator[Server]:
    with klaviyo_server(clock_that_outruns_limits()) as server:
        yield server


@dataclass
class Secret:
    """A role's secret, and what rotates it."""

    klaviyo: Server
    key: Key = field(init=False)
    fetches: int = 0

    def __post_init__(self) -> None:
        self.key = self.klaviyo.key("lists:read")

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:  # noqa: ARG002 - a source's signature
        self.fetches += 1
        return KeySnapshot(
            role="viewer", key=self.key, scopes=(), endpoint=self.klaviyo.url, version_id="v", fetched_at=0.0
        )

    def rotate(self) -> None:
        old, self.key = self.key, self.klaviyo.key("lists:read")
        self.klaviyo.disable(old)


class Load:
    """How often each worker was answered, and what else befell it."""

    def __init__(self, workers: int) -> None:
        self._answers = [0] * workers
        self._changed = threading.Condition()
        self.stop = False
        self.failures: list[object] = []

    def answered(self, worker: int, status: object) -> None:
        with self._changed:
            self._answers[worker] += 1
            if status != 200:
                self.failures.append(status)
            self._changed.notify_all()

    def wait_for_a_round(self) -> None:
        """Until every worker was answered twice more, and so began a request after this call."""
        with self._changed:
            goal = [count + 2 for count in self._answers]
            done = self._changed.wait_for(
                lambda: all(count >= wanted for count, wanted in zip(self._answers, goal, strict=True)), timeout=60
            )
        assert done, "a worker is stuck"


def rotate_under(load: Load, secret: Secret) -> None:
    try:
        for _ in range(ROTATIONS):
            load.wait_for_a_round()
            secret.rotate()
        load.wait_for_a_round()
    finally:
        load.stop = True


def test_threads_see_no_rotation(klaviyo: Server) -> None:
    secret = Secret(klaviyo)
    store = KeyStore("viewer", source=secret)
    session, auth = session_for_role("viewer", store=store), KlaviyoAuth(store)
    load = Load(workers=8)

    def work(worker: int, client: httpx.Client) -> None:
        while not load.stop:
            try:
                if worker % 2:
                    status = client.get("/api/lists").status_code
                else:
                    status = session.Lists.get_lists_with_http_info().status_code
            except Exception as error:  # noqa: BLE001 - whatever a caller would see is what the test is about
                load.answered(worker, error)
            else:
                load.answered(worker, status)

    with httpx.Client(auth=auth, base_url=auth.base_url) as client, ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work, worker, client) for worker in range(8)]
        rotate_under(load, secret)
    assert [worker.exception() for worker in working] == [None] * 8
    assert load.failures == []
    assert secret.fetches == 1 + ROTATIONS


def test_tasks_see_no_rotation(klaviyo: Server) -> None:
    secret = Secret(klaviyo)
    auth = KlaviyoAuth(KeyStore("viewer", source=secret))
    load = Load(workers=16)

    async def work(worker: int, client: httpx.AsyncClient) -> None:
        while not load.stop:
            try:
                status: object = (await client.get("/api/lists")).status_code
            except Exception as error:  # noqa: BLE001 - whatever a caller would see is what the test is about
                status = error
            load.answered(worker, status)

    async def main() -> None:
        async with httpx.AsyncClient(auth=auth, base_url=auth.base_url, timeout=30) as client:
            tasks = [asyncio.create_task(work(worker, client)) for worker in range(16)]
            await asyncio.to_thread(rotate_under, load, secret)
            await asyncio.gather(*tasks)

    asyncio.run(main())
    assert load.failures == []
    assert secret.fetches == 1 + ROTATIONS
