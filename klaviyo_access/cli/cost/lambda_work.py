"""What a stack's Lambdas do in a month: how often each kind runs, how long, and what it asks of Secrets Manager."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from klaviyo_access.cli.cost.counted_stack import FUNCTION, CountedStack
from klaviyo_access.cli.rendering import Resource

STEPS: Final = 4
"""Calls of a rotator in a rotation: createSecret, setSecret, testSecret, finishSecret."""
STEP_SECONDS: Final = 5
"""How long such a call takes, and a canary; the one that proves a key against Klaviyo takes longest."""
STEP_CALLS: Final = 5
"""Calls to Secrets Manager in such a step, and in a canary."""
AUDIT_CALLS: Final = 8
"""Calls to Secrets Manager that an audit makes for each role itself: what it looks at, twice where something is due."""
ROTATOR_BYTES: Final = 2_000
"""What a rotator logs in one call, with Lambda's own lines."""
AUDIT_BYTES: Final = 1_000
"""What an audit logs of each role."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One kind of runs in a month.

    Attributes:
        what: they are, with how many.
        runs: of Lambdas.
        seconds: that each takes.
        calls: to Secrets Manager in each.
        logged: bytes that each writes to its log.
        by: the Lambdas.
    """

    what: str
    runs: float
    seconds: float
    calls: int
    logged: int
    by: Sequence[Resource]

    @property
    def gigabyte_seconds(self) -> float:
        """What Lambda charges the time by."""
        memory = max((float(one.inputs.get("memorySize") or 128) for one in self.by), default=0.0)
        return self.runs * self.seconds * memory / 1024


def works(stack: CountedStack) -> list[Work]:
    """What the stack's Lambdas do in a month, each kind of runs that it has Lambdas for."""
    rotators, auditors = stack.functions("rotator"), stack.functions("auditor")
    redeployers, roles = stack.functions("redeployer"), stack.canaries
    audits = stack.scheduled if auditors else 0.0
    tried = (stack.rotations if roles else 0.0) + audits * roles
    found = [
        Work(
            what=f"{stack.rotations:.2g} rotations x {STEPS} steps by {len(rotators)} rotators, {STEP_SECONDS} s each",
            runs=stack.rotations * STEPS,
            seconds=STEP_SECONDS,
            calls=STEP_CALLS,
            logged=ROTATOR_BYTES,
            by=rotators,
        ),
        Work(
            what=f"{tried:.0f} canaries, after rotations and in audits, {STEP_SECONDS} s each",
            runs=tried,
            seconds=STEP_SECONDS,
            calls=STEP_CALLS,
            logged=ROTATOR_BYTES,
            by=rotators,
        ),
        Work(
            what=f"{audits:.0f} audits, at most {_timeout(auditors):.0f} s each",
            runs=audits,
            seconds=_timeout(auditors),
            calls=AUDIT_CALLS * roles,
            logged=ROTATOR_BYTES + AUDIT_BYTES * roles,
            by=auditors,
        ),
        Work(
            what=f"at most {stack.rotations:.2g} redeployments, at most {_timeout(redeployers):.0f} s each",
            runs=stack.rotations,
            seconds=_timeout(redeployers),
            calls=STEP_CALLS,
            logged=ROTATOR_BYTES,
            by=redeployers,
        ),
    ]
    return [work for work in found if work.by and work.runs]


def machine(stack: CountedStack) -> str:
    """The architecture of the stack's Lambdas, which all have one."""
    return next((str((one.inputs.get("architectures") or ["x86_64"])[0]) for one in stack.of(FUNCTION)), "x86_64")


def _timeout(functions: Sequence[Resource]) -> float:
    return max((float(one.inputs.get("timeout") or 3) for one in functions), default=0.0)
