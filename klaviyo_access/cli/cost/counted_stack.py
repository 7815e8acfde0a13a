"""A rendered stack as its bill counts it: how many of each resource, how often secrets rotate, how long logs stay."""

import re
from collections.abc import Sequence
from typing import Final

from klaviyo_access.cli.rendering import Resource

FUNCTION: Final = "aws:lambda/function:Function"
SECRET: Final = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type's name
_ROTATION: Final = "aws:secretsmanager/secretRotation:SecretRotation"

DAYS: Final = 30.4
"""Days of a month."""

_CRON_DAY = re.compile(r"cron\(\d+ \d+ \* \* \? \*\)")
_CRON_MONTHS = re.compile(r"cron\(\S+ \S+ \S+ (?:\*|1/(?P<every>\d+)) \S+ \S+\)")
_RATE = re.compile(r"rate\((?P<count>\d+) (?P<unit>hour|day)s?\)")


def times_a_month(schedule: str) -> float:
    """How often a schedule expression of Secrets Manager or EventBridge Scheduler comes true in a month.

    Raises:
        ValueError: it is none of the forms that the program writes.
    """
    if _CRON_DAY.fullmatch(schedule):
        return DAYS
    if match := _CRON_MONTHS.fullmatch(schedule):
        return 1 / int(match["every"] or 1)
    if match := _RATE.fullmatch(schedule):
        return DAYS * (24 if match["unit"] == "hour" else 1) / int(match["count"])
    raise ValueError(f"no schedule of the program: {schedule!r}")


class CountedStack:
    """What the stack itself has; what is another's and only read, such as the account's own trail, is another's bill.

    Args:
        resources: all that the program declares.
    """

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = [resource for resource in resources if not resource.external]

    def of(self, kind: str) -> list[Resource]:
        """The resources of a type."""
        return [resource for resource in self._resources if resource.type == kind]

    def count(self, kind: str) -> int:
        """How many there are of a type."""
        return len(self.of(kind))

    @property
    def rotations(self) -> float:
        """Rotations of all secrets in a month."""
        return sum(map(_times_rotated, self.of(_ROTATION)))

    @property
    def keys_by_hand(self) -> float:
        """Keys that a person makes in a month: one for each rotation of a role's key; a webhook's needs none."""
        of_roles = (
            one for one in self.of(_ROTATION) if any(urn.endswith("/key") for urn in one.refers_to.get("secretId", ()))
        )
        return sum(map(_times_rotated, of_roles))

    @property
    def scheduled(self) -> float:
        """Calls of EventBridge Scheduler in a month."""
        return sum(
            times_a_month(one.inputs["scheduleExpression"]) for one in self.of("aws:scheduler/schedule:Schedule")
        )

    @property
    def canaries(self) -> int:
        """Roles whose key is tried after each rotation, and in each audit."""
        targets = self.of("aws:cloudwatch/eventTarget:EventTarget")
        return sum("canary" in str(one.inputs.get("input") or "") for one in targets)

    def functions(self, kind: str) -> list[Resource]:
        """The Lambdas of a kind: ``rotator``, ``auditor``, ``redeployer``."""
        part = f".{kind}."
        return [one for one in self.of(FUNCTION) if part in str(one.inputs.get("handler", ""))]

    @property
    def shared(self) -> int:
        """Secrets that services read beside their keys: those of webhooks, and of an OAuth app with its tokens."""
        names = [str(one.inputs.get("name", "")) for one in self.of(SECRET)]
        return sum(not name.endswith(("/key", "/reserve")) for name in names if name)

    @property
    def has_trail(self) -> bool:
        """Whether the stack has a trail of its own."""
        return self.count("aws:cloudtrail/trail:Trail") > 0

    def months_kept(self, group: str) -> float:
        """How long a log group, by a part of its name, keeps its lines; a year where it keeps them for good."""
        kept = [
            float(one.inputs.get("retentionInDays") or 0)
            for one in self.of("aws:cloudwatch/logGroup:LogGroup")
            if group in str(one.inputs.get("name", ""))
        ]
        return (max(kept, default=0.0) or 365.0) / DAYS

    @property
    def days_in_bucket(self) -> float:
        """How long the trail's bucket keeps its files; a year where it keeps them for good."""
        rules = [
            rule
            for one in self.of("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
            for rule in one.inputs.get("rules", ())
        ]
        kept = [float((rule.get("expiration") or {}).get("days") or 0) for rule in rules]
        return max(kept, default=0.0) or 365.0


def _times_rotated(rotation: Resource) -> float:
    rules = rotation.inputs["rotationRules"]
    return times_a_month(rules.get("scheduleExpression") or f"rate({rules['automaticallyAfterDays']} days)")
