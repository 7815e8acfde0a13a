"""What the auditor does about a 401: one among accepted keys means that key, and one for everybody means none."""

from typing import Any

import pytest

from klaviyo_access.keys.labels import Disabling
from tests.rotation.auditor_world import AuditWorld, print_of
from tests.rotation.rotation_world import key_value

ROLES = ("viewer", "reporting", "custodian")


def refusal(role: str) -> dict[str, Any]:
    reason = "refused; the previous key is no better"
    return {"outcome": "nothing to fall back on", "fingerprint": print_of(f"{role}-key"), "reason": reason}


def refuse(world: AuditWorld, *roles: str, listed: bool) -> None:
    """Klaviyo answers 401 to the keys of these roles, and to every key that is out of use."""
    for entry in world.entries:
        if entry["key"] not in {key_value(f"{role}-key") for role in ROLES}:
            entry["status"] = "disabled"
    world.status = [] if listed else [401]
    world.answers |= {(role, "canary"): [refusal(role)] for role in roles}


def test_a_401_for_everybody_ends_no_key_and_rotates_none() -> None:
    world = AuditWorld()
    refuse(world, *ROLES, listed=False)
    world.roles["viewer"].key["old"].append(str(Disabling(print_of("old"))))
    world.answers[("viewer", "prove-dead")] = [{"outcome": "no answer"}]
    record = world.audit()
    kinds = [finding.kind.value for finding in record.findings if finding.is_urgent]
    assert (kinds, world.rotations, record.counts["dead"]) == (["all-refused"], [], 0)
    assert "old" in world.roles["viewer"].key


def test_what_else_is_found_of_a_role_is_told_in_an_outage_as_well() -> None:
    world = AuditWorld()
    refuse(world, *ROLES, listed=False)
    world.roles["viewer"].reserve.popitem()
    assert world.kinds("viewer") == ["no-inventory custodian", "few-spares viewer", "all-refused"]


ACCEPTED = {
    "the list": ((*ROLES,), True),
    "another role's key": (("viewer", "custodian"), False),
}


@pytest.mark.parametrize(("roles", "listed"), ACCEPTED.values(), ids=ACCEPTED)
def test_one_accepted_key_makes_a_401_mean_what_it_says(roles: tuple[str, ...], listed: bool) -> None:
    world = AuditWorld()
    refuse(world, *roles, listed=listed)
    record = world.audit()
    assert (set(world.rotations), record.counts["dead"]) == (set(roles), 1)
    assert "all-refused" not in [finding.kind.value for finding in record.findings]


def test_the_only_key_there_is_rotates_by_its_rotators_own_control() -> None:
    world = AuditWorld(custodian_scopes=None)
    del world.roles["reporting"]
    refuse(world, "viewer", listed=False)
    assert world.kinds() == ["refused viewer"]
    assert world.rotations == ["viewer"]
