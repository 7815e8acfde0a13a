"""Who read a role's key, and which role had one: out of CloudTrail, which records every call but no value."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.keys.labels import SecretLabels

if TYPE_CHECKING:
    from types_boto3_cloudtrail import CloudTrailClient

MOST_DAYS: Final = 90
"""Days for which LookupEvents looks back; older entries are in the trail's bucket alone."""

_READS: Final = ("GetSecretValue", "BatchGetSecretValue")
_LABELLINGS: Final = ("PutSecretValue", "UpdateSecretVersionStage")
_MOST_EVENTS: Final = 10_000
_SLOWLY: Final = Config(connect_timeout=3, read_timeout=20, retries={"mode": "adaptive", "total_max_attempts": 8})
"""AWS answers two LookupEvents a second in an account."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One principal that read a secret.

    Attributes:
        principal: the ARN of the IAM role or user, without the session's name.
        reads: how often.
        first: the first time.
        last: the last time.
        addresses: from where, sorted.
    """

    principal: str
    reads: int
    first: datetime
    last: datetime
    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Who read, as far as the trail was looked through.

    Attributes:
        readers: whoever read most recently first.
        back_to: the time to which all entries were seen, where there were too many; None where all were.
        unseen: the regions whose trail did not answer, with why.
    """

    readers: tuple[Reader, ...]
    back_to: datetime | None = None
    unseen: Mapping[str, ClientError | BotoCoreError] = field(default_factory=dict)


def readers_of(session: boto3.Session, names: Iterable[str], *, regions: Iterable[str], since: datetime) -> Reading:
    """Who read one of the secrets called ``names`` since a time, refused attempts left out.

    Args:
        session: the operators'.
        names: names of secrets, which their replicas bear too.
        regions: where the secrets are, replicas among them: each region has a record of its own.
        since: at the most 90 days ago.
    """
    secrets = frozenset(names)
    seen: dict[str, list[Mapping[str, Any]]] = {}
    oldest: list[datetime] = []
    unseen: dict[str, ClientError | BotoCoreError] = {}
    for region in regions:
        trail = session.client("cloudtrail", region_name=region, config=_SLOWLY)
        try:
            for event_name in _READS:
                entries = list(islice(_entries(trail, event_name, since), _MOST_EVENTS))
                if len(entries) == _MOST_EVENTS:
                    oldest.append(_time(entries[-1]))
                for entry in entries:
                    if not entry.get("errorCode") and _is_about(entry, secrets):
                        seen.setdefault(_principal(entry), []).append(entry)
        except (ClientError, BotoCoreError) as error:
            unseen[region] = error
    readers = sorted((_reader(*found) for found in seen.items()), key=lambda reader: reader.last, reverse=True)
    return Reading(readers=tuple(readers), back_to=max(oldest, default=None), unseen=unseen)


def secrets_that_had(session: boto3.Session, fingerprint: str, *, since: datetime) -> frozenset[str]:
    """Names of the secrets in the session's region on which a label with this fingerprint was put since a time.

    Args:
        session: the operators'.
        fingerprint: the key's; its labels may be gone.
        since: at the most 90 days ago.
    """
    trail = session.client("cloudtrail", config=_SLOWLY)
    return frozenset(
        secret_name(str(asked.get("secretId")))
        for event_name in _LABELLINGS
        for entry in islice(_entries(trail, event_name, since), _MOST_EVENTS)
        if not entry.get("errorCode") and fingerprint in _labelled(asked := entry.get("requestParameters") or {})
    )


def _labelled(asked: Mapping[str, Any]) -> Set[str]:
    """The fingerprints in the labels that a call put."""
    labels = [asked.get("versionStage"), *(asked.get("versionStages") or [])]
    return SecretLabels.of({"": [str(label) for label in labels]}).known_fingerprints


def secret_name(identifier: str) -> str:
    """A secret's name, out of a name, an ARN, or an ARN without the six characters that AWS adds."""
    name = re.sub(r"^arn:[^:]+:secretsmanager:[^:]+:\d{12}:secret:", "", identifier)
    return re.sub(r"-[A-Za-z0-9]{6}$", "", name) if name != identifier else name


def _entries(trail: "CloudTrailClient", event_name: str, since: datetime) -> Iterator[Mapping[str, Any]]:
    pages = trail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": event_name}], StartTime=since
    )
    return (json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"])


def _is_about(entry: Mapping[str, Any], secrets: Set[str]) -> bool:
    """Whether an entry is about one of the secrets; a batch that filters names none, and may have read any."""
    asked = entry.get("requestParameters") or {}
    if asked.get("filters"):
        return True
    identifiers = [asked.get("secretId"), *(asked.get("secretIdList") or [])]
    return any(secret_name(str(each)) in secrets for each in identifiers if each)


def _principal(entry: Mapping[str, Any]) -> str:
    identity = entry.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    return str(issuer.get("arn") or identity.get("arn") or identity.get("invokedBy") or "unknown")


def _time(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(entry["eventTime"]))


def _reader(principal: str, entries: list[Mapping[str, Any]]) -> Reader:
    times = sorted(map(_time, entries))
    return Reader(
        principal=principal,
        reads=len(entries),
        first=times[0],
        last=times[-1],
        addresses=tuple(sorted({str(entry.get("sourceIPAddress", "unknown")) for entry in entries})),
    )
