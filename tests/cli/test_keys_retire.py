"""``keys retire``: which key goes, what is never disabled, and what the auditor leaves to a person."""

from typing import Any

import pytest

from components.names import AuditorNames
from klaviyo_access.access_model.environment import Environment
from tests.cli.cli_fakes import ACCOUNT, Command, FakeAws
from tests.cli.key_ends import FP, KEY, OTHER, RESERVE, SPARE, TIME, Event, World, rotated, world_of


@pytest.fixture
def world(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> World:
    """Viewer uses the leaked key and has a spare; nobody waits."""
    return world_of(aws, monkeypatch)


def test_a_superseded_key_is_retired_and_the_way_back_is_said_to_be_gone(command: Command, world: World) -> None:
    rotated(world)
    result = command("keys", "retire", "viewer", "--yes", "--stack", "dev")
    assert result.code == 0, result.err
    assert world.aws.events[0] == {"action": "retire", "version": "v1"}
    assert world.aws.events[1] == {"action": "audit", "roles": ["viewer"]}
    assert f"{FP} of viewer will be disabled at Klaviyo; there is no way back to it" in result.err


@pytest.mark.parametrize(
    ("more", "named", "code", "said"),
    [
        ({}, [], 1, "viewer has no superseded or rejected key"),
        ({"v0": [f"KEY:{OTHER}"], "v9": [f"KEY:{SPARE}"]}, [], 2, f"none was named: {OTHER}, {SPARE}"),
        ({"v0": [f"KEY:{OTHER}"]}, ["d" * 12], 2, f"no superseded or rejected key {'d' * 12}; it has: {OTHER}"),
    ],
    ids=["none", "several", "another"],
)
def test_which_key_goes_is_never_guessed(
    command: Command, world: World, more: dict[str, list[str]], named: list[str], code: int, said: str
) -> None:
    world.aws.labels[KEY] |= more
    result = command("keys", "retire", "viewer", *named, "--yes", "--stack", "dev")
    assert result.code == code
    assert said in result.err
    assert world.asked == []


def test_a_rejected_spare_is_retired_wherever_it_was_staged_and_one_that_is_no_key_is_let_go(
    command: Command, world: World
) -> None:
    malformed, refused = (f"REJECTED:{TIME}:{FP}:{reason}" for reason in ("malformed", "refused"))
    world.aws.labels[KEY] = {"v1": ["AWSCURRENT", f"KEY:{OTHER}"]}
    world.aws.labels[RESERVE] = {"r0": ["AWSCURRENT"], "r1": [malformed], "r2": [refused]}

    def answer(event: Event) -> dict[str, Any]:
        no_key = event.get("version") == "r1"
        match event["action"]:
            case "begin-disable" if no_key:
                return {"outcome": "disabling", "fingerprint": FP, "reason": "malformed"}
            case "prove-dead" if no_key:
                return {"outcome": "no answer", "fingerprint": FP, "reason": "malformed"}
            case "discard":
                return {"outcome": "discarded", "fingerprint": FP}
        return World.answer(world, event)

    world.aws.on_invoke = answer
    result = command("keys", "retire", "viewer", FP, "--yes", "--stack", "dev")
    assert result.code == 0, result.err
    assert result.out.splitlines() == [
        f"viewer: no key can be read in what was staged as {FP}; it is let go.",
        f"viewer: {FP} is disabled, and Klaviyo refuses it.",
    ]
    assert [event["version"] for event in world.aws.events if event["action"] == "discard"] == ["r1"]
    assert "look first that none meant for it is alive" in result.err


def test_a_spare_that_nobody_can_decrypt_is_let_go_if_it_is_named_and_only_then(command: Command, world: World) -> None:
    world.aws.labels[KEY] = {"v1": ["AWSCURRENT", f"KEY:{OTHER}"]}
    world.aws.labels[RESERVE] = {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{FP}"]}
    outcomes = {"begin-disable": "disabling", "prove-dead": "no answer", "discard": "discarded"}
    world.aws.on_invoke = lambda event: {"outcome": outcomes[event["action"]], "reason": "undecryptable"}
    assert command("keys", "retire", "viewer", "--yes", "--stack", "dev").code == 1
    assert world.aws.events == []
    result = command("keys", "retire", "viewer", FP, "--yes", "--stack", "dev")
    assert result.code == 0, result.err
    assert result.out == f"viewer: no key can be read in what was staged as {FP}; it is let go.\n"
    assert "Disable it first, by hand" in result.err
    assert world.aws.events[-1] == {"action": "discard", "version": "r1"}


def test_a_spare_that_can_be_decrypted_stays_though_it_is_named(command: Command, world: World) -> None:
    world.aws.labels[KEY] = {"v1": ["AWSCURRENT", f"KEY:{OTHER}"]}
    world.aws.labels[RESERVE] = {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{FP}"]}
    world.aws.on_invoke = lambda _: {"outcome": "in use", "fingerprint": FP}
    result = command("keys", "retire", "viewer", FP, "--yes", "--stack", "dev")
    assert (result.code, world.asked) == (1, [("begin-disable", "reserve")])


def test_silence_about_a_key_is_not_taken_for_no_key(command: Command, world: World) -> None:
    world.aws.labels[KEY] = {"v1": ["AWSCURRENT", f"KEY:{OTHER}"]}
    world.aws.labels[RESERVE] = {"r1": [f"REJECTED:{TIME}:{FP}:malformed"]}
    silent = {"outcome": "no answer", "fingerprint": FP}
    marked = {"outcome": "disabling", "fingerprint": FP, "reason": "malformed"}
    world.aws.on_invoke = lambda event: silent if event["action"] == "prove-dead" else marked
    result = command("keys", "retire", "viewer", "--yes", "--timeout", "0", "--stack", "dev")
    assert result.code == 1
    assert "discard" not in {event["action"] for event in world.aws.events}


def test_a_key_that_another_role_uses_is_never_disabled(command: Command, world: World) -> None:
    rotated(world)
    world.aws.labels["klaviyo/dev/marketer/key"] = {"v1": ["AWSCURRENT", f"KEY:{FP}"]}
    result = command("keys", "retire", "viewer", FP, "--yes", "--stack", "dev")
    assert result.code == 1
    assert f"{FP} is in use in marketer" in result.err
    assert world.asked == []


def test_no_key_is_disabled_while_another_role_uses_one_that_nobody_named(command: Command, world: World) -> None:
    rotated(world)
    world.aws.labels["klaviyo/dev/marketer/key"] = {"v1": ["AWSCURRENT"]}
    result = command("keys", "retire", "viewer", FP, "--yes", "--stack", "dev")
    assert result.code == 1
    assert "The current key of marketer has no label" in result.err
    assert "keys adopt marketer --stack dev" in result.err
    assert world.asked == []


def test_an_auditor_that_cannot_be_asked_leaves_it_to_a_person(command: Command, world: World) -> None:
    rotated(world)
    world.disabled = True
    world.aws.on_invoke = lambda event: (
        {"errorMessage": "no custodian"} if event["action"] == "audit" else world.answer(event)
    )
    result = command("keys", "retire", "viewer", "--yes", "--stack", "dev")
    assert result.code == 0, result.err
    assert "The auditor could not be asked (no custodian)" in result.err


@pytest.mark.parametrize(("times", "timeout", "disabled"), [(2, "300", True), (1, "0", False)])
def test_an_auditor_at_another_audit_is_waited_for_until_the_time_is_over(
    command: Command, world: World, times: int, timeout: str, disabled: bool
) -> None:
    rotated(world)

    def answer(event: Event) -> dict[str, Any]:
        if event["action"] == "retire":
            world.aws.busy = times
        return world.answer(event)

    world.aws.on_invoke = answer
    result = command("keys", "retire", "viewer", "--yes", "--timeout", timeout, "--stack", "dev")
    assert (f"viewer: {FP} is disabled, and Klaviyo refuses it." in result.out) is disabled
    assert result.err.count("The auditor is busy with another audit; waiting for it.") == int(disabled)
    assert ("The auditor could not be asked (it stays busy with another audit)" in result.err) is not disabled


def test_the_auditor_that_is_asked_is_the_one_that_the_program_deploys() -> None:
    environment = Environment(name="e" * 20, prefix="p" * 20, region="eu-west-1", account_id=ACCOUNT)
    assert environment.auditor_name == AuditorNames.of(environment).function
