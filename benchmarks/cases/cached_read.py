"""A read of the key that a process already has."""

from typing import Final

from benchmarks import peers
from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.secrets_endpoint import secrets_endpoint
from benchmarks.timing import Times, calls_of, in_turn
from klaviyo_access.keys import KeyStore


def _times(effort: Effort) -> Times:
    with secrets_endpoint(), KeyStore() as store:
        names = {"store": store, "caching": peers.caching_library(), "powertools": peers.powertools()}
        expressions = ("store.key", "caching()", "powertools()")
        return in_turn({one: calls_of(one, names, calls=effort.calls) for one in expressions}, rounds=effort.rounds)


def _against(peer: str, effort: Effort) -> Measured:
    times = _times(effort)
    beside = {"store.key (µs)": times.median("store.key") * 1e6, f"{peer} (µs)": times.median(f"{peer}()") * 1e6}
    return Measured(value=times.ratio("store.key", f"{peer}()"), beside=beside)


BENCHMARKS: Final = (
    Benchmark(
        id="cached-read-by-caching-library",
        what="a cached read of store.key, as a part of the caching library's",
        unit="ratio",
        limit=0.01,
        measure=lambda effort: _against("caching", effort),
        packages=(peers.CACHING,),
    ),
    Benchmark(
        id="cached-read-by-powertools",
        what="a cached read of store.key, as a part of Powertools'",
        unit="ratio",
        limit=0.2,
        measure=lambda effort: _against("powertools", effort),
        packages=(peers.POWERTOOLS,),
    ),
)
