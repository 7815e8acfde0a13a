"""What holds after whatever happened: each invariant says what is wrong, in a sentence, or nothing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from klaviyo_access.keys.labels import AwsLabel, Disabling, Leaked, Rejected, Retired, Version
from klaviyo_access.keys.secret import fingerprint
from tests.rotation.rotation_world import SCOPES, key_value
from tests.rotation.state_machine.account import Account, Role, Seen


@dataclass(frozen=True, kw_only=True)
class Change:
    """One role before and after one thing happened.

    Attributes:
        rule: what happened.
        left_out: whether it was an audit of another role alone.
        lagged: whether labels were read that lag behind.
        troubled: whether a fault or another one's act came in between.
        failed: the names of the errors with which rotations failed.
        events: what AWS recorded.
    """

    account: Account
    role: Role
    rule: str
    left_out: bool
    lagged: bool
    troubled: bool
    before: Seen
    after: Seen
    failed: tuple[str, ...]
    events: tuple[str, ...]

    @property
    def came_current(self) -> Version | None:
        """The version that became current."""
        current = self.after.key.current
        was = self.before.key.current
        return current if current and (was is None or was.id != current.id) else None

    def name_of(self, fingerprint: str) -> str:
        """The name of a key."""
        return self.role.names.get(fingerprint, fingerprint)


def no_refused_key_enters(change: Change) -> Iterator[str]:
    """What is promoted was accepted by Klaviyo with all scopes."""
    for entered in change.after.key.held_fingerprints - change.before.key.held_fingerprints:
        if entered not in change.before.accepted | change.after.accepted:
            yield f"{change.name_of(entered)} entered, and Klaviyo does not accept it"


def no_condemned_key_becomes_current(change: Change) -> Iterator[str]:
    """A verdict, a leak or a disabling under way keeps a key from services."""
    came = change.came_current
    if came is None:
        return
    before = change.before.key.version(came.id)
    called_leaked_since = (change.role.name, came.fingerprint) in change.account.leaked_in_use
    if (came.verdict and change.before.key.current and not called_leaked_since) or (before and before.verdict):
        yield f"{came.id} became current with a verdict"
    if before and any(isinstance(label, Disabling) for label in before.ours):
        yield f"{came.id} became current while it was being disabled"


def no_grace_runs_for_what_services_read(change: Change) -> Iterator[str]:
    """What comes back is no longer retired, or the grace of its next end would be over at once."""
    came = change.came_current
    if (
        came
        and not change.lagged
        and change.rule != "move back"
        and any(isinstance(label, Retired) for label in came.ours)
    ):
        yield f"{came.fingerprint} is current and retired"


def no_leaked_key_comes_back(change: Change) -> Iterator[str]:
    """Nothing leaked is pending, or becomes current."""
    for version in (change.came_current, change.after.key.pending):
        leak = (change.role.name, version.fingerprint) if version else None
        if version and leak in change.account.leaked - change.account.leaked_in_use:
            yield f"{version.fingerprint} leaked, and came back"


def no_roll_back_leads_to_a_dead_key(change: Change) -> Iterator[str]:
    """The previous key is asked about before it becomes current again."""
    came, previous = change.came_current, change.before.key.previous
    if came is None or previous is None or came.id != previous.id or change.troubled:
        return
    if not _is_alive(change.account, change.after.key_values[came.id]):
        yield f"{came.fingerprint} is current again, and Klaviyo does not know it"


def what_is_left_by_a_roll_back_is_condemned(change: Change) -> Iterator[str]:
    """Whatever comes then, a key that was rolled back is not promoted again."""
    came, left = change.came_current, change.before.key.current
    previous = change.before.key.previous
    if came and left and previous and came.id == previous.id and change.rule != "move back":
        now = change.after.key.version(left.id)
        if now and now.holds_key and now.verdict is None:
            yield f"{left.id} was rolled back and has no verdict"


def no_verdict_is_dropped(change: Change) -> Iterator[str]:
    """Verdicts go with the proof of death alone."""
    for before in change.before.key:
        after = change.after.key.version(before.id)
        for label in before.ours:
            if isinstance(label, Leaked | Rejected) and (after is None or label not in after.ours):
                value = change.before.key_values.get(before.id, "")
                if _is_alive(change.account, value):
                    yield f"{label} is gone, and the key lives"


def no_verdict_without_a_cause(change: Change) -> Iterator[str]:
    """A key that Klaviyo accepts is condemned by people alone."""
    for before, after, values in (
        (change.before.key, change.after.key, change.after.key_values),
        (change.before.reserve, change.after.reserve, change.after.reserve_values),
    ):
        known = {label for version in before for label in version.ours}
        for version in after:
            for label in version.ours:
                if not isinstance(label, Rejected) or label in known or label.reason in {"rolled-back", "leaked"}:
                    continue
                held = _key_in(values.get(version.id, ""))
                accepted = held in change.before.accepted & change.after.accepted
                if accepted and held == label.fingerprint and change.rule != "forge labels":
                    yield f"{label}: Klaviyo accepted the key all the time"


def no_key_is_lost(change: Change) -> Iterator[str]:
    """Each staged key is in one life, or dead."""
    lives = {
        _key_in(values.get(version.id, ""))
        for labels, values in (
            (change.after.key, change.after.key_values),
            (change.after.reserve, change.after.reserve_values),
        )
        for version in labels
        if version.ours
    }
    own = {name for owner, name in change.account.staged if owner == change.role.name}
    for name in own - change.account.stolen - change.account.refused:
        if fingerprint(key_value(name)) not in lives:
            yield f"{name} is lost"


def no_key_is_held_twice(change: Change) -> Iterator[str]:
    """One version of the key secret holds a key; what is live says so."""
    held = [_key_in(change.after.key_values.get(version.id, "")) for version in change.after.key if version.holds_key]
    if len(held) != len(set(held)):
        yield "two versions hold the same key"
    for version in change.after.key:
        value = change.after.key_values.get(version.id)
        if version.in_use and value and version.fingerprint != _key_in(value):
            yield f"{version.id} is live, and its KEY says {version.fingerprint}"


def a_rotation_brings_another_key(change: Change) -> Iterator[str]:
    """What becomes current holds another key than what was."""
    came, left = change.came_current, change.before.key.current
    if came and left and _key_in(change.after.key_values[came.id]) == _key_in(change.before.key_values[left.id]):
        yield f"{came.id} became current with the key that was current"


def values_are_the_rotators_own(change: Change) -> Iterator[str]:
    """Of a staged value nothing is believed but the key."""
    for version, value in change.after.key_values.items():
        document = json.loads(value)
        key = document.pop("apiKey")
        told = {
            "endpoint": "https://klaviyo.test",
            "fingerprint": fingerprint(key),
            "provider": "klaviyo",
            "role": "viewer",
            "scopes": list(SCOPES),
        }
        if document != told:
            yield f"{version} holds {sorted(document)}"


def a_rotation_that_was_given_up_leaves_nothing_pending(change: Change) -> Iterator[str]:
    """Another one can start."""
    pending = change.after.key.pending
    if change.troubled or change.rule != "rotate" or not change.failed or change.failed[-1] not in _HOPELESS:
        return
    if pending and not pending.has(AwsLabel.CURRENT):
        yield f"AWSPENDING is left after {change.failed[-1]}"


_HOPELESS: Final = frozenset({"NoSpareError", "LabelsFullError", "ScopesUnprovedError", "PendingKeyRefusedError"})


def the_grace_of_what_a_rotation_superseded_runs(change: Change) -> Iterator[str]:
    """After a success each superseded key has a life of its own."""
    if "RotationSucceeded" in change.events and change.after.key.free and not change.lagged:
        for version in change.after.key:
            if version.holds_key and not version.in_use and len(version.ours) == 1:
                yield f"{version.fingerprint} is superseded, and no grace runs"


def the_grace_is_kept(change: Change) -> Iterator[str]:
    """Nobody but an operator disables a key before its grace is over, unless there is a verdict on it."""
    for before in change.before.key:
        after = change.after.key.version(before.id)
        if before.verdict or _is_disabling(before) or before.fingerprint is None or (after and after.verdict):
            continue
        if after and _is_disabling(after) and not change.account.may_end(change.role, before.fingerprint):
            yield f"{before.fingerprint} is being disabled before its grace is over"


def the_auditor_harms_nobody(change: Change) -> Iterator[str]:
    """It changes no key of somebody else, and disables none that services may still hold."""
    yield from change.account.wrongs


def people_are_asked_to_disable_nothing_live(change: Change) -> Iterator[str]:
    """What the auditor cannot disable by itself is superseded."""
    live = change.before.key.live_fingerprints & change.after.key.live_fingerprints
    if change.rule == "audit" and (asked := live & change.account.left_to_people):
        yield f"people were asked to disable {asked}"


def nothing_live_is_disabled(change: Change) -> Iterator[str]:
    """Klaviyo accepts what is current or pending, as far as the auditor is concerned."""
    for hit in change.account.hit & change.before.key.live_fingerprints & change.after.key.live_fingerprints:
        yield f"the auditor disabled {hit}, which was live all the time"
    if change.account.repair_due:
        return
    disabled = {fingerprint(key) for key in change.account.disabled}
    for live in change.after.key.live_fingerprints & disabled:
        yield f"{live} is live, and the auditor disabled it"


def a_canary_leads_back_to_a_working_key(change: Change) -> Iterator[str]:
    """A reader, who reads again after a 401, then has a key that works, if current or previous does."""
    if change.rule not in {"canary", "audit"} or change.left_out or change.troubled or change.account.klaviyo.status:
        return
    current, previous = change.after.key.current, change.after.key.previous
    if not current or not previous or previous.verdict or _is_disabling(previous) or not change.after.key.free:
        return
    strangers = {fingerprint(key) for key in change.account.klaviyo.accounts}
    if previous.fingerprint in change.after.accepted and current.fingerprint not in change.after.accepted | strangers:
        yield "services use a refused key while the previous one works"


def services_keep_a_key_that_works(change: Change) -> Iterator[str]:
    """Nobody takes from a reader a key that works for one that never did."""
    before, after = change.before.key.current, change.after.key.current
    if before is None or after is None or before.fingerprint not in change.before.accepted & change.after.accepted:
        return
    previous = change.before.key.previous
    if previous and previous.id == after.id and _is_alive(change.account, change.after.key_values[after.id]):
        return  # an operator's roll-back asks for no more than that Klaviyo knows the key
    if after.fingerprint not in change.before.accepted | change.after.accepted:
        yield f"services had a key that works, and now have {after.fingerprint}"


def an_audit_replaces_a_condemned_key(change: Change) -> Iterator[str]:
    """If there is a spare for it, and no other rotation is under way."""
    before, after = change.before.key.current, change.after.key.current
    if change.rule != "audit" or change.left_out or change.troubled or change.account.klaviyo.status:
        return
    held, accepted = change.after.key.held_fingerprints, change.after.accepted
    good = [spare for _, spare in change.after.reserve.spares if spare.fingerprint in accepted - held]
    free = min(change.before.key.free, change.after.key.free)
    under_way = change.after.key.pending not in {None, after}
    if before and before.verdict and after == before and good and free > _ROOM and not under_way:
        yield f"{before.fingerprint} is condemned and current still"


_ROOM: Final = 3

INVARIANTS: Final[tuple[Callable[[Change], Iterator[str]], ...]] = (
    no_refused_key_enters,
    no_condemned_key_becomes_current,
    no_grace_runs_for_what_services_read,
    no_leaked_key_comes_back,
    no_roll_back_leads_to_a_dead_key,
    what_is_left_by_a_roll_back_is_condemned,
    no_verdict_is_dropped,
    no_verdict_without_a_cause,
    no_key_is_lost,
    no_key_is_held_twice,
    a_rotation_brings_another_key,
    values_are_the_rotators_own,
    a_rotation_that_was_given_up_leaves_nothing_pending,
    the_grace_of_what_a_rotation_superseded_runs,
    the_grace_is_kept,
    the_auditor_harms_nobody,
    people_are_asked_to_disable_nothing_live,
    nothing_live_is_disabled,
    a_canary_leads_back_to_a_working_key,
    services_keep_a_key_that_works,
    an_audit_replaces_a_condemned_key,
)


def _is_disabling(version: Version) -> bool:
    return any(isinstance(label, Disabling) for label in version.ours)


def _key_in(value: str) -> str | None:
    """The fingerprint of the key in a value of either secret."""
    try:
        return fingerprint(json.loads(value)["apiKey"])
    except (ValueError, LookupError, TypeError):
        return None


def _is_alive(account: Account, value: str) -> bool:
    held = _key_in(value)
    return any(fingerprint(key) == held for key in account.klaviyo.scopes)
