"""What the functions write: one line of JSON for each thing that happened, without a value and without a
RotationToken."""

import json
import sys


def write(level: str, **fields: object) -> None:
    """Write one line of JSON."""
    write_line({"level": level, **fields})


def write_line(line: dict[str, object]) -> None:
    """Write one line of JSON as it is: Lambda's root logger would put text before it."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def log_failure(error: Exception, *, action: str, **subject: str) -> None:
    """Write the line of an action that failed; ``error`` is one of our own, whose texts show nothing.

    Args:
        error: why it failed.
        action: what failed.
        subject: what it was about, as in ``role``.
    """
    write("ERROR", **subject, action=action, outcome="failed", error=type(error).__name__, message=str(error))
