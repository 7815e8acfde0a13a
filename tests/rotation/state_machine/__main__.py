"""``python -m tests.rotation.state_machine [--schedules N] [--seed N]``: play schedules on every CPU, print the seed.

Prints one JSON object, ``seed``, ``schedules`` and ``violations``. Exit 1: there was a violation, and its steps stand
on stderr.
"""

import argparse
import json
import secrets
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from tests.rotation.state_machine.schedules import random_steps, shortest, violation

_APART: Final = 1_000_000
"""Between first seeds, so that two runs play the same schedules or quite other ones."""


def _played(seed: int) -> str | None:
    """What does not hold in the schedule with a seed, and the steps that are enough for it."""
    steps = random_steps(seed)
    if violation(steps, seed=seed) is None:
        return None
    enough = shortest(steps, seed=seed)
    return "\n  ".join([f"schedule {seed}: {violation(enough, seed=seed)}", *map(str, enough)])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.rotation.state_machine", description="Play schedules.")
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000) * _APART, help="of the first schedule")
    chosen = parser.parse_args()
    seeds = range(chosen.seed, chosen.seed + chosen.schedules)
    with ProcessPoolExecutor() as pool:
        found = [told for told in pool.map(_played, seeds, chunksize=50) if told]
    for told in found:
        sys.stderr.write(told + "\n")
    sys.stdout.write(json.dumps({"seed": chosen.seed, "schedules": chosen.schedules, "violations": len(found)}) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
