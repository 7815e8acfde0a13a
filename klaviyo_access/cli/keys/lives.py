"""Where each of a role's keys stands in its life, and what it waits for, read off labels and dates alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.cli.keys.advice import advice, alarms
from klaviyo_access.cli.keys.evidence import ScopeEvidence
from klaviyo_access.cli.keys.reasons import MISSING, meaning
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.cli.times import in_utc, span
from klaviyo_access.keys.labels import Disabling, Leaked, Rejected, Retired, SecretLabels, Version
from klaviyo_access.klaviyo.probes import Evidence

_Kind = TypeVar("_Kind", Retired, Disabling, Leaked, Rejected)
_UNTIL_DEAD: Final = "the daily audit, which disables it and sees it dead"
_BY_HAND: Final = (
    "you to disable it in Klaviyo's dashboard, since the audit finds a key there by its role's scopes; "
    "then the daily audit, which sees it dead"
)


@dataclass(frozen=True, kw_only=True)
class KeyInLife:
    """One key, by its fingerprint, in one stage of its life.

    Attributes:
        fingerprint: None where the version has no label that names its key.
        since: when the stage began; of a current, pending or previous key, when it was put; None where nothing says so.
        reason: why it was rejected, as its label has it; empty otherwise.
        meaning: the same in words.
        waits_for: what must come before it goes on to the next stage; empty where nothing does.
        until: when its grace ends; None where it waits for no time.
        services: for whom it is kept until then.
    """

    fingerprint: str | None
    since: datetime | None = None
    reason: str = ""
    meaning: str = ""
    waits_for: str = ""
    until: datetime | None = None
    services: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RoleStatus:
    """What the labels of a role's two secrets say; times are UTC.

    Attributes:
        role: the role's name.
        scopes: how many scopes its key has in this environment.
        evidence: each of them, and how it is known that the key in use has it; or, where Klaviyo's list did not show
            it, how the rotator knows it of a key before services read that. None where no key is in use.
        listed: when Klaviyo's list last showed the key in use to the auditor.
        current: the key that services read.
        spares: staged and waiting, oldest first.
        pending: the key of a rotation under way, or left behind by one.
        previous: the key before the current one.
        retired: superseded, their grace runs.
        disabling: being disabled at Klaviyo.
        rejected: refused, leaked ones among them; never promoted again.
        last_rotation: when AWS last finished a rotation.
        next_rotation: when AWS starts the next by itself.
        advice: what to do next; empty where there is nothing to do.
        alarms: what is wrong and waits for a person, a sentence each; empty where all is well.
        behind: the regions whose replica is not in sync, with AWS's word for it.
    """

    role: str
    scopes: int
    evidence: Mapping[str, Evidence]
    listed: datetime | None
    current: KeyInLife | None
    spares: tuple[KeyInLife, ...]
    pending: KeyInLife | None
    previous: KeyInLife | None
    retired: tuple[KeyInLife, ...]
    disabling: tuple[KeyInLife, ...]
    rejected: tuple[KeyInLife, ...]
    last_rotation: datetime | None
    next_rotation: datetime | None
    advice: str
    alarms: tuple[str, ...]
    behind: Mapping[str, str] = field(default_factory=dict)

    @property
    def unproved(self) -> tuple[str, ...]:
        """The scopes that nothing proves."""
        return self._known_by(Evidence.UNPROVED)

    @property
    def absent(self) -> tuple[str, ...]:
        """The scopes that the key in use has not."""
        return self._known_by(Evidence.ABSENT)

    def _known_by(self, kind: Evidence) -> tuple[str, ...]:
        return tuple(scope for scope, evidence in self.evidence.items() if evidence is kind)


def status_of(
    role: RoleAccess,
    secrets: RoleSecrets,
    *,
    readers: Mapping[str, str],
    put: Mapping[str, datetime],
    evidence: ScopeEvidence,
    now: datetime,
) -> RoleStatus:
    """Read a role's status off its secrets.

    Args:
        role: what its key is for.
        secrets: its secrets' labels.
        readers: the services for which a superseded key of it is kept, and how each reads.
        put: when each version of its key secret was put, by the version's id.
        evidence: what is known of its key's scopes.
        now: the time, in UTC.
    """
    key, reserve = secrets.key.labels, secrets.reserve.labels
    pending = None if key.pending is key.current else _held(key.pending, put)
    return RoleStatus(
        role=role.name,
        scopes=len(role.scopes),
        evidence=evidence.scopes if key.current else {},
        listed=evidence.listed,
        current=_held(key.current, put),
        spares=tuple(KeyInLife(fingerprint=spare.fingerprint, since=spare.time) for _, spare in reserve.spares),
        pending=pending,
        previous=_held(key.previous, put),
        retired=tuple(_retired(label, role, readers, now) for label in _labelled(key, Retired)),
        disabling=tuple(_disabling(label) for label in (*_labelled(key, Disabling), *_labelled(reserve, Disabling))),
        rejected=(
            *(_leaked(label, secrets) for label in _labelled(key, Leaked)),
            *(_rejected(label, secrets) for label in (*_labelled(key, Rejected), *_labelled(reserve, Rejected))),
        ),
        last_rotation=secrets.key.last_rotated,
        next_rotation=secrets.key.next_rotation,
        advice=advice(secrets),
        alarms=alarms(secrets, began=pending.since if pending else None, now=now),
        behind=secrets.key.behind,
    )


def _held(version: Version | None, put: Mapping[str, datetime]) -> KeyInLife | None:
    return KeyInLife(fingerprint=version.fingerprint, since=put.get(version.id)) if version else None


def _labelled(labels: SecretLabels, kind: type[_Kind]) -> list[_Kind]:
    return [label for version in labels for label in version.labels if isinstance(label, kind)]


def _retired(label: Retired, role: RoleAccess, readers: Mapping[str, str], now: datetime) -> KeyInLife:
    until = label.time + role.grace
    if now >= until:
        return KeyInLife(
            fingerprint=label.fingerprint, since=label.time, waits_for="the daily audit, which disables it"
        )
    named = ", ".join(f"{name} ({reads})" for name, reads in readers.items()) or "nobody"
    return KeyInLife(
        fingerprint=label.fingerprint,
        since=label.time,
        waits_for=f"{in_utc(until)}, the end of its grace of {span(role.grace)}, for {named}",
        until=until,
        services=tuple(readers),
    )


def _disabling(label: Disabling) -> KeyInLife:
    return KeyInLife(
        fingerprint=label.fingerprint,
        waits_for="Klaviyo to refuse it: the audit disables it, or you do in the dashboard",
    )


def _leaked(label: Leaked, secrets: RoleSecrets) -> KeyInLife:
    return KeyInLife(
        fingerprint=label.fingerprint,
        reason="leaked",
        meaning=meaning("leaked"),
        waits_for=_end_of(label, secrets),
    )


def _rejected(label: Rejected, secrets: RoleSecrets) -> KeyInLife:
    return KeyInLife(
        fingerprint=label.fingerprint,
        since=label.time,
        reason=label.reason,
        meaning=meaning(label.reason),
        waits_for=_end_of(label, secrets),
    )


def _end_of(verdict: Leaked | Rejected, secrets: RoleSecrets) -> str:
    """What a key with a verdict waits for; while services use it, nobody disables it."""
    lacks_scopes = isinstance(verdict, Rejected) and verdict.reason.startswith(MISSING)
    until_dead = _BY_HAND if lacks_scopes else _UNTIL_DEAD
    if verdict.fingerprint not in secrets.key.labels.live_fingerprints:
        return until_dead
    staged = "" if secrets.reserve.labels.spares else "a spare to be staged, then "
    return f"{staged}a rotation, since services use it; then {until_dead}"
