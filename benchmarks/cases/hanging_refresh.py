"""Reads of the key while its refresh hangs."""

import threading
from time import perf_counter
from typing import Final

from benchmarks import peers
from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.secrets_endpoint import SecretsEndpoint, secrets_endpoint
from klaviyo_access.keys import KeyStore

WAITED: Final = 0.1
"""Seconds; a read that takes longer has waited for something, and not for its turn on a busy machine alone."""


def _while_hanging(endpoint: SecretsEndpoint, seconds: float) -> threading.Timer:
    """Let requests hang from now on, for so long after the first of them."""
    endpoint.open.clear()
    over = threading.Timer(seconds, endpoint.open.set)

    def begin() -> None:
        endpoint.waiting.wait()
        over.start()

    threading.Thread(target=begin).start()
    return over


def _reads_during_a_hang(store: KeyStore, endpoint: SecretsEndpoint, seconds: float) -> tuple[int, int, float]:
    """How many reads there were, how many of them waited, and what the longest took in seconds."""
    over = _while_hanging(endpoint, seconds)
    reads = waited = 0
    longest = 0.0
    while not endpoint.open.is_set():
        started = perf_counter()
        _ = store.key
        taken = perf_counter() - started
        reads, waited, longest = reads + 1, waited + (taken > WAITED), max(longest, taken)
    over.join()
    return reads, waited, longest


def _stall(seconds: float) -> float:
    """What the caching library's next read takes that looks for a new version, in seconds."""
    with secrets_endpoint() as endpoint:
        read = peers.caching_library(refresh_every=0)
        read()
        over = _while_hanging(endpoint, seconds)
        started = perf_counter()
        read()
        stalled = perf_counter() - started
        over.join()
    return stalled


def _measure(effort: Effort) -> Measured:
    with secrets_endpoint() as endpoint, KeyStore(refresh_every=0.1) as store:
        reads, waited, longest = _reads_during_a_hang(store, endpoint, effort.hang)
    return Measured(
        value=waited,
        beside={
            "reads": reads,
            "KeyStore, longest (ms)": longest * 1e3,
            "caching library, a read that refreshes (s)": _stall(effort.hang),
        },
    )


BENCHMARKS: Final = (
    Benchmark(
        id="hanging-refresh",
        what=f"reads of store.key that take more than {WAITED} s while a refresh hangs for 5 s",
        unit="reads",
        limit=0,
        measure=_measure,
        packages=(peers.CACHING,),
    ),
)
