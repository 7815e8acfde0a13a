"""What a round of the auditor does about what it finds, and that no trouble on the way hides a finding."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from klaviyo_access.keys.labels import Leaked, Rejected
from rotation.auditor.findings import Finding, Kind
from tests.rotation.auditor_world import NOW, AuditWorld, error, print_of

NO_OTHER_KEY = "the previous key is no better"


def refuses(reason: str) -> dict[tuple[str, str], list[Any]]:
    """What the rotator of ``viewer`` answers whose current key is refused."""
    answer = {"outcome": "nothing to fall back on", "reason": f"{reason}; {NO_OTHER_KEY}", "fingerprint": "f" * 12}
    return {("viewer", "canary"): [answer]}


def only(world: AuditWorld, kind: Kind) -> Finding:
    """The one finding of a kind in a round."""
    (found,) = [finding for finding in world.audit("viewer").findings if finding.kind is kind]
    return found


@pytest.mark.parametrize("failing", ["rotate_secret", "list_secret_version_ids"])
def test_a_leaked_key_in_use_is_told_of_though_secrets_manager_refuses(
    failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = AuditWorld(waiting={"old"})
    world.roles["viewer"].key["viewer-key"].append(str(Leaked(print_of("viewer-key"))))

    def refused(**_: Any) -> Any:
        raise error("InvalidRequestException")

    monkeypatch.setattr(world, failing, refused)
    finding = only(world, Kind.CONDEMNED_LIVE)
    assert (finding.is_urgent, finding.fingerprint) == (True, print_of("viewer-key"))
    said = {
        "rotate_secret": "A rotation could not be started. Secrets Manager: rotate_secret failed with Invalid",
        "list_secret_version_ids": "A rotation was started again.",
    }
    assert said[failing] in finding.message


def test_a_key_that_klaviyo_knows_no_more_is_rotated_away_where_there_is_a_spare() -> None:
    world = AuditWorld(answers=refuses("refused"))
    finding = only(world, Kind.REFUSED)
    assert (world.rotations, finding.fingerprint) == (["viewer"], "f" * 12)
    assert finding.message.endswith("A rotation was started again.")


def test_without_a_spare_a_refused_key_asks_for_one() -> None:
    world = AuditWorld(answers=refuses("refused"))
    world.roles["viewer"].reserve.clear()
    assert "There is no spare" in only(world, Kind.REFUSED).message
    assert world.rotations == []


def test_a_refusal_that_may_be_the_settings_fault_costs_no_spare() -> None:
    world = AuditWorld(answers=refuses("other-account"))
    assert not only(world, Kind.REFUSED).message.endswith("started again.")
    assert world.rotations == []


def test_where_rotation_is_off_none_is_started_and_the_spares_are_not_denied() -> None:
    world = AuditWorld(waiting={"old"})
    world.roles["viewer"].rotates = False
    world.roles["viewer"].due = NOW - timedelta(days=2)
    world.roles["viewer"].key["viewer-key"].append(str(Leaked(print_of("viewer-key"))))
    assert only(world, Kind.CONDEMNED_LIVE).message.endswith("None was started, since rotation is switched off.")
    assert world.rotations == []


def test_a_role_that_cannot_be_read_is_told_of_once() -> None:
    world = AuditWorld(unseen={"viewer"})
    assert world.kinds("viewer") == ["unseen viewer"]


@pytest.mark.parametrize(
    ("reason", "hours", "told"),
    [("refused", 3, True), ("missing:profiles:read", 40, True), ("refused", 49, False), ("rolled-back", 3, False)],
    ids=["since the last audit", "an audit was missed", "told before", "an operator did it"],
)
def test_a_roll_back_since_the_last_audit_is_told_before_its_trace_is_gone(reason: str, hours: int, told: bool) -> None:
    world = AuditWorld()
    verdict = Rejected(NOW - timedelta(hours=hours), print_of("old"), reason)
    world.roles["viewer"].key["old"] = [f"KEY:{print_of('old')}", str(verdict), "AWSPREVIOUS"]
    record = world.audit("viewer")
    found = [(finding.kind, finding.fingerprint, finding.is_urgent) for finding in record.findings]
    assert found == ([(Kind.ROLLED_BACK, print_of("old"), True)] if told else [])
    assert record.counts["dead"] == 1


def test_a_spare_that_a_rotation_refused_is_no_roll_back() -> None:
    world = AuditWorld(waiting={"old"})
    verdict = Rejected(NOW, print_of("bad"), "refused")
    world.roles["viewer"].key["bad"] = [f"KEY:{print_of('bad')}", str(verdict)]
    assert world.kinds("viewer") == []


def goes_live(world: AuditWorld) -> None:
    """``old`` becomes current in another role, while the audit waits."""
    world.roles["reporting"].key = {"old": [f"KEY:{print_of('old')}", "AWSCURRENT"]}


def test_a_key_that_goes_live_while_its_rotator_answers_is_not_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    world = AuditWorld()

    def answer(*_: object) -> dict[str, object]:
        goes_live(world)
        return {"outcome": "alive"}

    monkeypatch.setattr(world, "_prove_dead", answer)
    assert world.kinds("viewer") == ["shared-key viewer"]
    assert [status for _, status in world.patched if status] == []


def test_a_key_that_goes_live_while_klaviyos_quota_is_waited_for_is_not_disabled() -> None:
    world = AuditWorld(status=[0, 429])
    world.waits = lambda: goes_live(world)
    assert world.kinds("viewer") == ["shared-key viewer"]
    assert ([status for _, status in world.patched if status], world.slept) == ([], [7])


def crowd(seconds_of_a_call: float, day: int = 0) -> AuditWorld:
    """23 roles, each with a superseded key that leaked."""
    world = AuditWorld(custodian_scopes=None, seconds_of_a_call=seconds_of_a_call, today=NOW + timedelta(days=day))
    world.roles = {
        f"role-{number:02}": replace(
            world.roles["viewer"],
            key={
                f"key-{number}": [f"KEY:{print_of(f'key-{number}')}", "AWSCURRENT"],
                f"old-{number}": [f"KEY:{print_of(f'old-{number}')}", str(Leaked(print_of(f"old-{number}")))],
            },
        )
        for number in range(23)
    }
    return world


def test_slow_rotators_leave_time_to_dispose_of_keys_and_keep_no_role_from_its_turn_for_long() -> None:
    tried, disposed = set[str](), set[str]()
    for day in range(4):
        world = crowd(60, day)
        record = world.audit()
        tried |= {role for role, action in world.asked if action == "canary"}
        disposed |= {role for role, action in world.asked if action == "begin-disable"}
        assert record.counts["dead"] > 0
        (finding,) = [one for one in record.findings if one.kind in {Kind.UNFINISHED, Kind.UNATTENDED}]
        late = set(world.roles) - {role for role, action in world.asked if action == "begin-disable"}
        assert [name for name in sorted(late) if name not in finding.message] == []
    assert (len(tried), len(disposed) > 6) == (23, True)


@pytest.mark.parametrize(("seconds", "kind"), [(60, Kind.UNATTENDED), (13, Kind.UNFINISHED), (1, None)])
def test_roles_without_a_turn_two_days_running_are_urgent(seconds: float, kind: Kind | None) -> None:
    found = [one.kind for one in crowd(seconds).audit().findings if one.kind in {Kind.UNFINISHED, Kind.UNATTENDED}]
    assert found == ([kind] if kind else [])
