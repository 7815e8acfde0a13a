"""What the auditor finds: one line of JSON for each finding, and the metrics on which alarms look."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from rotation.runtime.log import write

NAMESPACE: Final = "KlaviyoAccess"


class Kind(StrEnum):
    """What can be found."""

    UNSEEN = "unseen"
    """The labels of a role could not be read; nothing is disabled anywhere until they can."""
    NO_KEY = "no-key"
    TOO_OLD = "too-old"
    FEW_SPARES = "few-spares"
    ROTATION_OFF = "rotation-off"
    OVERDUE = "overdue"
    FAILED = "failed"
    WEDGED = "wedged"
    ROLLED_BACK = "rolled-back"
    REFUSED = "refused"
    """Klaviyo refuses the current key, and there is nothing to fall back on."""
    UNMANAGED = "unmanaged"
    """Services read a value of which nobody knows which key it is."""
    ALL_REFUSED = "all-refused"
    """Klaviyo accepts no key that was tried, so that a 401 does not mean its key."""
    SILENT = "silent"
    """Klaviyo gave no definite answer."""
    ROTATOR_FAILED = "rotator-failed"
    SHARED_KEY = "shared-key"
    CONDEMNED_LIVE = "condemned-live"
    """A verdict was passed on the key that services use."""
    REPLICA_BEHIND = "replica-behind"
    """A region's replica has not got the key that is in use, so that services there read an older one."""
    NO_INVENTORY = "no-inventory"
    SCOPES_MISSING = "scopes-missing"
    SCOPES_EXCESS = "scopes-excess"
    LIVE_DISABLED = "live-disabled"
    """The inventory shows the key that services use as disabled."""
    BY_HAND = "by-hand"
    """A person must disable a key in the dashboard."""
    STILL_ALIVE = "still-alive"
    """A key was disabled, and Klaviyo accepts it still."""
    HIT_LIVE = "hit-live"
    """The auditor disabled a key that turned out to be live, and enabled it again."""
    WRONG_KEY = "wrong-key"
    """The auditor disabled a key that turned out to be another one, and enabled it again."""
    REVIVED = "revived"
    """Klaviyo lists a key as active that was ended."""
    UNREADABLE = "unreadable"
    """A version holds no key, so that nobody can tell whether anything is alive."""
    WRITE_TAKEN = "write-taken"
    """Klaviyo took a malformed write."""
    UNFINISHED = "unfinished"
    UNATTENDED = "unattended"
    """Roles had no turn in two audits."""


URGENT: Final = frozenset(
    {
        Kind.ROLLED_BACK,
        Kind.REFUSED,
        Kind.UNMANAGED,
        Kind.ALL_REFUSED,
        Kind.SHARED_KEY,
        Kind.CONDEMNED_LIVE,
        Kind.REPLICA_BEHIND,
        Kind.LIVE_DISABLED,
        Kind.HIT_LIVE,
        Kind.WRONG_KEY,
        Kind.REVIVED,
        Kind.UNATTENDED,
    }
)
"""What cannot wait until tomorrow: a request fails, or a key is where it must not be."""


class Said(NamedTuple):
    """What is to be said of one role.

    Attributes:
        kind: what it is.
        message: what was found, and what to do.
        fingerprint: of the key that it is about.
        needs_rotation: whether a rotation helps.
    """

    kind: Kind
    message: str
    fingerprint: str | None = None
    needs_rotation: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that somebody should know.

    Attributes:
        kind: what it is.
        role: the role that it is about; empty where it is about all.
        message: what was found, and what to do.
        fingerprint: of the key that it is about.
    """

    kind: Kind
    role: str
    message: str
    fingerprint: str | None = None

    @property
    def is_urgent(self) -> bool:
        """Whether it cannot wait."""
        return self.kind in URGENT

    @property
    def subject(self) -> tuple[Kind, str]:
        """What it says, and of what: a key, or a role."""
        return self.kind, self.fingerprint or self.role

    def fields(self) -> dict[str, object]:
        """Plain values, and those alone that say something."""
        shown = {
            "finding": self.kind.value,
            "urgent": self.is_urgent,
            "role": self.role,
            "fingerprint": self.fingerprint,
            "message": self.message,
        }
        return {name: value for name, value in shown.items() if value not in (None, "")}


@dataclass
class Record:
    """What one audit found and did."""

    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def find(self, kind: Kind, role: str, message: str, fingerprint: str | None = None) -> None:
        """Note a finding, and write its line; what was found of a key, or else of a role, already is not told twice."""
        finding = Finding(kind=kind, role=role, message=message, fingerprint=fingerprint)
        if any(one.subject == finding.subject for one in self.findings):
            return
        self.findings.append(finding)
        write("WARNING", **finding.fields())

    def metrics(self, environment: str, at: datetime, *, is_whole: bool) -> dict[str, object]:
        """The line of metrics, in CloudWatch's embedded metric format; an audit of some roles alone is not counted."""
        values = {
            **({"Audits": 1} if is_whole else {}),
            "Findings": sum(not finding.is_urgent for finding in self.findings),
            "UrgentFindings": sum(finding.is_urgent for finding in self.findings),
            "KeysDisabled": self.counts["disabled"],
            "KeysProvedDead": self.counts["dead"],
        }
        return metrics_line(environment, at, values)

    def answer(self) -> dict[str, object]:
        """What whoever asked for the audit is given."""
        return {
            "action": "audit",
            "outcome": "findings" if self.findings else "fine",
            "findings": [finding.fields() for finding in self.findings],
            "disabled": self.counts["disabled"],
            "dead": self.counts["dead"],
            "waiting": self.counts["waiting"],
        }


def tell_listed(role: str, fingerprint: str, scopes: Iterable[str]) -> None:
    """Write what Klaviyo lists a role's current key to be allowed: operators read it there, as the exact evidence."""
    write("INFO", action="listed key", role=role, fingerprint=fingerprint, scopes=sorted(scopes))


def metrics_line(environment: str, at: datetime, values: Mapping[str, int]) -> dict[str, object]:
    """A line of metrics, in CloudWatch's embedded metric format: an account may have two prefixes."""
    of = {"Prefix": os.environ.get("PREFIX", ""), "Environment": environment}
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(of)], "Metrics": metrics}
    aws = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": aws, **of, **values}
