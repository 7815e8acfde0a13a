"""What the rotator says of itself: one line of JSON for each action, without a value and without a RotationToken."""

import json
import sys
from dataclasses import dataclass

from klaviyo_access.keys.labels import Rejected


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an action did, as its log line says it.

    Attributes:
        outcome: in a word or two.
        fingerprint: of the key that it is about.
        rejected: verdicts passed on spares on the way.
        unproved: scopes that the key should have and for which there is no proof.
    """

    outcome: str
    fingerprint: str | None = None
    rejected: tuple[Rejected, ...] = ()
    unproved: tuple[str, ...] = ()


def log_report(report: Report, *, action: str, token: str, **subject: str) -> None:
    """Write the line of an action that ended well; ``subject`` is what the rotator is for, as in ``role``."""
    _write(
        "INFO",
        **subject,
        action=action,
        version=token,
        outcome=report.outcome,
        fingerprint=report.fingerprint,
        rejected=[str(label) for label in report.rejected],
        unproved=list(report.unproved),
    )


def log_failure(error: Exception, *, action: str, **subject: str) -> None:
    """Write the line of an action that failed; ``error`` is one of the rotator's own, whose texts show nothing."""
    _write("ERROR", **subject, action=action, outcome="failed", error=type(error).__name__, message=str(error))


def _write(level: str, **fields: object) -> None:
    # Lambda keeps each line of stdout as it is, whereas its root logger would put text before the JSON.
    sys.stdout.write(json.dumps({"level": level, **fields}) + "\n")
    sys.stdout.flush()
