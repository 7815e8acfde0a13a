"""How often AWS is asked when all threads or tasks of a process want the key at once."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from benchmarks import peers
from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.secrets_endpoint import secrets_endpoint
from klaviyo_access.keys import KeyStore

_Opening = Callable[[], AbstractContextManager[Callable[[], object]]]


@contextmanager
def _shared_store() -> Iterator[Callable[[], object]]:
    yield lambda: KeyStore.shared().key
    KeyStore.shared().close()


@contextmanager
def _powertools() -> Iterator[Callable[[], object]]:
    yield peers.powertools()


def _by_threads(opening: _Opening, count: int) -> int:
    barrier = threading.Barrier(count)
    with secrets_endpoint() as endpoint, opening() as read, ThreadPoolExecutor(count) as pool:

        def work() -> None:
            barrier.wait()
            read()

        for done in [pool.submit(work) for _ in range(count)]:
            done.result()
        return endpoint.reads


def _threads(effort: Effort) -> Measured:
    return Measured(
        value=_by_threads(_shared_store, effort.threads),
        beside={"Powertools (calls)": _by_threads(_powertools, effort.threads)},
    )


def _tasks(effort: Effort) -> Measured:
    async def main(read: Callable[[], object]) -> None:
        await asyncio.gather(*(asyncio.to_thread(read) for _ in range(effort.tasks)))

    with secrets_endpoint() as endpoint, _shared_store() as read:
        asyncio.run(main(read))
        return Measured(value=endpoint.reads, beside={"tasks": effort.tasks})


BENCHMARKS: Final = (
    Benchmark(
        id="cold-threads",
        what="calls to AWS when 64 threads start cold",
        unit="calls",
        limit=1,
        measure=_threads,
        packages=(peers.POWERTOOLS,),
    ),
    Benchmark(id="cold-tasks", what="calls to AWS when 1,000 tasks start cold", unit="calls", limit=1, measure=_tasks),
)
