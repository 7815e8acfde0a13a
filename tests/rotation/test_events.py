"""Every event is taken as hostile: what is not Secrets Manager's own is refused, and nothing was changed."""

import re
from typing import Any

import pytest

from klaviyo_access.keys.secret import fingerprint
from rotation.errors import EventRefusedError, NoSpareError, PendingKeyRefusedError
from rotation.events import (
    ActionRequest,
    Adopt,
    BeginDisable,
    Canary,
    Discard,
    FirstCanary,
    Leak,
    ProveDead,
    Retire,
    RollBack,
    Step,
    StepRequest,
    Unstick,
    read_event,
    read_step,
)
from rotation.store import Where
from tests.rotation.rotation_world import World, key_value

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:klaviyo/local/viewer/key-AbCdEf"
TOKEN = "0123456789abcdef0123456789abcdef"
GOOD = {"Step": "createSecret", "SecretId": ARN, "ClientRequestToken": TOKEN}


@pytest.mark.parametrize(
    ("spelling", "step"),
    [
        ("createSecret", Step.CREATE),
        ("create_secret", Step.CREATE),
        ("setSecret", Step.SET),
        ("set_secret", Step.SET),
        ("testSecret", Step.TEST),
        ("test_secret", Step.TEST),
        ("finishSecret", Step.FINISH),
        ("finish_secret", Step.FINISH),
    ],
)
def test_both_spellings_of_a_step_are_read(spelling: str, step: Step) -> None:
    assert read_event(GOOD | {"Step": spelling}, key_secret_arn=ARN) == StepRequest(step, TOKEN)


def test_the_rotation_token_of_newer_events_is_let_pass() -> None:
    assert read_event(GOOD | {"RotationToken": "t"}, key_secret_arn=ARN) == StepRequest(Step.CREATE, TOKEN)


HOSTILE: dict[str, Any] = {
    "nothing": None,
    "a text": "createSecret",
    "a list": [GOOD],
    "empty": {},
    "no step": {"SecretId": ARN, "ClientRequestToken": TOKEN},
    "no token": {"Step": "createSecret", "SecretId": ARN},
    "another secret": GOOD | {"SecretId": ARN.replace("viewer", "admin")},
    "the reserve": GOOD | {"SecretId": ARN.replace("/key-", "/reserve-")},
    "the secret's name": GOOD | {"SecretId": "klaviyo/local/viewer/key"},
    "the secret's ARN and more": GOOD | {"SecretId": ARN + "0"},
    "the secret's ARN in part": GOOD | {"SecretId": ARN.removesuffix("-AbCdEf")},
    "the secret in a list": GOOD | {"SecretId": [ARN]},
    "an unknown step": GOOD | {"Step": "deleteSecret"},
    "another case": GOOD | {"Step": "CREATESECRET"},
    "a step in a list": GOOD | {"Step": ["createSecret"]},
    "a step that cannot be hashed": GOOD | {"Step": {"a": 1}},
    "an unknown action": {"action": "disable"},
    "an action in another case": {"action": "Canary"},
    "an action in a list": {"action": ["canary"]},
    "an action that cannot be hashed": {"action": {"canary": 1}},
    "no action": {"action": None},
    "an action with a field more": {"action": "canary", "version": TOKEN},
    "an action that names a secret": {"action": "rollback", "version": TOKEN, "SecretId": ARN},
    "an action that is a step as well": GOOD | {"action": "canary"},
    "an action with a field less": {"action": "begin-disable", "version": TOKEN},
    "an action on a secret of another name": {"action": "prove-dead", "secret": ARN, "version": TOKEN},
    "an action on two secrets": {"action": "prove-dead", "secret": ["key", "reserve"], "version": TOKEN},
    "an action on a secret with a newline": {"action": "prove-dead", "secret": "key\n", "version": TOKEN},
    "an action on no version": {"action": "retire", "version": ""},
    "an action on a label": {"action": "retire", "version": "AWSPREVIOUS"},
    "an action on a version that is a number": {"action": "rollback", "version": 5},
    "a fingerprint in capitals": {"action": "leaked", "fingerprint": "0123456789AB"},
    "a fingerprint that is too long": {"action": "leaked", "fingerprint": "0123456789abc"},
    "a key in place of its fingerprint": {"action": "leaked", "fingerprint": "pk_" + "ab" * 17},
    "a short token": GOOD | {"ClientRequestToken": "short"},
    "a token with a newline": GOOD | {"ClientRequestToken": TOKEN + "\n"},
    "a token that is a number": GOOD | {"ClientRequestToken": 5},
}


@pytest.mark.parametrize("event", HOSTILE.values(), ids=HOSTILE.keys())
def test_any_other_event_is_refused_without_being_quoted(event: Any) -> None:
    with pytest.raises(EventRefusedError) as refused:
        read_event(event, key_secret_arn=ARN)

    assert not {"evil", "deleteSecret", "disable", "Canary", "admin", "pk_", "AWSPREVIOUS"} & set(
        re.split(r"[\s,.;]+", str(refused.value))
    )


ACTIONS: dict[str, tuple[dict[str, str], ActionRequest]] = {
    "canary": ({"action": "canary"}, Canary()),
    "first canary": ({"action": "first-canary"}, FirstCanary()),
    "rollback": ({"action": "rollback", "version": TOKEN}, RollBack(TOKEN)),
    "begin-disable, key": (
        {"action": "begin-disable", "secret": "key", "version": TOKEN},
        BeginDisable(Where.KEY, TOKEN),
    ),
    "begin-disable, reserve": (
        {"action": "begin-disable", "secret": "reserve", "version": TOKEN},
        BeginDisable(Where.RESERVE, TOKEN),
    ),
    "retire": ({"action": "retire", "version": TOKEN}, Retire(TOKEN)),
    "prove-dead": ({"action": "prove-dead", "secret": "key", "version": TOKEN}, ProveDead(Where.KEY, TOKEN)),
    "discard": ({"action": "discard", "version": TOKEN}, Discard(TOKEN)),
    "leaked": ({"action": "leaked", "fingerprint": "0123456789ab"}, Leak("0123456789ab")),
    "unstick": ({"action": "unstick"}, Unstick()),
    "adopt": ({"action": "adopt"}, Adopt()),
}


@pytest.mark.parametrize(("event", "request_"), ACTIONS.values(), ids=ACTIONS.keys())
def test_an_action_is_read_from_exactly_its_fields(event: dict[str, str], request_: ActionRequest) -> None:
    assert read_event(event, key_secret_arn=ARN) == request_


@pytest.mark.parametrize("event", [event for event, _ in ACTIONS.values()], ids=ACTIONS.keys())
def test_a_webhook_has_no_actions(event: dict[str, str]) -> None:
    with pytest.raises(EventRefusedError):
        read_step(event, key_secret_arn=ARN)


def test_fields_that_aws_may_add_are_not_looked_at() -> None:
    more = GOOD | {"RotationToken": "t", "Endpoint": "https://evil.test"}
    assert read_event(more, key_secret_arn=ARN) == read_event(GOOD, key_secret_arn=ARN)


@pytest.mark.parametrize("step", list(Step))
def test_a_token_of_no_version_is_refused_and_nothing_changes(step: Step) -> None:
    world = World()
    world.stage("a")
    world.rotate()
    before = world.lives()

    with pytest.raises(EventRefusedError):
        world.step(step, TOKEN)

    assert world.lives() == before


@pytest.mark.parametrize("step", list(Step))
def test_the_token_of_an_older_version_is_refused_and_nothing_changes(step: Step) -> None:
    world = World()
    world.stage("a")
    world.stage("b")
    world.rotate()
    old = world.labels(world.key_arn).current
    world.rotate()
    before = world.lives()
    assert old is not None

    with pytest.raises(EventRefusedError):
        world.step(step, old.id)

    assert world.lives() == before


@pytest.mark.parametrize("step", list(Step))
def test_a_late_step_of_a_rotation_that_is_done_changes_nothing(step: Step) -> None:
    world = World()
    world.stage("a")
    world.stage("b")
    world.rotate()
    current = world.labels(world.key_arn).current
    before = world.lives()
    assert current is not None

    world.step(step, current.id)

    assert world.lives() == before


def test_nothing_is_done_while_rotation_is_switched_off() -> None:
    world = World()
    world.stage("a")
    token = world.announce()
    world.cancel()

    with pytest.raises(EventRefusedError):
        world.step("createSecret", token)

    assert world.lives() == {"": "AWSPENDING", "a": "reserve SPARE"}


def test_finishing_before_anything_was_created_is_refused() -> None:
    world = World()
    token = world.announce()

    with pytest.raises(EventRefusedError):
        world.step("finishSecret", token)

    assert world.lives() == {"": "AWSPENDING"}


def test_finishing_refuses_a_version_with_a_verdict_though_it_is_current() -> None:
    world = World()
    world.stage("a")
    world.rotate()
    _, token = world.found("a")
    world.label(world.key_arn, f"LEAKED:{fingerprint(key_value('a'))}", token)
    world.label(world.key_arn, "AWSPENDING", token)

    with pytest.raises(PendingKeyRefusedError):
        world.step("finishSecret", token)


def test_a_rotation_given_up_cannot_be_taken_up_again() -> None:
    world = World()
    token = world.announce()
    with pytest.raises(NoSpareError):
        world.step("createSecret", token)
    world.stage("a")

    with pytest.raises(EventRefusedError):
        world.step("createSecret", token)

    assert world.lives() == {"a": "reserve SPARE"}
