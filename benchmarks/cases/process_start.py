"""From the start of a process to the key in its hand, over a local endpoint."""

from collections.abc import Mapping
from typing import Final

from benchmarks import peers
from benchmarks.benchmark import Benchmark, Effort, KnownMiss, Measured
from benchmarks.processes import until_output
from benchmarks.secrets_endpoint import SECRET_ID, secrets_endpoint
from benchmarks.timing import in_turn

_PROGRAMS: Final[Mapping[str, str]] = {
    "bare Python": "print('', flush=True)",
    "botocore's signer alone": "import botocore.auth; print('', flush=True)",
    "KeyStore": "from klaviyo_access.keys import KeyStore; print(KeyStore().key, flush=True)",
    "KeyStore, agent": "from klaviyo_access.keys import KeyStore; print(KeyStore(sources=['agent']).key, flush=True)",
    "boto3": (
        "import boto3, json\n"
        f"value = boto3.client('secretsmanager').get_secret_value(SecretId='{SECRET_ID}')['SecretString']\n"
        "print(json.loads(value)['apiKey'][:3], flush=True)"
    ),
    "caching library": (
        "import boto3, json; from aws_secretsmanager_caching import SecretCache\n"
        f"value = SecretCache(client=boto3.client('secretsmanager')).get_secret_string('{SECRET_ID}')\n"
        "print(json.loads(value)['apiKey'][:3], flush=True)"
    ),
    "Powertools": (
        "import json; from aws_lambda_powertools.utilities.parameters import get_secret\n"
        f"print(json.loads(get_secret('{SECRET_ID}'))['apiKey'][:3], flush=True)"
    ),
}


def _against_boto3(name: str, effort: Effort) -> Measured:
    with secrets_endpoint():
        candidates = {known: until_output(program) for known, program in _PROGRAMS.items()}
        times = in_turn(candidates, rounds=effort.rounds)
    return Measured(
        value=times.ratio(name, "boto3"), beside={f"{known} (s)": times.median(known) for known in candidates}
    )


BENCHMARKS: Final = (
    Benchmark(
        id="process-start",
        what="process start to key in hand over AWS's API, as a part of boto3's",
        unit="ratio",
        limit=0.5,
        measure=lambda effort: _against_boto3("KeyStore", effort),
        packages=("boto3", peers.CACHING, peers.POWERTOOLS),
        known_miss=KnownMiss(
            value=0.6,
            why="importing botocore's signer takes as much by itself; a signer of our own would not be botocore's",
        ),
    ),
    Benchmark(
        id="process-start-agent",
        what="process start to key in hand from the agent, as a part of boto3's over AWS's API",
        unit="ratio",
        limit=0.25,
        measure=lambda effort: _against_boto3("KeyStore, agent", effort),
        packages=("boto3", peers.CACHING, peers.POWERTOOLS),
    ),
)
