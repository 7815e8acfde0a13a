"""What labels, dates and Klaviyo's list say of roles, as pure functions: each finding is a kind and a message."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from klaviyo_access.keys.labels import ROLLED_BACK, AwsLabel, Rejected
from rotation.auditor.findings import Kind, Said
from rotation.auditor.inventory import Entry
from rotation.auditor.settings import AuditedRole
from rotation.auditor.sight import SeenRole
from rotation.canary_findings import rolled_back, scopes_missing
from rotation.commands import command

LEAST_SPARES: Final = 2
"""One to promote, and one for the day on which that one turns out to be bad."""

_REPLICATES_WITHIN: Final = timedelta(hours=1)

PATIENCE: Final = timedelta(days=1)
"""For which a rotation may be late: AWS retries, and the window is some hours."""


def of_labels(seen: SeenRole, *, born: datetime | None, longest_age: timedelta, now: datetime) -> Iterator[Said]:
    """What a role's labels and dates say.

    Args:
        seen: the role.
        born: when its current key was put.
        longest_age: what the rotation's schedule allows.
        now: the time.
    """
    yield from _of_key(seen, age=now - born if born else None, longest_age=longest_age)
    yield from _of_reserve(seen)
    yield from _of_replicas(seen, now)
    yield from _of_rotation(seen, now)


def _of_key(seen: SeenRole, *, age: timedelta | None, longest_age: timedelta) -> Iterator[Said]:
    role, current = seen.role.name, seen.key.current
    if current is None:
        yield Said(Kind.NO_KEY, f"{role} has no key yet: stage one and rotate, {command(f'keys stage {role}')}.")
    elif current.verdict:
        yield Said(
            Kind.CONDEMNED_LIVE,
            f"Services of {role} use a key on which a verdict was passed ({current.verdict}). Rotate {role}; stage a "
            "spare first if there is none.",
            current.fingerprint,
            needs_rotation=True,
        )
    elif age and age > longest_age:
        yield Said(
            Kind.TOO_OLD,
            f"The key of {role} is {age.days} days old, {longest_age.days} are allowed: see why it does not "
            f"rotate, {command(f'keys status --role {role}')}.",
            needs_rotation=True,
        )


def _of_reserve(seen: SeenRole) -> Iterator[Said]:
    role, spares = seen.role.name, len(seen.reserve.spares)
    if spares < LEAST_SPARES:
        yield Said(
            Kind.FEW_SPARES,
            f"{role} has {spares} of {LEAST_SPARES} spares: create keys in Klaviyo's dashboard and stage them, "
            f"{command(f'keys stage {role}')}.",
        )
    for _, taken in seen.reserve.writes_taken[:1]:
        yield Said(
            Kind.WRITE_TAKEN,
            f"Klaviyo took a malformed write of {role}'s rotator at {taken.time.isoformat()}: the line WriteProbeError "
            "of its log says which; look in the account for what it made. No write probe is sent until writeProbes was "
            "set to false and deployed.",
        )


def _of_replicas(seen: SeenRole, now: datetime) -> Iterator[Said]:
    if seen.behind and not _is_replicating(seen, now):
        states = ", ".join(f"{region}: {status}" for region, status in sorted(seen.behind.items()))
        yield Said(
            Kind.REPLICA_BEHIND,
            f"The secret of {seen.role.name} is not in sync in every region ({states}): services there may read an "
            "older key. Until it is, no superseded key of the role is disabled, unless it leaked. "
            f"{command('doctor')} tells AWS's reason; mend it, and deploy the stack.",
        )


def _of_rotation(seen: SeenRole, now: datetime) -> Iterator[Said]:
    role = seen.role.name
    if not seen.rotates:
        yield Said(Kind.ROTATION_OFF, f"Rotation of {role} is switched off: deploy the stack, which switches it on.")
    elif seen.due and now - seen.due > PATIENCE:
        yield Said(
            Kind.OVERDUE,
            f"{role} should have rotated by {seen.due.isoformat()}: see its rotator's log.",
            needs_rotation=True,
        )


def _is_replicating(seen: SeenRole, now: datetime) -> bool:
    """Whether replicas are only on their way: each change of a secret takes a moment to reach its regions."""
    fresh = seen.changed is not None and now - seen.changed < _REPLICATES_WITHIN
    return fresh and set(seen.behind.values()) == {"InProgress"}


def of_roll_back(seen: SeenRole, *, since: datetime) -> Iterator[Said]:
    """A canary's roll-back since then: its verdict stands on the previous key. An operator knows of his own."""
    previous = seen.key.previous
    verdict = previous.verdict if previous else None
    if isinstance(verdict, Rejected) and verdict.time >= since and verdict.reason != ROLLED_BACK:
        yield rolled_back(seen.role.name, verdict.reason, verdict.fingerprint)


def is_wedged(seen: SeenRole) -> bool:
    """Whether AWSPENDING holds up the next rotation, or one is under way."""
    pending = seen.key.pending
    return pending is not None and not pending.has(AwsLabel.CURRENT)


def shared(every: Iterable[SeenRole]) -> dict[str, Sequence[str]]:
    """Each fingerprint that labels of several roles name, with those roles."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for seen in every:
        for fingerprint in seen.key.known_fingerprints | seen.reserve.known_fingerprints:
            places[fingerprint].append(seen.role.name)
    return {fingerprint: roles for fingerprint, roles in places.items() if len(roles) > 1}


def of_inventory(role: AuditedRole, entry: Entry, fingerprint: str) -> Iterator[Said]:
    """What Klaviyo's list says of a role's current key, which works."""
    if missing := sorted(role.scopes - entry.scopes):
        yield scopes_missing(role.name, missing, fingerprint)
    if excess := sorted(entry.scopes - role.scopes):
        yield Said(
            Kind.SCOPES_EXCESS,
            f"Scope drift: the key of {role.name} may do more than its role: {', '.join(excess)}. Where the role is to "
            "have them, deploy access.yaml; else stage keys with the role's scopes, and rotate.",
            fingerprint,
        )
