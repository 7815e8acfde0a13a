"""What is suspicious: the table `suspicious` of access.yaml, applied to each entry as it is written.

An entry that meets a suspicion carries its name, so that an alarm needs nothing but the entry, as in the CloudWatch
metric filter ``{ $.suspicious[0] = "*" }``. Nothing is refused by it.
"""

import json
import os
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from klaviyo_access.errors import AuditNotConfigured
from klaviyo_access.moments import Burst, Hours

SUSPICIOUS: Final = "KLAVIYO_ACCESS_SUSPICIOUS"

_EXPORT: Final = (
    "Write it with 'klaviyo-access audit suspicious --stack <environment> --json', and ship it with the service."
)
_MOST_USERS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """One line of the table; an entry meets it when it meets all that is given.

    Attributes:
        name: what entries are marked with.
        permissions: the entry's action is one of these; any where empty.
        roles: the entry's role is one of these; any where empty.
        result: the entry's result; any where empty.
        burst: it is at least so many such entries of this user in a row.
        outside: it happened outside these hours.
    """

    name: str
    permissions: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    result: str = ""
    burst: Burst | None = None
    outside: Hours | None = None

    @classmethod
    def parse(cls, name: str, declared: Mapping[str, Any]) -> Self:
        """Read what access.yaml declares below ``name``.

        Raises:
            ValueError: a burst or hours that have not their form.
        """
        burst, outside = declared.get("burst"), declared.get("outside")
        return cls(
            name=name,
            permissions=frozenset(declared.get("permissions") or ()),
            roles=frozenset(declared.get("roles") or ()),
            result=declared.get("result") or "",
            burst=Burst.parse(burst) if burst else None,
            outside=Hours.parse(outside) if outside else None,
        )

    def fits(self, document: Mapping[str, Any]) -> bool:
        """Whether the entry, as plain values, meets it, its burst aside."""
        return (
            (not self.permissions or document["action"] in self.permissions)
            and (not self.roles or document["role"] in self.roles)
            and (not self.result or document["result"] == self.result)
            and (self.outside is None or not self.outside.include(datetime.fromisoformat(document["timestamp"])))
        )


class Suspicions:
    """The table, with what it has to remember of each user; used by one thread.

    A burst is counted in one process: a user whose requests are spread over several is noticed that much later.

    Args:
        table: the suspicions.
    """

    def __init__(self, table: Iterable[Suspicion]) -> None:
        self.table = tuple(table)
        self._seen: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    @classmethod
    def declared(cls, section: Mapping[str, Mapping[str, Any]]) -> Self:
        """The table as access.yaml's section ``suspicious`` has it, by name, in plain values.

        Raises:
            ValueError: a burst or hours that have not their form.
        """
        return cls(Suspicion.parse(name, declared) for name, declared in section.items())

    @classmethod
    def load(cls, path: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Self:
        """The table as the deployment ships it: what ``klaviyo-access audit suspicious --json`` prints.

        Args:
            path: the JSON file; without it ``KLAVIYO_ACCESS_SUSPICIOUS``.
            environ: the environment variables.

        Raises:
            AuditNotConfigured: no file is named, it cannot be read, or it has another form.
        """
        named = path or environ.get(SUSPICIOUS)
        if not named:
            raise AuditNotConfigured(f"What is suspicious stands in a file, and {SUSPICIOUS} names none. {_EXPORT}")
        try:
            return cls.declared(json.loads(Path(named).read_text("utf-8"))["suspicious"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise AuditNotConfigured(f"{named} is no table of what is suspicious: {error}. {_EXPORT}") from error

    def fresh(self) -> "Suspicions":
        """The same table, with nothing remembered: for another process."""
        return Suspicions(self.table)

    def met_by(self, document: Mapping[str, Any]) -> list[str]:
        """The names of the suspicions that the entry meets, given as plain values, in the table's order."""
        return [one.name for one in self.table if one.fits(document) and self._is_burst(one, document)]

    def _is_burst(self, suspicion: Suspicion, document: Mapping[str, Any]) -> bool:
        burst = suspicion.burst
        if burst is None:
            return True
        who = (suspicion.name, document["user_id"] or document["ip_address"])
        times = self._seen.setdefault(who, deque(maxlen=burst.times))
        times.append(datetime.fromisoformat(document["timestamp"]).timestamp())
        self._seen.move_to_end(who)
        if len(self._seen) > _MOST_USERS:
            self._seen.popitem(last=False)
        return len(times) == burst.times and times[-1] - times[0] <= burst.seconds
