"""What the rotator says of itself: one line of JSON for each action, without a value and without a RotationToken."""

import json
import logging
import sys
from dataclasses import dataclass
from typing import Final

from klaviyo_access.keys.labels import Rejected

LOGGER: Final = "klaviyo_access.rotation"


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


def log_report(report: Report, *, role: str, action: str, token: str) -> None:
    """Write the line of an action that ended well."""
    _write(
        logging.INFO,
        role=role,
        action=action,
        version=token,
        outcome=report.outcome,
        fingerprint=report.fingerprint,
        rejected=[str(label) for label in report.rejected],
        unproved=list(report.unproved),
    )


def log_failure(error: Exception, *, role: str, action: str) -> None:
    """Write the line of an action that failed; ``error`` is one of the rotator's own, whose texts show nothing."""
    _write(logging.ERROR, role=role, action=action, outcome="failed", error=type(error).__name__, message=str(error))


def _write(level: int, **fields: object) -> None:
    logger = logging.getLogger(LOGGER)
    if not logger.handlers:  # the runtime's root handler would put text before the JSON
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    logger.log(level, json.dumps({"level": logging.getLevelName(level), **fields}))
