"""The verification of a webhook's signature."""

import hmac
from hashlib import sha256
from typing import Final

from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.timing import calls_of, in_turn
from klaviyo_access.webhooks.secret import SigningSecret
from klaviyo_access.webhooks.verifier import SIGNATURE_HEADER, TIMESTAMP_HEADER, Verifier

_SECRET: Final = "s" * 32
_TIMESTAMP: Final = "2026-11-22 12:00:00.123456+00:00"
_BODY: Final = b'{"data": "' + b"x" * 10_000 + b'"}'


def _measure(effort: Effort) -> Measured:
    secret = SigningSecret(_SECRET)
    signature = secret.sign(_BODY, _TIMESTAMP)
    names = {
        "verifier": Verifier([secret]),
        "body": _BODY,
        "headers": {SIGNATURE_HEADER: signature, TIMESTAMP_HEADER: _TIMESTAMP},
        "hmac": hmac,
        "key": _SECRET.encode(),
        "message": _BODY + _TIMESTAMP.encode(),
        "sha256": sha256,
        "signature": signature,
    }
    candidates = {
        "Verifier.verify": "verifier.verify(body, headers)",
        "hmac": "hmac.compare_digest(hmac.new(key, message, sha256).hexdigest(), signature)",
    }
    times = in_turn(
        {name: calls_of(code, names, calls=effort.calls) for name, code in candidates.items()}, rounds=effort.rounds
    )
    return Measured(
        value=times.ratio("Verifier.verify", "hmac"),
        beside={f"{name} (µs)": times.median(name) * 1e6 for name in candidates},
    )


BENCHMARKS: Final = (
    Benchmark(
        id="webhook-verification",
        what="verification of a webhook of 10 KB, as a multiple of bare hmac",
        unit="ratio",
        limit=1.2,
        measure=_measure,
    ),
)
