"""Which version holds which key: none is lost, none is held twice, and each value is what it should be."""

import json
from collections.abc import Iterator
from typing import Final

from klaviyo_access.keys.labels import AwsLabel
from klaviyo_access.keys.secret import fingerprint
from tests.rotation.rotation_world import SCOPES, key_value
from tests.rotation.state_machine.account import key_in
from tests.rotation.state_machine.change import Change


def no_key_is_lost(change: Change) -> Iterator[str]:
    """Each staged key is in one life, or dead."""
    lives = {
        key_in(values.get(version.id, ""))
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
    """One version of the key secret is said to hold a key; what is live says so, unless a person just put it."""
    held = [change.after.key_of(version) for version in change.after.key if version.holds_key]
    if len(held) != len(set(held)):
        yield "two versions hold the same key"
    for version in change.after.key:
        value = change.after.key_of(version)
        taken = any(other.fingerprint == value for other in change.after.key if other.id in change.account.by_hand)
        waits = not version.holds_key and (version.id in change.account.by_hand or taken)
        if version.in_use and value and version.fingerprint != value and not waits:
            yield f"{version.id} is live, and its KEY says {version.fingerprint}"


def what_was_put_by_hand_is_named(change: Change) -> Iterator[str]:
    """By the next run of the rotator, if a label is free and no other version in use has the name."""
    current = change.after.key.current
    if current is None or change.rule != "canary" or change.troubled or not change.after.key.free:
        return
    if change.after.key_of(current) not in {current.fingerprint, change.after.key_of(change.after.key.pending)}:
        yield f"{current.id} is current, and its KEY says {current.fingerprint}"


def a_rotation_brings_another_key(change: Change) -> Iterator[str]:
    """What becomes current holds another key than what was."""
    came, left = change.came_current, change.before.key.current
    if came is None or left is None or {came.id, left.id} & change.account.by_hand.keys():
        return
    if change.after.key_of(came) == change.before.key_of(left):
        yield f"{came.id} became current with the key that was current"


def values_are_the_rotators_own(change: Change) -> Iterator[str]:
    """Of a staged value nothing is believed but the key."""
    for version, value in change.after.key_values.items():
        if version in change.account.by_hand:
            continue
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

INVARIANTS: Final = (
    no_key_is_lost,
    no_key_is_held_twice,
    what_was_put_by_hand_is_named,
    a_rotation_brings_another_key,
    values_are_the_rotators_own,
    a_rotation_that_was_given_up_leaves_nothing_pending,
)
