"""Which versions of a webhook's secret Klaviyo may be signing with: pure functions over staging labels.

AWS's own three labels say it while a rotation goes well. A label of ours says it when one does not: ``OFFERED:<time>``
is put on a version before Klaviyo is told its value, and stays. So AWSPENDING may be taken off a rotation that came to
nothing, whatever Klaviyo made of it, and no delivery is refused.

Standard library only, since the rotator's bundle carries this module.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

_AWS: Final = frozenset({"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"})
_OFFERED: Final = re.compile(r"OFFERED:[1-9][0-9]{7}T[0-9]{6}Z")

Stages = Mapping[str, Sequence[str]]
"""``VersionIdsToStages`` of DescribeSecret: version id to its staging labels."""


def offered_label(time: datetime) -> str:
    """The label of a version that Klaviyo is told of at ``time``."""
    return f"OFFERED:{time.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def offered(labels: Sequence[str]) -> str | None:
    """The OFFERED label among a version's labels, the newest of several; its text sorts by time."""
    return max((label for label in labels if _OFFERED.fullmatch(label)), default=None)


def signing_versions(stages: Stages) -> tuple[str, ...]:
    """Ids of the versions that a delivery may be signed with: the current one first, since most are."""
    counted = [version for version, labels in stages.items() if _AWS.intersection(labels) or offered(labels)]
    return tuple(sorted(counted, key=lambda version: ("AWSCURRENT" not in stages[version], version)))


def superseded(stages: Stages) -> tuple[tuple[str, str], ...]:
    """Version ids and OFFERED labels of the versions that were offered before the current one was.

    Klaviyo took the current version's value after theirs, so it signs with none of them any more.
    """
    current = next((offered(labels) for labels in stages.values() if "AWSCURRENT" in labels), None)
    found = ((version, label) for version, labels in stages.items() for label in labels if _OFFERED.fullmatch(label))
    return tuple((version, label) for version, label in found if current and label < current)
