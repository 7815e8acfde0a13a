"""Audit entries of a service: who did what with Klaviyo, in a chain in which every change shows.

::

    with AuditLog("app-api", StandardOutput()) as audit:
        audit.record(AuditEntry(user_id="ada", role="marketer", action="send-campaigns", ...))

Importing this package imports the standard library alone; `CloudWatchLogs`, which needs botocore, is imported when it
is asked for. Entries go to the sinks that are named here and never to Klaviyo.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from klaviyo_access.audit.asker import asked_by
from klaviyo_access.audit.entry import AuditEntry
from klaviyo_access.audit.log import AuditLog, AuditStatus
from klaviyo_access.audit.pseudonyms import PseudonymKey, Pseudonyms
from klaviyo_access.audit.sinks import AppendedFile, Sink, StandardOutput
from klaviyo_access.audit.suspicion import Suspicion, Suspicions

if TYPE_CHECKING:
    from klaviyo_access.audit.cloudwatch_logs import CloudWatchLogs

__all__ = [
    "AppendedFile",
    "AuditEntry",
    "AuditLog",
    "AuditStatus",
    "CloudWatchLogs",
    "PseudonymKey",
    "Pseudonyms",
    "Sink",
    "StandardOutput",
    "Suspicion",
    "Suspicions",
    "asked_by",
]


def __getattr__(name: str) -> Any:
    if name != "CloudWatchLogs":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.cloudwatch_logs").CloudWatchLogs
