"""Write probes: malformed writes by which a spare is asked for its write scopes, and what follows when one is taken."""

from dataclasses import replace

from klaviyo_access.keys.labels import WriteTaken
from tests.rotation.acts import leave_free
from tests.rotation.auditor_world import NOW, AuditWorld
from tests.rotation.rotation_world import SCOPES, World, key_value


def test_write_scopes_are_proved_where_the_settings_allow_write_probes() -> None:
    world = World(require_proof="all", write_probes=True)
    world.stage("a")

    assert world.rotate() == "RotationSucceeded"

    assert [call for call in world.klaviyo.calls if call.startswith("POST")] == ["POST /api/profiles within 10 s"]
    assert world.lives() == {"a": "AWSCURRENT KEY"}


def test_a_spare_without_a_write_scope_is_rejected_by_its_probe() -> None:
    world = World(write_probes=True)
    world.stage("a")
    world.klaviyo.scopes[key_value("a")] = tuple(scope for scope in SCOPES if scope != "profiles:write")

    assert world.rotate() == "RotationFailed"

    assert world.lives() == {"a": "reserve REJECTED(missing:profiles:write)"}


def test_a_malformed_write_that_klaviyo_takes_ends_the_rotation_and_leaves_the_spares_as_they_were() -> None:
    world = World(write_probes=True)
    world.stage("a")
    world.stage("b")
    world.klaviyo.takes_anything = True

    assert world.rotate() == "RotationFailed"

    assert [type(error).__name__ for error in world.errors] == ["WriteProbeError"]
    assert "POST /api/profiles with 200" in str(world.errors[0])
    assert len([call for call in world.klaviyo.calls if call.startswith("POST")]) == 1
    assert world.lives() == {"a": "reserve SPARE", "b": "reserve SPARE"}


def posts(world: World) -> int:
    return sum(call.startswith("POST") for call in world.klaviyo.calls)


def after_a_write_that_klaviyo_took(name: str = "a") -> World:
    world = World(write_probes=True)
    world.stage(name)
    world.klaviyo.takes_anything = True
    world.rotate()
    return world


def test_after_a_malformed_write_that_klaviyo_took_keys_rotate_without_another_one() -> None:
    world = after_a_write_that_klaviyo_took()
    assert world.rotate() == "RotationSucceeded"
    assert (posts(world), world.lives()) == (1, {"a": "AWSCURRENT KEY"})
    assert len(world.labels(world.reserve_arn).writes_taken) == 1


def test_after_a_malformed_write_that_klaviyo_took_no_key_is_promoted_where_each_scope_is_to_be_proved() -> None:
    world = after_a_write_that_klaviyo_took()
    world.settings = replace(world.settings, require_proof="all")
    assert world.rotate() == "RotationFailed"
    assert (posts(world), type(world.errors[-1]).__name__) == (1, "ScopesUnprovedError")


def test_writes_are_probed_again_once_an_operator_had_switched_them_off() -> None:
    world = after_a_write_that_klaviyo_took()
    for action, events in (("unstick", 1), ("canary", 1)):
        world.ask(action)
        assert len(world.labels(world.reserve_arn).writes_taken) == events
    world.settings = replace(world.settings, write_probes=False)
    world.ask("canary")
    world.settings = replace(world.settings, write_probes=True)
    world.klaviyo.takes_anything = False
    assert world.rotate() == "RotationSucceeded"
    assert (posts(world), world.labels(world.reserve_arn).writes_taken) == (2, ())


def test_no_write_is_probed_where_no_label_could_say_that_it_was_taken() -> None:
    world = World(write_probes=True)
    world.stage("a")
    leave_free("reserve", 1)(world)
    assert world.rotate() == "RotationSucceeded"
    assert posts(world) == 0


def test_a_spare_without_a_tombstone_is_let_go_and_the_word_of_the_write_stays() -> None:
    world = World(write_probes=True)
    world.stage("a", tombstone=False)
    world.klaviyo.takes_anything = True
    world.rotate()
    world.ask("leaked", "a")
    world.stage("b")
    del world.klaviyo.scopes[key_value("a")]
    assert world.ask("prove-dead", "a")["outcome"] == "dead"
    assert len(world.labels(world.reserve_arn).writes_taken) == 1


def test_no_write_is_sent_unless_the_settings_allow_it() -> None:
    world = World()
    world.stage("a")

    assert world.rotate() == "RotationSucceeded"

    assert [call for call in world.klaviyo.calls if not call.startswith("GET")] == []


def test_the_audit_tells_of_a_write_that_klaviyo_took_until_an_operator_has_seen_to_it() -> None:
    world = AuditWorld(waiting={"old"})
    world.roles["viewer"].reserve["tombstone"] = ["AWSCURRENT", str(WriteTaken(NOW))]
    (finding,) = world.audit().findings
    assert (finding.kind, finding.role) == ("write-taken", "viewer")
    assert "writeProbes was set to false" in finding.message
    assert world.rotations == []
