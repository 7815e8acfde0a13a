"""What a refusal, a verdict or a leak keeps from services, and how long it stands."""

from collections.abc import Iterator
from typing import Final

from klaviyo_access.keys.labels import AwsLabel, Leaked, Rejected
from tests.rotation.state_machine.account import key_in, print_of
from tests.rotation.state_machine.change import Change, is_alive, is_disabling


def no_refused_key_enters(change: Change) -> Iterator[str]:
    """What is promoted was accepted by Klaviyo with all scopes."""
    known = change.before.key.held_fingerprints | change.before.held
    for entered in change.after.key.held_fingerprints - known:
        if entered not in change.before.accepted | change.after.accepted:
            yield f"{change.name_of(entered)} entered, and Klaviyo does not accept it"


def no_condemned_key_becomes_current(change: Change) -> Iterator[str]:
    """A verdict, a leak or a disabling under way keeps a key from services."""
    came = change.came_current
    if came is None or change.was_put_by_hand:
        return
    before = change.before.key.version(came.id)
    called_leaked_since = (change.role.name, came.fingerprint) in change.account.leaked_in_use
    if (came.verdict and change.before.key.current and not called_leaked_since) or (before and before.verdict):
        yield f"{came.id} became current with a verdict"
    if before and is_disabling(before):
        yield f"{came.id} became current while it was being disabled"


def no_leaked_key_comes_back(change: Change) -> Iterator[str]:
    """Nothing leaked is pending, or becomes current, unless a person puts it."""
    came = None if change.was_put_by_hand else change.came_current
    for version in (came, change.after.key.pending):
        held = change.after.key_of(version)
        if held and (change.role.name, held) in change.account.leaked - change.account.leaked_in_use:
            yield f"{held} leaked, and came back"


def what_is_left_by_a_roll_back_is_condemned(change: Change) -> Iterator[str]:
    """Whatever comes then, a key that was rolled back is not promoted again."""
    came, left = change.came_current, change.before.key.current
    previous = change.before.key.previous
    is_late = previous is not None and previous.has(AwsLabel.PENDING) and previous.id in change.role.asked_to_finish
    if is_late and left and left.id in change.account.by_hand:
        return  # a late finishSecret, not a roll-back: a person put a key while it was promoted
    if came and left and previous and came.id == previous.id and change.rule != "move back":
        now = change.after.key.version(left.id)
        if now and now.holds_key and now.verdict is None:
            yield f"{left.id} was rolled back and has no verdict"


def no_verdict_is_dropped(change: Change) -> Iterator[str]:
    """Verdicts go with the proof of death alone; they follow a key that is put again under another version."""
    for before in change.before.key:
        held = change.before.key_of(before)
        stand = {
            label for version in change.after.key if change.after.key_of(version) == held for label in version.ours
        }
        for label in before.ours:
            is_gone = isinstance(label, Leaked | Rejected) and label not in stand
            if is_gone and is_alive(change.account, change.before.key_values.get(before.id, "")):
                yield f"{label} is gone, and the key lives"


def what_leaked_stays_called_so(change: Change) -> Iterator[str]:
    """On the reserve or on the key secret, wherever the key goes: a person may put a spare by hand."""
    alive = {print_of(key) for key in change.account.klaviyo.scopes}
    known = {held for role, held in change.account.leaked if role == change.role.name and held in alive}
    for held in known:
        if change.before.has_leaked(held) and not change.after.has_leaked(held):
            yield f"{held} leaked, and nothing says so any more"


def no_verdict_without_a_cause(change: Change) -> Iterator[str]:
    """A key that Klaviyo accepts is condemned by people alone, or by a 401 where no other key tells what it means."""
    if change.role.name in change.account.uncontrolled:
        return
    for before, after, values in (
        (change.before.key, change.after.key, change.after.key_values),
        (change.before.reserve, change.after.reserve, change.after.reserve_values),
    ):
        known = {label for version in before for label in version.ours}
        for version in after:
            for label in version.ours:
                if not isinstance(label, Rejected) or label in known or label.reason in {"rolled-back", "leaked"}:
                    continue
                held = key_in(values.get(version.id, ""))
                accepted = held in change.before.accepted & change.after.accepted
                if accepted and held == label.fingerprint and change.rule != "forge labels":
                    yield f"{label}: Klaviyo accepted the key all the time"


def an_audit_replaces_a_condemned_key(change: Change) -> Iterator[str]:
    """If there is a spare for it, rotation is switched on, and no other one is under way."""
    before, after = change.before.key.current, change.after.key.current
    if change.rule != "audit" or change.left_out or change.troubled or change.account.klaviyo.status:
        return
    if change.role.secret("key").rotation is None:
        return
    held, accepted = change.after.key.held_fingerprints, change.after.accepted
    good = [spare for _, spare in change.after.reserve.spares if spare.fingerprint in accepted - held]
    free = min(change.before.key.free, change.after.key.free)
    under_way = change.after.key.pending not in {None, after}
    if before and before.verdict and after == before and good and free > _ROOM and not under_way:
        yield f"{before.fingerprint} is condemned and current still"


_ROOM: Final = 3

INVARIANTS: Final = (
    no_refused_key_enters,
    no_condemned_key_becomes_current,
    no_leaked_key_comes_back,
    what_is_left_by_a_roll_back_is_condemned,
    no_verdict_is_dropped,
    what_leaked_stays_called_so,
    no_verdict_without_a_cause,
    an_audit_replaces_a_condemned_key,
)
