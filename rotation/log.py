"""What the rotator writes: one line of JSON for each action, without a value and without a RotationToken."""

import json
import sys

from rotation.report import Report


def log_report(report: Report, *, action: str, version: str | None, **subject: str) -> None:
    """Write the line of an action that ended well; ``subject`` is what it is about, as in ``role``."""
    named = {"version": version} if version else {}
    _write("INFO", **subject, action=action, **named, **report.logged())


def log_failure(error: Exception, *, action: str, **subject: str) -> None:
    """Write the line of an action that failed; ``error`` is one of the rotator's own, whose texts show nothing."""
    _write("ERROR", **subject, action=action, outcome="failed", error=type(error).__name__, message=str(error))


def _write(level: str, **fields: object) -> None:
    # Lambda keeps each line of stdout as it is, whereas its root logger would put text before the JSON.
    sys.stdout.write(json.dumps({"level": level, **fields}) + "\n")
    sys.stdout.flush()
