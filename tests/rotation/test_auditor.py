"""What the auditor disables and what it never does, what it finds, and that one role's trouble is not another's."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from klaviyo_access.keys.labels import Disabling, Leaked, Spare
from rotation.auditor import entry as auditor
from rotation.auditor.events import read_audit
from rotation.auditor.findings import URGENT, Kind, Record
from rotation.auditor.inventory import Entry, find
from rotation.auditor.settings import ROLES_FILE, AuditedRole, AuditorSettings
from rotation.errors import EventRefusedError, SettingsError
from tests.rotation.auditor_world import (
    CUSTODIAN_SCOPES,
    NOW,
    SCOPES,
    AuditWorld,
    error,
    holds,
    marked,
    payload,
    print_of,
    rejected,
    retired,
)
from tests.rotation.rotation_world import key_value

Change = Callable[[AuditWorld], object]


def disabled(world: AuditWorld) -> list[str]:
    return [entry["key"] for entry in world.entries if entry["status"] == "disabled"]


def all_of(*changes: Change) -> Change:
    """Each of these, one after the other."""

    def change(world: AuditWorld) -> None:
        for each in changes:
            each(world)

    return change


def goes_live(world: AuditWorld, name: str = "old", role: str = "reporting") -> None:
    """The key becomes current in a role."""
    for labels in world.roles[role].key.values():
        labels.remove("AWSCURRENT")
    world.roles[role].key[name] = [holds(name), "AWSCURRENT"]


def test_a_superseded_key_is_renamed_disabled_and_proved_dead() -> None:
    world = AuditWorld()
    record = world.audit()
    assert (record.findings, record.counts["disabled"], record.counts["dead"]) == ([], 1, 1)
    assert disabled(world) == [key_value("old")]
    assert world.entry("old")["name"] == marked("old", "ended")
    assert "old" not in world.roles["viewer"].key
    again = world.audit()
    assert (again.findings, again.counts["disabled"], again.counts["dead"]) == ([], 0, 0)


def test_a_key_whose_grace_runs_is_left_alone() -> None:
    world = AuditWorld(waiting={"old"})
    record = world.audit()
    assert (disabled(world), record.counts["waiting"]) == ([], 1)


@pytest.mark.parametrize(
    ("labels", "ends"),
    [
        ([holds("old"), retired("old")], False),
        ([holds("old")], False),
        ([holds("old"), str(Disabling(print_of("old")))], True),
        ([holds("old"), rejected("old")], True),
    ],
    ids=["retired", "about to be retired", "its grace is over", "condemned"],
)
@pytest.mark.parametrize("has_leaked", [False, True])
def test_a_key_waits_for_its_grace_in_every_role_unless_it_leaked(
    labels: list[str], ends: bool, has_leaked: bool
) -> None:
    world = AuditWorld()
    world.roles["reporting"].key["old"] = labels
    if has_leaked:
        world.roles["viewer"].key["old"].append(str(Leaked(print_of("old"))))
    record = world.audit("viewer")
    assert (disabled(world), record.counts["waiting"]) == (([key_value("old")], 0) if ends or has_leaked else ([], 1))


def test_a_leaked_spare_waits_for_no_grace() -> None:
    world = AuditWorld()
    world.make("bad")
    world.roles["viewer"].reserve["bad"] = [rejected("bad", "leaked")]
    world.roles["reporting"].key["bad"] = [holds("bad"), retired("bad")]
    world.audit("viewer")
    assert key_value("bad") in disabled(world)


def test_for_a_key_that_is_gone_nothing_that_looks_like_it_is_disabled() -> None:
    world = AuditWorld()
    world.entry("old")["key"] = "pk_" + "0" * 30 + key_value("old")[-4:]
    record = world.audit("viewer")
    assert (disabled(world), record.counts["dead"]) == ([], 1)


@pytest.mark.parametrize("is_marked", [False, True])
def test_without_an_answer_a_key_is_disabled_only_if_its_name_says_which_it_is(is_marked: bool) -> None:
    world = AuditWorld(answers={("viewer", "prove-dead"): [{"outcome": "no answer"}]})
    world.entry("old")["name"] = marked("old") if is_marked else "old"
    world.audit("viewer")
    assert disabled(world) == ([key_value("old")] if is_marked else [])


def test_a_rejected_spare_is_disabled_and_proved_dead() -> None:
    world = AuditWorld()
    world.roles["reporting"].reserve["bad"] = [rejected("bad", "leaked")]
    world.make("bad")
    assert world.audit("reporting").counts["dead"] == 1
    assert disabled(world) == [key_value("bad")]


SHARED: dict[str, Change] = {
    "current in another role": goes_live,
    "pending in another role": lambda world: world.roles["reporting"].key.update({"x": [holds("old"), "AWSPENDING"]}),
}


@pytest.mark.parametrize("change", SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("roles", [(), ("viewer",)])
def test_a_key_that_is_live_anywhere_is_never_disabled(change: Change, roles: tuple[str, ...]) -> None:
    world = AuditWorld(answers={("reporting", "unstick"): [{"outcome": "too early"}]}, waiting={"reporting-key"})
    change(world)
    record = world.audit(*roles)
    assert (disabled(world), record.counts["dead"]) == ([], 0)
    assert [finding.kind for finding in record.findings] == [Kind.SHARED_KEY]


def test_a_key_that_becomes_live_while_it_is_disabled_is_enabled_at_once() -> None:
    world = AuditWorld()
    world.during = lambda: goes_live(world) if world.entry("old")["status"] == "disabled" else None
    record = world.audit("viewer")
    assert world.patched[:2] == [(marked("old", "ended"), "disabled"), (marked("old"), "active")]
    assert [finding.kind for finding in record.findings] == [Kind.HIT_LIVE]
    assert (disabled(world), record.counts["dead"], world.asked.count(("viewer", "prove-dead"))) == ([], 0, 1)


def test_a_disabling_whose_answer_was_lost_is_looked_after_as_well() -> None:
    world = AuditWorld()

    def lost() -> None:
        world.during = lambda: None
        goes_live(world)
        raise TimeoutError

    world.during = lost
    assert "hit-live viewer" in world.kinds("viewer")
    assert disabled(world) == []


def test_a_lost_answer_alone_is_a_finding_and_the_next_audit_goes_on() -> None:
    world = AuditWorld()

    def lost() -> None:
        world.during = lambda: None
        raise TimeoutError

    world.during = lost
    assert world.kinds("viewer") == ["no-inventory viewer"]
    assert world.audit("viewer").counts["dead"] == 1


def test_a_live_key_is_enabled_again_though_klaviyo_refuses_at_first() -> None:
    world = AuditWorld()

    def once() -> None:
        world.during = lambda: None
        goes_live(world)
        world.status = [500, 503]

    world.during = once
    assert world.kinds("viewer")[0] == "hit-live viewer"
    assert disabled(world) == []


def test_a_live_key_is_enabled_again_though_the_time_is_over_and_the_quota_used_up() -> None:
    world = AuditWorld()

    def once() -> None:
        world.during = lambda: None
        goes_live(world)
        world.seconds = -5
        world.status = [429]

    world.during = once
    assert "hit-live viewer" in world.kinds("viewer")
    assert (disabled(world), world.slept) == ([], [7])


def test_a_live_key_that_cannot_be_enabled_is_told_of() -> None:
    world = AuditWorld()

    def once() -> None:
        world.during = lambda: None
        goes_live(world)
        world.status = [500] * 5

    world.during = once
    kinds = world.kinds("viewer")
    assert {"live-disabled viewer", "hit-live viewer"} <= set(kinds)


@pytest.mark.parametrize("live", [True, False])
def test_a_run_that_was_killed_after_it_disabled_is_completed_by_the_next(live: bool) -> None:
    world = AuditWorld()
    world.entry("old").update(name=marked("old"), status="disabled")
    if live:
        goes_live(world)
    record = world.audit("viewer")
    assert (disabled(world) == [], record.counts["dead"]) == (live, 0 if live else 1)
    assert world.patched[0] == ((marked("old"), "active") if live else (marked("old", "ended"), None))


def test_nothing_is_disabled_while_one_role_cannot_be_seen() -> None:
    world = AuditWorld(unseen={"reporting"})
    kinds = world.kinds("viewer")
    assert disabled(world) == []
    assert set(kinds) == {"unseen reporting", "unseen viewer"}


def test_a_key_is_enabled_again_if_nobody_can_tell_that_it_is_not_live() -> None:
    world = AuditWorld()
    world.during = lambda: world.unseen.add("reporting") if world.entry("old")["status"] == "disabled" else None
    assert "hit-live viewer" in world.kinds("viewer")
    assert disabled(world) == []


def other_ending(world: AuditWorld, **attributes: Any) -> None:
    """Another key that ends as ``old`` does."""
    world.entries.append(
        {**world.entry("old"), "id": "id-other", "key": f"pk_{'0' * 30}{key_value('old')[-4:]}", **attributes}
    )


NO_MATCH: dict[str, Change] = {
    "two keys end alike": other_ending,
    "two keys end alike, one is disabled already": lambda world: other_ending(world, status="disabled"),
    "its scopes are others": lambda world: world.entry("old").update(scopes=("accounts:read",)),
    "its name carries another key's mark": lambda world: world.entry("old").update(
        name=f"old [{'0' * 12}-{key_value('old')[-4:]}]"
    ),
    "only a name carries its mark": all_of(
        lambda world: world.entry("old").update(scopes=("accounts:read",)),
        lambda world: world.make("bait", label=marked("old")),
    ),
    "two carry its mark": all_of(
        lambda world: world.entry("old").update(name=marked("old")),
        lambda world: other_ending(world, name=marked("old")),
    ),
}


@pytest.mark.parametrize("change", NO_MATCH.values(), ids=NO_MATCH)
def test_a_key_that_is_not_the_only_one_to_fit_is_left_to_a_person(change: Change) -> None:
    world = AuditWorld()
    change(world)
    before = disabled(world)
    record = world.audit("viewer")
    (finding,) = [finding for finding in record.findings if finding.kind is Kind.BY_HAND]
    assert (disabled(world), finding.fingerprint) == (before, print_of("old"))
    assert f"ends in {key_value('old')[-4:]}" in finding.message


def test_a_disabled_key_without_a_mark_is_taken_for_no_key_of_ours() -> None:
    entry = Entry(id="1", name="x", is_active=False, scopes=frozenset(SCOPES), ends_with="abcd")
    assert find([entry], fingerprint="0" * 12, ends_with="abcd", scopes=frozenset(SCOPES)) is None
    assert find([replace(entry, is_active=True)], fingerprint="0" * 12, ends_with="abcd", scopes=frozenset(SCOPES))


def test_a_mark_finds_the_key_among_those_that_end_alike() -> None:
    world = AuditWorld()
    world.entry("old").update(name=marked("old"), scopes=("accounts:read",))
    other_ending(world, name="innocent")
    assert world.audit("viewer").counts["dead"] == 1
    assert disabled(world) == [key_value("old")]


@pytest.mark.parametrize(
    "scopes",
    [None, ("accounts:read",), ("accounts:read", "credentials:read")],
    ids=["no custodian", "one without its scopes", "reads alone"],
)
def test_where_no_key_may_disable_a_person_is_told_until_klaviyo_refuses_the_key(
    scopes: tuple[str, ...] | None,
) -> None:
    world = AuditWorld(custodian_scopes=scopes)
    if scopes:
        world.entry("custodian-key")["scopes"] = scopes
    for _ in range(2):
        assert world.kinds("viewer") == ["by-hand viewer"]
    assert world.patched == []
    world.entry("old")["status"] = "disabled"
    assert (world.kinds("viewer"), "old" in world.roles["viewer"].key) == ([], False)


def test_a_disabled_key_that_klaviyo_still_accepts_is_told_of() -> None:
    world = AuditWorld(answers={("viewer", "prove-dead"): [{"outcome": "alive"}]})
    world.entry("old")["name"] = marked("old")
    assert world.kinds("viewer") == ["still-alive viewer"]


def test_current_keys_are_marked_in_klaviyos_list_once() -> None:
    world = AuditWorld(waiting={"old"})
    world.audit()
    assert {world.entry(f"{role}-key")["name"] for role in world.roles} == {
        marked(f"{role}-key") for role in world.roles
    }
    count = len(world.patched)
    world.audit()
    assert (count, len(world.patched)) == (3, 3)


def test_a_key_that_died_before_klaviyo_made_its_list_leaves_no_mark_on_one_that_looks_alike() -> None:
    world = AuditWorld(waiting={"old"})
    entry = world.entry("reporting-key")
    entry["key"] = f"pk_{'0' * 30}{entry['key'][-4:]}"
    fine = {"outcome": "fine", "fingerprint": print_of("reporting-key"), "ends_with": entry["key"][-4:]}
    world.answers["reporting", "canary"] = [fine, {"outcome": "nothing to fall back on", "reason": "refused"}]
    world.audit("reporting")
    assert entry["name"] == "reporting-key"


LISTED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a scope is missing": ({"scopes": ("accounts:read",)}, ["scopes-missing"]),
    "a scope is in excess": ({"scopes": (*SCOPES, "lists:write")}, ["scopes-excess"]),
    "another scope": ({"scopes": ("accounts:read", "lists:write")}, ["scopes-missing", "scopes-excess"]),
}


@pytest.mark.parametrize(("change", "kinds"), LISTED.values(), ids=LISTED)
def test_klaviyos_list_tells_what_a_current_key_is_like(change: dict[str, Any], kinds: list[str]) -> None:
    world = AuditWorld(waiting={"old"})
    world.entry("reporting-key").update(change)
    assert world.kinds("reporting") == [f"{kind} reporting" for kind in kinds]


@pytest.mark.parametrize(("mark", "kinds"), [(True, ["scopes-missing reporting"]), (False, [])])
def test_of_two_keys_that_end_alike_the_marked_one_is_looked_at_and_else_none(mark: bool, kinds: list[str]) -> None:
    world = AuditWorld()
    entry = world.entry("reporting-key")
    entry.update(scopes=("accounts:read",), name=marked("reporting-key") if mark else "x")
    world.entries.append(
        {**entry, "id": "id-other", "name": "y", "scopes": (), "key": f"pk_{'0' * 30}{entry['key'][-4:]}"}
    )
    assert world.kinds("reporting") == kinds


def test_a_custodian_without_a_key_yet_is_told_of_once() -> None:
    world = AuditWorld(waiting={"old"}, unread=True)
    assert world.kinds("viewer") == []
    assert world.urls == []


def test_one_spare_in_two_roles_is_told_of() -> None:
    world = AuditWorld(waiting={"old"})
    world.roles["reporting"].reserve["both"] = world.roles["viewer"].reserve["both"] = [
        str(Spare(NOW, print_of("both")))
    ]
    (finding,) = world.audit().findings
    assert (finding.kind, finding.fingerprint) == (Kind.SHARED_KEY, print_of("both"))
    assert "viewer, reporting" in finding.message


def test_failures_are_looked_up_to_the_last_page() -> None:
    hours_ago = {role: NOW - timedelta(hours=hours) for role, hours in (("viewer", 3), ("reporting", 2))}
    world = AuditWorld(waiting={"old"}, failures=hours_ago, events_per_page=1)
    assert [kind for kind in world.kinds() if kind.startswith("failed")] == ["failed viewer", "failed reporting"]


def pending(world: AuditWorld) -> None:
    world.roles["viewer"].key["stuck"] = [holds("stuck"), "AWSPENDING"]


def no_spares(world: AuditWorld) -> None:
    world.roles["viewer"].reserve.clear()


FOUND: dict[str, tuple[Change, list[str], list[str]]] = {
    "all is well": (lambda _: None, [], []),
    "one spare": (lambda world: world.roles["viewer"].reserve.popitem(), ["few-spares"], []),
    "no key yet": (lambda world: world.roles["viewer"].key.clear(), ["no-key"], []),
    "too old": (
        lambda world: setattr(world.roles["viewer"], "born", NOW - timedelta(days=100)),
        ["too-old"],
        ["viewer"],
    ),
    "not too old": (lambda world: setattr(world.roles["viewer"], "born", NOW - timedelta(days=99)), [], []),
    "rotation is off": (lambda world: setattr(world.roles["viewer"], "rotates", False), ["rotation-off"], []),
    "overdue": (
        lambda world: setattr(world.roles["viewer"], "due", NOW - timedelta(days=2)),
        ["overdue"],
        ["viewer"],
    ),
    "a little late": (lambda world: setattr(world.roles["viewer"], "due", NOW - timedelta(hours=20)), [], []),
    "leaked and current": (
        lambda world: world.roles["viewer"].key["viewer-key"].append(str(Leaked(print_of("viewer-key")))),
        ["condemned-live"],
        ["viewer"],
    ),
    "wedged": (pending, ["wedged"], ["viewer"]),
    "wedged without a spare": (all_of(pending, no_spares), ["wedged", "few-spares"], []),
    "failed": (lambda world: world.failures.update(viewer=NOW - timedelta(hours=3)), ["failed"], ["viewer"]),
    "failed long ago": (lambda world: world.failures.update(viewer=NOW - timedelta(days=3)), [], []),
    "failed, and rotated since": (
        all_of(
            lambda world: world.failures.update(viewer=NOW - timedelta(hours=3)),
            lambda world: setattr(world.roles["viewer"], "rotated", NOW - timedelta(hours=2)),
        ),
        [],
        [],
    ),
    "rolled back": (
        lambda world: world.answers.update({("viewer", "canary"): [{"outcome": "rolled back", "reason": "refused"}]}),
        ["rolled-back"],
        [],
    ),
    "refused": (
        lambda world: world.answers.update({("viewer", "canary"): [{"outcome": "nothing to fall back on"}]}),
        ["refused"],
        [],
    ),
    "scope drift: no key has what the role has got since": (
        lambda world: world.answers.update(
            {
                ("viewer", "canary"): [
                    {
                        "outcome": "nothing to fall back on",
                        "reason": "missing:profiles:read; the previous key is no better",
                        "fingerprint": print_of("viewer-key"),
                        "ends_with": key_value("viewer-key")[-4:],
                    }
                ]
            }
        ),
        ["scopes-missing"],
        [],
    ),
    "Klaviyo is silent": (
        lambda world: world.answers.update({("viewer", "canary"): [{"outcome": "no answer"}]}),
        ["silent"],
        [],
    ),
}


@pytest.mark.parametrize(("change", "kinds", "rotations"), FOUND.values(), ids=FOUND)
def test_what_labels_dates_and_rotators_tell(change: Change, kinds: list[str], rotations: list[str]) -> None:
    world = AuditWorld(waiting={"old", "stuck"})
    change(world)
    assert world.kinds("viewer") == [f"{kind} viewer" for kind in kinds]
    assert world.rotations == rotations


def test_a_rotation_that_may_be_under_way_is_left_alone() -> None:
    world = AuditWorld(waiting={"old"}, answers={("viewer", "unstick"): [{"outcome": "too early"}]})
    pending(world)
    world.failures["viewer"] = NOW - timedelta(hours=1)
    assert (world.kinds("viewer"), world.rotations) == (["failed viewer"], [])


BROKEN: dict[str, tuple[Any, str]] = {
    "raises": (payload({"errorType": "StoreError", "errorMessage": "x"}, failed=True), "with StoreError"),
    "is not allowed": (error("AccessDeniedException"), "with AccessDeniedException"),
    "answers another action": (payload({"action": "rollback", "outcome": "fine"}), "in another form"),
    "answers a list": (payload([]), "in another form"),
}


@pytest.mark.parametrize(("answer", "says"), BROKEN.values(), ids=BROKEN)
def test_one_rotators_trouble_keeps_no_other_role_from_its_turn(answer: Any, says: str) -> None:
    world = AuditWorld(answers={("reporting", "canary"): [answer]})
    record = world.audit()
    assert [f"{finding.kind.value} {finding.role}" for finding in record.findings] == ["rotator-failed reporting"]
    assert says in record.findings[0].message
    assert record.counts["dead"] == 1


def test_a_key_that_cannot_be_disposed_of_keeps_no_other_from_its_turn() -> None:
    failed = payload({"errorType": "LabelsFullError", "errorMessage": "x"}, failed=True)
    world = AuditWorld()
    world.roles["viewer"].key["older"] = [holds("older"), rejected("older")]
    world.make("older")
    first = {"outcome": "disabling", "fingerprint": print_of("older"), "ends_with": key_value("older")[-4:]}
    world.answers[("viewer", "begin-disable")] = [failed, first]
    record = world.audit("viewer")
    assert [finding.kind for finding in record.findings] == [Kind.ROTATOR_FAILED]
    assert (disabled(world), record.counts["dead"]) == ([key_value("older")], 1)


def test_a_role_whose_key_cannot_be_tried_is_looked_at_nevertheless() -> None:
    world = AuditWorld(waiting={"old"}, answers={("viewer", "canary"): [error("AccessDeniedException")]})
    no_spares(world)
    assert world.kinds("viewer") == ["rotator-failed viewer", "few-spares viewer"]


def test_a_busy_rotator_is_asked_again() -> None:
    busy = error("TooManyRequestsException")
    world = AuditWorld(answers={("viewer", "prove-dead"): [busy, busy, {"outcome": "dead"}]})
    assert world.audit("viewer").counts["dead"] == 1
    assert world.slept == [5.0, 5.0]


def test_an_audit_without_time_says_so_and_begins_nothing() -> None:
    world = AuditWorld(seconds=0)
    assert "unattended" in world.kinds()
    assert (world.asked, disabled(world)) == ([], [])


def test_the_list_is_read_page_by_page_from_klaviyo_alone() -> None:
    world = AuditWorld(page_size=2)
    assert world.audit("viewer").counts["dead"] == 1
    assert len([url for url in world.urls if "?" in url]) == 5
    assert {url.partition("/api/")[0] for url in world.urls} == {"https://klaviyo.test"}


def test_a_used_up_quota_is_waited_for() -> None:
    world = AuditWorld(status=[429])
    assert world.audit("viewer").counts["dead"] == 1
    assert world.slept == [7]


@pytest.mark.parametrize("status", [401, 403, 404, 500, 302])
def test_without_klaviyos_list_nothing_is_disabled_and_a_person_is_told(status: int) -> None:
    world = AuditWorld(status=[status])
    assert world.kinds("viewer") == ["no-inventory custodian", "by-hand viewer"]
    assert disabled(world) == []


def test_findings_and_metrics_are_lines_of_json_without_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    world = AuditWorld()
    other_ending(world)
    world.answers[("viewer", "canary")] = [{"outcome": "rolled back", "reason": "refused"}]
    record = world.audit()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [(line["finding"], line["urgent"]) for line in lines if line["level"] == "WARNING"]
    assert found == [("rolled-back", True), ("by-hand", False)]
    metrics = record.metrics("prod", NOW, is_whole=True)
    assert {
        name: metrics[name] for name in ("Environment", "Audits", "Findings", "UrgentFindings", "KeysDisabled")
    } == {
        "Environment": "prod",
        "Audits": 1,
        "Findings": 1,
        "UrgentFindings": 1,
        "KeysDisabled": 0,
    }
    said = json.dumps([lines, metrics, record.answer()])
    assert not [entry["key"] for entry in world.entries if entry["key"][3:] in said]


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        ({"action": "audit"}, True),
        ({"action": "audit", "roles": ["twin", "viewer"]}, True),
        ({"action": "audit", "roles": ["viewer"]}, False),
    ],
    ids=["of all", "of all by name", "of one"],
)
def test_only_an_audit_of_all_roles_counts_as_the_daily_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], event: object, counted: bool
) -> None:
    roles = tuple(audited(name) for name in ("twin", "viewer"))
    monkeypatch.setattr(AuditorSettings, "of", lambda *_: SimpleNamespace(roles=roles))
    monkeypatch.setattr(auditor, "_round", lambda *_: SimpleNamespace(go=lambda _: Record(), record=Record()))
    monkeypatch.setenv("ENVIRONMENT", "prod")
    monkeypatch.setenv("PREFIX", "shop")
    auditor.handler(event, SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000))
    (metrics,) = [line for text in capsys.readouterr().out.splitlines() if "_aws" in (line := json.loads(text))]
    defined = {one["Name"] for one in metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert ("Audits" in defined, metrics.get("Audits")) == (counted, 1 if counted else None)
    assert {"Findings", "UrgentFindings"} <= defined
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Prefix", "Environment"]]
    assert (metrics["Prefix"], metrics["Environment"]) == ("shop", "prod")


def audited(name: str) -> AuditedRole:
    return AuditedRole(name=name, key="k", reserve="r", rotator="f", scopes=frozenset(), is_custodian=False)


def same_ending(world: AuditWorld) -> None:
    world.make("twin")["key"] = key_value("viewer-key")


TOLD: dict[str, tuple[Change, list[str] | None]] = {
    "as its role": (lambda _: None, ["accounts:read", "profiles:read"]),
    "another scope": (lambda world: world.entry("viewer-key").update(scopes=["lists:read"]), ["lists:read"]),
    "two that end alike": (same_ending, None),
    "not listed": (lambda world: world.entries.remove(world.entry("viewer-key")), None),
}


@pytest.mark.parametrize(("change", "scopes"), TOLD.values(), ids=TOLD)
def test_what_klaviyo_lists_of_a_current_key_is_told_where_it_is_certain_which_one_it_is(
    change: Change, scopes: list[str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    world = AuditWorld()
    change(world)
    world.audit("viewer")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(line["role"], line["fingerprint"], line["scopes"]) for line in lines if line.get("action") == "listed key"]
    assert told == ([("viewer", print_of("viewer-key"), scopes)] if scopes else [])


def test_whatever_lets_requests_fail_or_shows_a_key_is_urgent() -> None:
    assert {kind.value for kind in URGENT} == {
        "rolled-back",
        "refused",
        "unmanaged",
        "all-refused",
        "shared-key",
        "condemned-live",
        "replica-behind",
        "live-disabled",
        "hit-live",
        "wrong-key",
        "revived",
        "unattended",
    }


def test_the_runbook_says_of_every_finding_what_to_do() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rotation.md").read_text("utf-8")
    assert [kind.value for kind in Kind if f"`{kind.value}`" not in page] == []


GOOD = {"ENVIRONMENT": "prod", "KLAVIYO_URL": "https://a.klaviyo.com", "LONGEST_AGE_DAYS": "99"}
ROLE = {"name": "a", "key": "k", "reserve": "r", "rotator": "f", "scopes": [], "isCustodian": False}


def bundle(folder: Path, text: str) -> Path:
    (folder / ROLES_FILE).write_text(text)
    return folder


def test_the_settings_are_read_from_variables_and_the_bundle(tmp_path: Path) -> None:
    settings = AuditorSettings.of(GOOD, bundle(tmp_path, json.dumps([ROLE])))
    assert (settings.environment, settings.longest_age.days, settings.custodian) == ("prod", 99, None)
    assert [role.rotator for role in settings.roles] == ["f"]


@pytest.mark.parametrize(
    ("environ", "text", "says"),
    [
        (GOOD | {"ENVIRONMENT": ""}, "[]", "ENVIRONMENT"),
        (GOOD | {"KLAVIYO_URL": "http://a.klaviyo.com"}, "[]", "KLAVIYO_URL"),
        (GOOD | {"LONGEST_AGE_DAYS": "a week"}, "[]", "LONGEST_AGE_DAYS"),
        (GOOD, "no JSON", ROLES_FILE),
        (GOOD, "{}x", ROLES_FILE),
        (GOOD, json.dumps([{"name": "a"}]), ROLES_FILE),
        (GOOD, "[1]", ROLES_FILE),
    ],
)
def test_settings_of_another_form_are_refused_by_name(
    tmp_path: Path, environ: dict[str, str], text: str, says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        AuditorSettings.of(environ, bundle(tmp_path, text))


def test_a_bundle_without_roles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=ROLES_FILE):
        AuditorSettings.of(GOOD, tmp_path)


HOSTILE: list[object] = [
    None,
    [],
    "audit",
    {},
    {"action": "canary"},
    {"action": ["audit"]},
    {"action": "audit", "more": 1},
    {"action": "audit", "roles": []},
    {"action": "audit", "roles": "viewer"},
    {"action": "audit", "roles": [1]},
    {"action": "audit", "roles": ["viewer", "nobody"]},
    {"action": "audit", "roles": [["viewer"]]},
]


@pytest.mark.parametrize("event", HOSTILE, ids=str)
def test_an_event_of_another_form_is_refused(event: object) -> None:
    with pytest.raises(EventRefusedError):
        read_audit(event, AuditWorld().settings().roles)


def test_an_event_asks_for_all_roles_or_for_those_it_names() -> None:
    roles = AuditWorld(custodian_scopes=CUSTODIAN_SCOPES).settings().roles
    assert read_audit({"action": "audit"}, roles) == roles
    assert [role.name for role in read_audit({"action": "audit", "roles": ["reporting"]}, roles)] == ["reporting"]
