"""How it is known that a role's key has its scopes: what Klaviyo itself lists, else what the rotator asks.

Klaviyo's list of keys tells exact scopes, and only the auditor reads it: its log is where operators see what it said. A
key's scopes cannot be edited, so that what was listed of a key once holds for as long as the key lives.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.access_model.environment import Environment
from klaviyo_access.cli.console import note
from klaviyo_access.cli.errors import explain
from klaviyo_access.cli.identity import PATIENCE
from klaviyo_access.klaviyo.probe_table import READ_PROBES, WRITE_PROBES
from klaviyo_access.klaviyo.probes import Evidence

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

LOOKS_BACK: Final = timedelta(days=7)
"""The audit is daily; a key that it has not seen for a week is one that it cannot tell from others."""

_LISTED: Final = "listed key"


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What Klaviyo's list said of one key.

    Attributes:
        fingerprint: the key's.
        scopes: exactly those that it has.
        seen: when the auditor saw it.
    """

    fingerprint: str
    scopes: frozenset[str]
    seen: datetime


@dataclass(frozen=True, kw_only=True)
class ScopeEvidence:
    """What is known of the scopes of a role's key.

    Attributes:
        scopes: each scope of the role, and how it is known.
        listed: when Klaviyo's list last showed the key to the auditor; None where the rotator's questions are all.
    """

    scopes: Mapping[str, Evidence]
    listed: datetime | None = None


def listings(session: boto3.Session, environment: Environment, *, now: datetime) -> dict[str, Listing]:
    """The newest listing of each key in use, by its fingerprint; none, and a note, where the log cannot be read.

    Args:
        session: the operators'.
        environment: whose auditor's log.
        now: the time, in UTC.
    """
    client: CloudWatchLogsClient = session.client("logs", config=PATIENCE)
    since = int((now - LOOKS_BACK).timestamp() * 1000)
    try:
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=environment.auditor_log_group, startTime=since, filterPattern=f'{{ $.action = "{_LISTED}" }}'
        )
        found = list(_read(event for page in pages for event in page["events"]))
    except (ClientError, BotoCoreError) as error:
        note(f"What Klaviyo lists of keys is not known: {explain(error).cause}")
        return {}
    return {listing.fingerprint: listing for listing in sorted(found, key=lambda listing: listing.seen)}


def evidence_of(role: RoleAccess, listing: Listing | None, *, writes: bool) -> ScopeEvidence:
    """How each scope of a role is known.

    Args:
        role: the role.
        listing: of the key in use, where Klaviyo's list showed it.
        writes: whether the stack lets the rotators prove write scopes as well.
    """
    scopes = sorted(role.scopes)
    if listing:
        known = {scope: Evidence.INVENTORY if scope in listing.scopes else Evidence.ABSENT for scope in scopes}
        return ScopeEvidence(scopes=known, listed=listing.seen)
    probed = READ_PROBES.keys() | (WRITE_PROBES.keys() if writes else ())
    return ScopeEvidence(scopes={scope: Evidence.PROBE if scope in probed else Evidence.UNPROVED for scope in scopes})


def _read(events: Iterable[Any]) -> Iterator[Listing]:
    for event in events:
        try:
            line = json.loads(event["message"])
            if line["action"] == _LISTED:
                seen = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield Listing(fingerprint=line["fingerprint"], scopes=frozenset(line["scopes"]), seen=seen)
        except (ValueError, LookupError, TypeError):
            continue  # a line of another form, which says nothing here
