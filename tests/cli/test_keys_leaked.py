"""``keys leaked``: which roles are asked what, in which order, what is never disabled, and who is told to have read."""

from typing import Any

import pytest

from klaviyo_access.cli import prompts
from tests.cli.cli_fakes import ACCESS_MODEL, ACCOUNT, SETTINGS, Command, FakeAws, lay_out
from tests.cli.key_ends import FP, KEY, LEAKED, OTHER, RESERVE, SPARE, TIME, Event, World, rotated, world_of

ARN = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{KEY}"


@pytest.fixture
def world(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> World:
    """Viewer uses the leaked key and has a spare; nobody waits."""
    return world_of(aws, monkeypatch)


@pytest.mark.parametrize(
    ("key", "reserve", "asked", "said"),
    [
        (
            {"v1": ["AWSCURRENT", f"KEY:{FP}"]},
            {"r1": [f"SPARE:{TIME}:{SPARE}"]},
            [("leaked",), ("rotate",), ("retire",), ("audit",), ("prove-dead", "key")],
            "is in use",
        ),
        (
            {"v1": ["AWSPREVIOUS", f"KEY:{FP}", f"RETIRED:{TIME}:{FP}"], "v2": ["AWSCURRENT", f"KEY:{OTHER}"]},
            {},
            [("leaked",), ("retire",), ("audit",), ("prove-dead", "key")],
            "is superseded",
        ),
        (
            {"v2": ["AWSCURRENT", f"KEY:{OTHER}"], "v3": ["AWSPENDING", f"KEY:{FP}"]},
            {},
            [("leaked",), ("retire",), ("audit",), ("prove-dead", "key")],
            "is about to be taken into use",
        ),
        (
            {"v2": ["AWSCURRENT", f"KEY:{OTHER}"]},
            {"r1": [f"SPARE:{TIME}:{FP}"]},
            [("leaked",), ("begin-disable", "reserve"), ("audit",), ("prove-dead", "reserve")],
            "is a spare",
        ),
        (
            {"v2": ["AWSCURRENT", f"KEY:{OTHER}"]},
            {"r1": [f"REJECTED:{TIME}:{FP}:refused"]},
            [("leaked",), ("begin-disable", "reserve"), ("audit",), ("prove-dead", "reserve")],
            "is rejected",
        ),
    ],
    ids=["in use", "superseded", "pending", "spare", "rejected"],
)
def test_a_leaked_key_is_ended_whatever_life_it_is_in(
    command: Command,
    world: World,
    key: dict[str, list[str]],
    reserve: dict[str, list[str]],
    asked: list[tuple[str, ...]],
    said: str,
) -> None:
    world.aws.labels |= {KEY: key, RESERVE: {"r0": ["AWSCURRENT"], **reserve}}
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert result.code == 0, result.err
    assert world.asked == asked
    assert f"viewer: {FP} {said}" in result.err
    assert f"viewer: {FP} is disabled, and Klaviyo refuses it." in result.out


@pytest.mark.parametrize("terminal", [True, False], ids=["at the hidden prompt", "on standard input"])
def test_the_key_itself_may_be_given_and_goes_nowhere(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(prompts, "getpass", lambda _prompt, stream: LEAKED.reveal())  # noqa: ARG005 - getpass's name
    stdin = None if terminal else LEAKED.reveal() + "\n"
    result = command("keys", "leaked", "--yes", "--stack", "dev", stdin=stdin)
    assert result.code == 0, result.err
    assert LEAKED.reveal() not in str(world.aws.events) + str(world.aws.asked)
    assert {"action": "leaked", "fingerprint": FP} in world.aws.events


@pytest.mark.parametrize("typed", ["", None], ids=["nothing", "Ctrl-D"])
@pytest.mark.parametrize("stdin", [None, "", "\n"], ids=["a terminal", "an empty input", "an empty line"])
def test_no_answer_changes_nothing(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch, stdin: str | None, typed: str | None
) -> None:
    def answer(_prompt: str, stream: object) -> str:
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr(prompts, "getpass", answer)
    result = command("keys", "leaked", "--yes", "--stack", "dev", stdin=stdin)
    assert (result.code, world.asked) == (2, [])
    assert "Nothing was changed." in result.err
    assert "should not happen" not in result.err


def test_ctrl_d_is_no_consent(command: Command, world: World) -> None:
    result = command("keys", "leaked", FP, "--stack", "dev", stdin=None, typed="")
    assert (result.code, world.asked) == (1, [])
    assert "Go on? [y/N] \nerror: You did not agree. Nothing was changed.\n" in result.err


def test_without_a_spare_a_key_in_use_is_left_alone_and_the_ways_out_are_named(command: Command, world: World) -> None:
    world.aws.labels[RESERVE] = {"r0": ["AWSCURRENT"]}
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert result.code == 1
    assert "Nothing was changed" in result.err
    assert "keys stage viewer --stack dev" in result.err
    assert "--outage" in result.err
    assert world.asked == []


@pytest.mark.parametrize("named", [[], [FP]], ids=["by the key", "by its fingerprint"])
def test_with_outage_it_is_marked_and_the_way_to_disable_it_is_said(
    command: Command, world: World, named: list[str]
) -> None:
    world.aws.labels[RESERVE] = {"r0": ["AWSCURRENT"]}
    stdin = "" if named else LEAKED.reveal()
    result = command("keys", "leaked", *named, "--outage", "--yes", "--stack", "dev", stdin=stdin)
    assert result.code == 1
    assert world.asked == [("leaked",)]
    assert "services of viewer FAIL until" in result.err
    assert "disable the one key that ends in 0707" in result.err


@pytest.mark.parametrize("words", [("leaked", FP), ("retire", "viewer", FP)])
def test_services_that_do_not_follow_by_themselves_are_named_before(
    command: Command, world: World, words: tuple[str, ...]
) -> None:
    lay_out("access.yaml", ACCESS_MODEL.replace("reads: library", "reads: injected"))
    if words[0] == "retire":
        rotated(world)
    result = command("keys", *words, "--stack", "dev")
    assert result.code == 2
    assert "app-api (injected)" in result.err
    assert world.asked == []


def test_a_rotation_that_fails_leaves_the_key_alive_and_says_so(command: Command, world: World) -> None:
    world.aws.on_rotate = lambda _labels, _version: None
    world.aws.failures = [{"additionalEventData": {"SecretId": KEY}, "errorMessage": "Klaviyo did not answer"}]
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert result.code == 1
    assert "Services of viewer still use the leaked key" in result.err
    assert world.asked == [("leaked",)]


@pytest.mark.parametrize("failing", ["the rotation", "the mark"])
def test_what_fails_in_one_role_leaves_the_key_promotable_in_no_other(
    command: Command, world: World, failing: str
) -> None:
    """Developer uses the key and viewer has it as a spare; developer's turn comes first, and fails."""
    developer, reserve = "klaviyo/dev/developer/key", "klaviyo/dev/developer/reserve"
    world.aws.labels |= {
        developer: {"v1": ["AWSCURRENT", f"KEY:{FP}"]},
        reserve: {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{OTHER}"]},
        KEY: {"v2": ["AWSCURRENT", f"KEY:{SPARE}"]},
        RESERVE: {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{FP}"]},
    }
    world.aws.on_rotate = lambda _labels, _version: None
    world.aws.failures = [{"additionalEventData": {"SecretId": developer}, "errorMessage": "Klaviyo did not answer"}]
    if failing == "the mark":
        world.aws.on_invoke = lambda event: (
            {"errorType": "StoreError", "errorMessage": "no"} if len(world.aws.events) == 1 else world.answer(event)
        )
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert result.code == (3 if failing == "the mark" else 1)
    assert world.asked == [("leaked",), ("leaked",)]
    assert f"viewer: {FP} is marked as leaked." in result.out
    assert f"{FP} is not disabled yet, since developer has it in use." in result.err
    assert "developer" in result.err.partition("error: ")[2]


@pytest.mark.parametrize("auditor", ["fits the second", "cannot"])
def test_a_key_in_two_roles_is_disabled_where_the_auditor_can_tell_it_by_either(
    command: Command, world: World, auditor: str
) -> None:
    """Klaviyo's list fits the scopes of viewer, which comes after developer."""
    world.aws.labels |= {
        "klaviyo/dev/developer/reserve": {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{FP}"]},
        KEY: {"v2": ["AWSCURRENT", f"KEY:{OTHER}"]},
        RESERVE: {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{FP}"]},
    }
    world.auditor_disables = auditor == "fits the second"
    result = command("keys", "leaked", FP, "--yes", "--timeout", "0", "--stack", "dev")
    assert [event["roles"] for event in world.aws.events if event["action"] == "audit"] == [["developer", "viewer"]]
    dead = [f"{role}: {FP} is disabled, and Klaviyo refuses it." for role in ("developer", "viewer")]
    assert [line for line in result.out.splitlines() if line in dead] == (dead if world.auditor_disables else [])
    assert result.code == (0 if world.auditor_disables else 1)
    assert result.err.count("disable the one key that ends in") == (0 if world.auditor_disables else 1)


UNTIL = "2026-11-22T16:05:00+00:00"


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        (["unstuck"], [("unstick",), ("leaked",), ("rotate",), ("retire",), ("audit",), ("prove-dead", "key")]),
        (["too early", "too early"], [("unstick",), ("leaked",), ("unstick",)]),
        (
            ["too early", "rotated"],
            [("unstick",), ("leaked",), ("unstick",), ("retire",), ("audit",), ("prove-dead", "key")],
        ),
    ],
    ids=["it died long ago", "it may be at work", "it ends meanwhile"],
)
def test_a_rotation_in_the_way_is_ended_where_it_died_and_the_mark_waits_for_nothing(
    command: Command, world: World, answers: list[str], asked: list[tuple[str, ...]]
) -> None:
    world.aws.labels[KEY]["v3"] = ["AWSPENDING", f"KEY:{OTHER}"]
    said = iter(answers)

    def answer(event: Event) -> dict[str, Any]:
        if event["action"] != "unstick":
            return World.answer(world, event)
        outcome = next(said)
        if outcome == "rotated":
            world.promote(world.aws.labels[KEY], "v3")
            world.aws.events.pop()
            return {"outcome": "nothing pending"}
        if outcome == "unstuck":
            world.aws.labels[KEY]["v3"].remove("AWSPENDING")
        return {"outcome": outcome, **({"until": UNTIL} if outcome == "too early" else {})}

    world.aws.on_invoke = answer
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert world.asked == asked
    assert "The rotation of viewer that is under way ends, if nobody is at work on it." in result.err
    if result.code:
        assert "Run the same command again when that rotation has ended, or after 2026-11-22 16:05 UTC" in result.err
        assert "Stage a good key" not in result.err
    assert result.code == (1 if answers[-1] == "too early" else 0)


def test_a_rotation_that_took_the_last_spare_is_named_as_what_to_wait_for(command: Command, world: World) -> None:
    world.aws.labels[KEY]["v3"] = ["AWSPENDING", f"KEY:{SPARE}"]
    world.aws.labels[RESERVE] = {"r0": ["AWSCURRENT"]}
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert (result.code, world.asked) == (1, [])
    assert "A rotation of viewer is under way: run this again when it has ended." in result.err


def test_a_key_that_the_auditor_cannot_disable_is_waited_for_and_said_how_to_disable(
    command: Command, world: World
) -> None:
    world.auditor_disables = False
    answers = iter(["alive", "no answer", "dead"])

    def answer(event: Event) -> dict[str, Any]:
        return {"outcome": next(answers)} if event["action"] == "prove-dead" else World.answer(world, event)

    world.aws.on_invoke = answer
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert result.code == 0, result.err
    assert 'disable the one key that ends in 0707; it was made as "dev viewer"' in result.err
    assert world.asked.count(("prove-dead", "key")) == 3


def test_the_end_of_the_wait_is_no_success(command: Command, world: World) -> None:
    world.auditor_disables = False
    result = command("keys", "leaked", FP, "--yes", "--timeout", "0", "--stack", "dev")
    assert result.code == 1
    assert f"Klaviyo still accepts {FP}" in result.err


@pytest.mark.parametrize("answers", [["refused"], ["", "refused"]], ids=["at once", "while it is waited for"])
def test_a_401_that_nothing_can_be_compared_with_is_waited_for_no_longer(
    command: Command, world: World, answers: list[str]
) -> None:
    world.auditor_disables = False
    reasons = iter(answers)

    def answer(event: Event) -> dict[str, Any]:
        if event["action"] == "prove-dead":
            return {"outcome": "no answer", "reason": next(reasons)}
        return World.answer(world, event)

    world.aws.on_invoke = answer
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert result.code == 1
    assert f"Klaviyo answers 401 to {FP}, and knows no other key of viewer" in result.err
    assert "'klaviyo-access keys stage viewer --stack dev'" in result.err
    assert next(reasons, None) is None


def test_a_key_of_another_stack_is_told_where_it_is(command: Command, world: World) -> None:
    lay_out("Pulumi.staging.yaml", SETTINGS.format(region="eu-west-1", account=ACCOUNT))
    world.aws.deploy("staging")
    world.aws.labels["klaviyo/staging/viewer/key"] = {"v1": ["AWSCURRENT", f"KEY:{OTHER}"]}
    result = command("keys", "leaked", OTHER, "--yes", "--stack", "dev")
    assert result.code == 1
    assert "it is in role 'viewer' of staging" in result.err


def test_a_key_that_no_role_has_is_said_to_be_unknown(command: Command, world: World) -> None:
    result = command("keys", "leaked", OTHER, "--yes", "--stack", "dev")
    assert result.code == 1
    assert f"No role in reach has {OTHER}" in result.err
    assert world.asked == []


@pytest.mark.parametrize(
    ("event", "labelling"),
    [
        ("PutSecretValue", {"secretId": RESERVE, "versionStages": [f"SPARE:{TIME}:{OTHER}"]}),
        ("PutSecretValue", {"secretId": KEY, "versionStages": ["AWSPENDING", f"KEY:{OTHER}"]}),
        ("UpdateSecretVersionStage", {"secretId": f"{ARN}-AbCdEf", "versionStage": f"LEAKED:{OTHER}"}),
    ],
    ids=["staged", "promoted", "leaked"],
)
def test_who_read_a_key_is_told_also_when_it_is_dead_and_its_labels_are_gone(
    command: Command, world: World, event: str, labelling: dict[str, Any]
) -> None:
    of_marketer = {"secretId": "klaviyo/dev/marketer/key", "versionStage": f"KEY:{SPARE}"}
    world.aws.reads = [
        read("deployer", of_marketer, eventName="UpdateSecretVersionStage"),
        read("rotator", labelling, eventName=event),
        read("rotator", {**labelling, "secretId": "klaviyo/dev/admin/key"}, eventName=event, errorCode="AccessDenied"),
        read("thief", {"secretId": KEY}),
        read("other", {"secretId": "klaviyo/dev/marketer/key"}),
    ]
    result = command("keys", "leaked", OTHER, "--stack", "dev")
    assert (result.code, world.asked) == (0, []), result.err
    assert f"No role has {OTHER} any more, which viewer had" in result.out
    assert "Nothing is left to do." in result.out
    assert [line.split(":role/")[1].split(":")[0] for line in result.out.splitlines() if ":role/" in line] == ["thief"]


def test_a_key_in_use_that_no_label_names_is_asked_for_at_its_rotator(command: Command, world: World) -> None:
    world.aws.labels[KEY] = {"v1": ["AWSCURRENT"]}
    world.aws.on_invoke = lambda _event: {"outcome": "unknown"}
    result = command("keys", "leaked", OTHER, "--yes", "--stack", "dev")
    assert f"viewer: has not {OTHER}." in result.err
    assert world.asked == [("leaked",)]


def test_what_is_no_fingerprint_is_not_quoted(command: Command) -> None:
    result = command("keys", "leaked", "0123456789ABCDEF", "--stack", "dev")
    assert result.code == 2
    assert "16 characters in another form" in result.err
    assert "0123456789ABCDEF" not in result.err


def test_who_read_the_key_is_told_by_role_with_refusals_left_out(command: Command, world: World) -> None:
    arn = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{KEY}-AbCdEf"
    world.aws.reads = [
        read("reporting", {"secretId": arn}, time="2026-11-22T10:00:00Z"),
        read("reporting", {"secretId": KEY}, time="2026-11-21T10:00:00Z", address="10.0.0.9"),
        read("stranger", {"secretId": KEY}, errorCode="AccessDenied"),
        read("other", {"secretId": "klaviyo/dev/marketer/key"}),
        read("batch", {"secretIdList": ["x", KEY]}, time="2026-11-20T10:00:00Z"),
    ]
    result = command("keys", "leaked", FP, "--days", "7", "--yes", "--stack", "dev")
    lines = result.out.splitlines()
    start = lines.index("Who read keys of the role in the last 7 days, how often, when and where:")
    role = f"arn:aws:iam::{ACCOUNT}:role"
    assert lines[start + 1 :] == [
        f"  {role}/reporting: 2, from 2026-11-21 10:00 UTC to 2026-11-22 10:00 UTC, at 10.0.0.1, 10.0.0.9",
        f"  {role}/batch: 1, from 2026-11-20 10:00 UTC to 2026-11-20 10:00 UTC, at 10.0.0.1",
    ]


def test_who_read_a_replica_is_told_too(command: Command, world: World) -> None:
    world.aws.replicas = {"us-east-1": "InSync"}
    world.aws.reads = [read("thief", {"secretId": KEY}, awsRegion="us-east-1")]
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert f"  arn:aws:iam::{ACCOUNT}:role/thief: 1, from" in result.out


def test_nobody_is_not_said_of_a_region_that_could_not_be_asked(command: Command, world: World) -> None:
    world.aws.replicas = {"us-east-1": "InSync"}
    world.aws.mute_regions = ["us-east-1"]
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert "  nobody, but us-east-1 was not looked at" in result.out.splitlines()
    assert "Who read it in us-east-1 cannot be told" in result.err


def read(
    role: str, asked: Event, *, time: str = "2026-11-22T12:00:00Z", address: str = "10.0.0.1", **more: str
) -> dict[str, Any]:
    """An entry of the trail: a role's session reads."""
    issuer = {"sessionIssuer": {"arn": f"arn:aws:iam::{ACCOUNT}:role/{role}"}}
    return {
        "eventName": "BatchGetSecretValue" if "secretIdList" in asked else "GetSecretValue",
        "eventTime": time,
        "sourceIPAddress": address,
        "userIdentity": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/x", "sessionContext": issuer},
        "requestParameters": asked,
        **more,
    }


@pytest.mark.parametrize("action", ["audit", "prove-dead"])
def test_a_stop_after_the_mark_does_not_claim_that_nothing_changed(command: Command, world: World, action: str) -> None:
    def answer(event: Event) -> dict[str, Any]:
        if event["action"] == action:
            raise KeyboardInterrupt
        return World.answer(world, event)

    world.aws.on_invoke = answer
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert result.code == 130
    assert "nothing was changed" not in result.err.lower()
    assert "Who read keys of the role" in result.out


def test_a_stop_while_the_trail_is_looked_through_says_that_the_rest_was_done(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeAws, "_LookupEvents", stop)
    result = command("keys", "leaked", FP, "--yes", "--stack", "dev")
    assert result.code == 130
    assert "what was said before was done" in result.err
