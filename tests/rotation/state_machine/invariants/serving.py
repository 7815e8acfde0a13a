"""What services read works, if anything does."""

from collections.abc import Iterator
from typing import Final

from klaviyo_access.keys.secret import fingerprint
from tests.rotation.state_machine.change import Change, is_alive, is_disabling


def no_roll_back_leads_to_a_dead_key(change: Change) -> Iterator[str]:
    """The previous key is asked about before it becomes current again."""
    came, previous = change.came_current, change.before.key.previous
    if came is None or previous is None or came.id != previous.id or change.troubled:
        return
    if not is_alive(change.account, change.after.key_values[came.id]):
        yield f"{came.fingerprint} is current again, and Klaviyo does not know it"


def a_canary_leads_back_to_a_working_key(change: Change) -> Iterator[str]:
    """A reader, who reads again after a 401, then has a key that works, if current or previous does."""
    if change.rule not in {"canary", "audit"} or change.left_out or change.troubled or change.account.klaviyo.status:
        return
    current, previous = change.after.key.current, change.after.key.previous
    if not current or not previous or previous.verdict or is_disabling(previous) or not change.after.key.free:
        return
    klaviyo = change.account.klaviyo
    strangers = {fingerprint(key) for key in klaviyo.accounts.keys() | klaviyo.closed.keys()}
    works, used, accepted = change.after.key_of(previous), change.after.key_of(current), change.after.accepted
    if works in accepted and used not in accepted | strangers:
        yield "services use a refused key while the previous one works"
    known = {fingerprint(key) for key in klaviyo.scopes}
    if works in known - strangers and used not in known:
        yield "services use a dead key while Klaviyo knows the previous one"


def services_keep_a_key_that_works(change: Change) -> Iterator[str]:
    """Nobody takes from a reader a key that works for one that never did."""
    before, after = change.before.key.current, change.after.key.current
    if before is None or after is None:
        return
    if change.before.key_of(before) not in change.before.accepted & change.after.accepted:
        return
    previous = change.before.key.previous
    if previous and previous.id == after.id and is_alive(change.account, change.after.key_values[after.id]):
        return  # an operator's roll-back asks for no more than that Klaviyo knows the key
    if (now := change.after.key_of(after)) not in change.before.accepted | change.after.accepted:
        yield f"services had a key that works, and now have {now}"


INVARIANTS: Final = (
    no_roll_back_leads_to_a_dead_key,
    a_canary_leads_back_to_a_working_key,
    services_keep_a_key_that_works,
)
