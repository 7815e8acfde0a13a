"""Rotation under a stream of deliveries: whatever happens to the rotator, receivers refuse none of Klaviyo's."""

import json
from typing import Literal

import pytest

from klaviyo_access.webhooks.store import HOLD_OFF
from rotation.errors import (
    ChangeRefusedError,
    EventRefusedError,
    KlaviyoSilentError,
    NoRoleKeyError,
    RotationError,
)
from rotation.webhooks.change import PUBLISHED_FOR
from sandbox.aws.calls import AwsError
from tests.rotation.rotation_world import KilledError
from tests.webhooks.webhook_world import FIRST_AT_KLAVIYO, WebhookWorld

CALLS_OF_A_ROTATION = 20


@pytest.fixture
def world() -> WebhookWorld:
    """A webhook whose secret was rotated once, so that there is one to verify with, and its receivers."""
    world = WebhookWorld()
    assert world.rotate() == "RotationSucceeded"
    world.start_receivers()
    return world


def test_the_first_rotation_makes_a_secret_and_tells_klaviyo() -> None:
    world = WebhookWorld()
    assert world.rotate() == "RotationSucceeded"
    assert world.klaviyo.secret == world.current_secret() != FIRST_AT_KLAVIYO


def test_no_delivery_is_refused_over_a_hundred_rotations(world: WebhookWorld) -> None:
    secrets = {world.klaviyo.secret}
    for _ in range(100):
        assert world.rotate() == "RotationSucceeded"
        assert world.klaviyo.secret == world.current_secret()
        secrets.add(world.klaviyo.secret)
    assert (world.refused, len(secrets)) == ([], 101)
    assert world.delivered > 10_000


@pytest.mark.parametrize("kill", ["before", "after"])
@pytest.mark.parametrize("number", range(CALLS_OF_A_ROTATION))
def test_a_kill_before_or_after_any_call_loses_no_delivery(
    world: WebhookWorld, number: int, kill: Literal["before", "after"]
) -> None:
    process = world.client.process
    process.dies_at, process.dies = process.calls + number, kill
    assert world.rotate() == "RotationSucceeded"
    assert world.rotate() == "RotationSucceeded"
    assert (world.refused, world.klaviyo.secret) == ([], world.current_secret())


def test_the_kills_above_cover_every_call_of_a_rotation(world: WebhookWorld) -> None:
    before = len(world.client.made)
    world.rotate()
    assert CALLS_OF_A_ROTATION - 5 <= len(world.client.made) - before <= CALLS_OF_A_ROTATION


@pytest.mark.parametrize("answers", [["lost"], ["silent"], ["killed"], [503], [429], ["lost", "silent", 502]])
def test_an_answer_that_klaviyo_owes_is_asked_for_again(world: WebhookWorld, answers: list[str | int]) -> None:
    world.klaviyo.answers = answers
    assert world.rotate() == "RotationSucceeded"
    assert (world.refused, world.klaviyo.secret) == ([], world.current_secret())


@pytest.mark.parametrize("answer", ["lost", "silent", 500])
def test_an_outage_of_klaviyos_ends_the_rotation_and_the_next_one_succeeds(
    world: WebhookWorld, answer: str | int
) -> None:
    world.klaviyo.answers = [answer] * 500
    assert world.rotate() == "RotationFailed"
    assert world.labels().pending is None
    assert isinstance(world.errors[0], KlaviyoSilentError)

    world.klaviyo.answers = []
    assert world.rotate() == "RotationSucceeded"
    assert (world.refused, world.klaviyo.secret) == ([], world.current_secret())


@pytest.mark.parametrize("answer", [400, 401, 403, 404])
def test_a_refusal_by_klaviyo_changes_nothing_and_leaves_no_label(world: WebhookWorld, answer: int) -> None:
    secret, labels = world.klaviyo.secret, [sorted(map(str, version.labels)) for version in world.labels()]
    for _ in range(30):
        world.klaviyo.answers = [answer]
        assert world.rotate() == "RotationFailed"
    assert isinstance(world.errors[0], ChangeRefusedError)
    assert [sorted(map(str, version.labels)) for version in world.labels() if version.labels] == labels
    assert (world.refused, world.klaviyo.secret) == ([], secret)


def test_a_secret_that_may_have_been_taken_stays_readable_though_the_next_try_was_refused(world: WebhookWorld) -> None:
    world.klaviyo.answers = ["lost", 403]
    assert world.rotate() == "RotationFailed"
    assert world.klaviyo.secret != world.current_secret()
    assert world.rotate() == "RotationSucceeded"
    assert (world.refused, world.klaviyo.secret) == ([], world.current_secret())


UNSTICK = {"action": "unstick"}


def test_a_dead_rotation_wedges_the_next_one_until_the_rotator_hears_that_it_failed(world: WebhookWorld) -> None:
    world.klaviyo.answers = ["killed"] * 3
    assert world.rotate() == "RotationFailed"
    assert world.klaviyo.secret != world.current_secret()
    with pytest.raises(AwsError, match="A previous rotation isn't complete"):
        world.rotate()
    assert (world.invoke(UNSTICK), world.invoke(UNSTICK)) == ("unstuck", "nothing pending")
    world.moment("after AWSPENDING was taken off")
    assert world.rotate() == "RotationSucceeded"
    assert (world.refused, world.klaviyo.secret) == ([], world.current_secret())


@pytest.mark.parametrize("steps", range(5))
def test_a_rotation_may_be_ended_after_any_step(world: WebhookWorld, steps: int) -> None:
    token = world.announce()
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"][:steps]:
        world.step(step, token)
    assert world.invoke(UNSTICK) == ("unstuck" if steps < 4 else "nothing pending")
    world.moment("after it was ended")
    world.serving = True
    if steps < 4:
        with pytest.raises(EventRefusedError):
            world.step("setSecret", token)
        assert world.rotate() == "RotationSucceeded"
    assert (world.refused, world.klaviyo.secret) == ([], world.current_secret())


def test_labels_do_not_gather_over_failed_and_good_rotations(world: WebhookWorld) -> None:
    for _ in range(5):
        world.klaviyo.answers = ["lost"] * 500
        world.rotate()
        world.klaviyo.answers = []
        world.rotate()
    world.rotate()
    assert sum(len(version.labels) for version in world.labels()) <= 6
    assert world.refused == []


def test_a_new_secret_lies_readable_for_longer_than_receivers_hold_off(world: WebhookWorld) -> None:
    world.rotate()
    assert world.slept[-1] == PUBLISHED_FOR
    assert PUBLISHED_FOR >= 2 * HOLD_OFF


def test_without_that_wait_a_receiver_that_has_just_looked_would_refuse(
    world: WebhookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotation.webhooks.change.PUBLISHED_FOR", 0)
    world.rotate()
    assert "under attack" in {receiver for _, receiver, _ in world.refused}


def test_klaviyo_is_not_told_of_a_secret_before_its_label_keeps_it(world: WebhookWorld) -> None:
    told: list[bool] = []
    world.klaviyo.answers = ["ok"]
    patch = world.klaviyo.__call__

    def look(*request: object) -> object:
        pending = world.labels().pending
        told.append(any(str(label).startswith("OFFERED:") for label in pending.labels) if pending else False)
        return patch(*request)  # type: ignore[arg-type] # handed on as it came

    world._patch = look  # type: ignore[method-assign, assignment] # the test stands between
    world.rotate()
    assert told == [True]


def test_a_role_without_a_key_ends_the_rotation_with_what_to_do(world: WebhookWorld) -> None:
    world.settings = world.settings.__class__(
        **{**vars(world.settings), "key_secret_arn": world._create("klaviyo/local/empty/key")}
    )
    assert world.rotate() == "RotationFailed"
    assert isinstance(world.errors[0], NoRoleKeyError)
    assert "stage one and rotate the role" in str(world.errors[0])
    assert world.labels().pending is None


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "createSecret",
        {"action": "steal"},
        {"action": "canary"},
        {"action": "unstick", "version": "0" * 32},
        {"Step": "deleteSecret", "SecretId": "arn", "ClientRequestToken": "0" * 32},
        {"Step": "setSecret", "SecretId": "another", "ClientRequestToken": "0" * 32},
        {"Step": "setSecret", "SecretId": "arn", "ClientRequestToken": "../" * 12},
        {"Step": "setSecret", "SecretId": "arn", "ClientRequestToken": "0" * 32},
        {"Step": ["setSecret"], "SecretId": "arn", "ClientRequestToken": "0" * 32},
    ],
)
def test_a_hostile_event_is_refused_and_changes_nothing(world: WebhookWorld, event: object) -> None:
    if isinstance(event, dict) and event.get("SecretId") == "arn":
        event = event | {"SecretId": world.secret_arn}
    before = (world.labels(), world.klaviyo.changes)
    with pytest.raises(EventRefusedError) as refused:
        world.invoke(event)
    assert (world.labels(), world.klaviyo.changes) == before
    assert "steal" not in str(refused.value)


@pytest.mark.parametrize("step", ["createSecret", "setSecret", "testSecret", "finishSecret"])
def test_a_step_sent_again_for_the_current_secret_changes_nothing(world: WebhookWorld, step: str) -> None:
    current = world.labels().current
    assert current is not None
    before = (world.labels(), world.klaviyo.secret, world.klaviyo.changes)
    world.step(step, current.id)
    assert (world.labels(), world.klaviyo.secret, world.klaviyo.changes) == before


def test_finish_before_klaviyo_was_told_is_refused(world: WebhookWorld) -> None:
    token = world.announce()
    world.step("createSecret", token)
    before = world.current_secret()
    with pytest.raises(EventRefusedError, match="setSecret comes first"):
        world.step("finishSecret", token)
    assert world.current_secret() == before


def test_set_before_there_is_a_secret_is_refused(world: WebhookWorld) -> None:
    with pytest.raises(EventRefusedError, match="createSecret comes first"):
        world.step("setSecret", world.announce())
    assert world.klaviyo.changes == 1


def test_what_leaves_shows_no_secret_and_no_key(world: WebhookWorld) -> None:
    world.klaviyo.answers = [400, "lost", 403]
    world.rotate()
    world.rotate()
    said = " ".join(f"{error} {error!r}" for error in world.errors if isinstance(error, RotationError))
    assert said
    for value in (world.klaviyo.secret, world.current_secret(), world.klaviyo.key, "made-for"):
        assert value not in said


def test_what_secrets_manager_holds_names_the_webhook(world: WebhookWorld) -> None:
    answer = world._handle("GetSecretValue", SecretId=world.secret_arn)
    assert sorted(json.loads(answer["SecretString"])) == ["secretKey", "webhookId"]


def test_a_killed_run_is_no_error_of_the_rotators(world: WebhookWorld) -> None:
    world.klaviyo.answers = ["killed"]
    world.rotate()
    assert isinstance(world.errors[0], KilledError)
