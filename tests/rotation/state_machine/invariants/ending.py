"""How keys end: after their grace, and never while somebody uses them."""

from collections.abc import Iterator
from typing import Final

from klaviyo_access.keys.labels import Retired
from klaviyo_access.keys.secret import fingerprint
from tests.rotation.state_machine.change import Change, is_disabling


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


def the_grace_of_what_a_rotation_superseded_runs(change: Change) -> Iterator[str]:
    """After a success each superseded key has a life of its own."""
    if "RotationSucceeded" in change.events and change.after.key.free and not change.lagged:
        for version in change.after.key:
            if version.holds_key and not version.in_use and len(version.ours) == 1:
                yield f"{version.fingerprint} is superseded, and no grace runs"


def the_grace_is_kept(change: Change) -> Iterator[str]:
    """Nobody but an operator disables a key before its grace is over, unless a verdict is on it or it leaked."""
    for before in change.before.key:
        after = change.after.key.version(before.id)
        held = change.before.key_of(before)
        if before.verdict or is_disabling(before) or held is None or (after and after.verdict):
            continue
        if change.before.has_leaked(held):
            continue
        if after and is_disabling(after) and not change.account.may_end(change.role, held):
            yield f"{held} is being disabled before its grace is over"


def the_auditor_harms_nobody(change: Change) -> Iterator[str]:
    """It changes no key of somebody else, and disables none that services may still hold."""
    yield from change.account.wrongs


def people_are_asked_to_disable_nothing_live(change: Change) -> Iterator[str]:
    """What the auditor cannot disable by itself is superseded."""
    if change.rule == "audit" and (asked := _live_throughout(change) & change.account.left_to_people):
        yield f"people were asked to disable {asked}"


def nothing_live_is_disabled(change: Change) -> Iterator[str]:
    """Klaviyo accepts what is current or pending, as far as the auditor is concerned."""
    for hit in change.account.hit & _live_throughout(change):
        yield f"the auditor disabled {hit}, which was live all the time"
    if change.account.repair_due:
        return
    disabled = {fingerprint(key) for key in change.account.disabled}
    for live in change.after.live & disabled:
        yield f"{live} is live, and the auditor disabled it"


def _live_throughout(change: Change) -> frozenset[str]:
    return change.before.live & change.after.live


INVARIANTS: Final = (
    no_grace_runs_for_what_services_read,
    the_grace_of_what_a_rotation_superseded_runs,
    the_grace_is_kept,
    the_auditor_harms_nobody,
    people_are_asked_to_disable_nothing_live,
    nothing_live_is_disabled,
)
