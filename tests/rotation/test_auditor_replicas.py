"""While a region's replica is behind, its services may read a superseded key, so that the auditor leaves it alone."""

from datetime import timedelta

import pytest

from klaviyo_access.keys.labels import Disabling, Leaked
from tests.rotation.auditor_world import NOW, AuditWorld, holds, print_of, rejected


def is_disabled(world: AuditWorld) -> bool:
    return bool(world.entry("old")["status"] == "disabled")


@pytest.mark.parametrize("status", ["Failed", "InProgress"])
def test_a_region_that_is_behind_keeps_the_superseded_key_and_is_urgent(status: str) -> None:
    world = AuditWorld()
    world.roles["viewer"].replicas = {"eu-west-1": status, "us-west-2": "InSync"}
    record = world.audit()
    (finding,) = record.findings
    assert (finding.kind.value, finding.role, finding.is_urgent) == ("replica-behind", "viewer", True)
    assert f"eu-west-1: {status})" in finding.message
    assert (is_disabled(world), record.counts["waiting"]) == (False, 1)
    assert ("viewer", "begin-disable") not in world.asked, "that would stand against a roll-back to it"


def test_a_replica_that_is_only_on_its_way_keeps_the_key_and_alarms_nobody() -> None:
    world = AuditWorld()
    world.roles["viewer"].replicas = {"eu-west-1": "InProgress"}
    world.roles["viewer"].changed = NOW - timedelta(minutes=1)
    assert (world.kinds(), is_disabled(world)) == ([], False)
    world.roles["viewer"].replicas = {"eu-west-1": "InProgress", "us-west-2": "Failed"}
    assert world.kinds() == ["replica-behind viewer"]


def test_once_all_regions_are_in_sync_the_key_goes() -> None:
    world = AuditWorld()
    world.roles["viewer"].replicas = {"eu-west-1": "InSync"}
    assert (world.kinds(), is_disabled(world)) == ([], True)


def test_a_key_that_was_to_be_disabled_already_waits_too() -> None:
    world = AuditWorld()
    world.roles["viewer"].key["old"] = [holds("old"), str(Disabling(print_of("old"))), "AWSPREVIOUS"]
    world.roles["viewer"].replicas = {"eu-west-1": "Failed"}
    assert (world.kinds(), is_disabled(world)) == (["replica-behind viewer"], False)


def test_a_leaked_key_does_not_wait_for_a_region() -> None:
    world = AuditWorld()
    world.roles["viewer"].key["old"] = [holds("old"), str(Leaked(print_of("old"))), "AWSPREVIOUS"]
    world.roles["viewer"].replicas = {"eu-west-1": "Failed"}
    assert (world.kinds(), is_disabled(world)) == (["replica-behind viewer"], True)


def test_another_role_does_not_end_the_key_that_a_region_may_read() -> None:
    world = AuditWorld()
    world.roles["viewer"].replicas = {"eu-west-1": "Failed"}
    world.roles["viewer"].key["old"] = [holds("old"), str(Disabling(print_of("old"))), "AWSPREVIOUS"]
    world.roles["reporting"].reserve["old"] = [rejected("old")]
    world.audit("reporting")
    assert not is_disabled(world)


def test_a_spare_that_was_rejected_waits_for_no_region() -> None:
    world = AuditWorld(waiting={"old"})
    world.make("bad")
    world.roles["viewer"].replicas = {"eu-west-1": "Failed"}
    world.roles["viewer"].reserve["bad"] = [rejected("bad")]
    world.audit("viewer")
    assert world.entry("bad")["status"] == "disabled"
