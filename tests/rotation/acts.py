"""What can happen to a role and its keys, each as an act on a `World`: histories are made of them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from klaviyo_access.keys.labels import AwsLabel, HoldsKey, Retired
from klaviyo_access.keys.secret import fingerprint
from tests.rotation.rotation_world import SCOPES, World, key_value

Act = Callable[[World], object]


def stage(*names: str) -> Act:
    def act(world: World) -> None:
        for name in names:
            world.stage(name)

    return act


def stage_unknown(name: str) -> Act:
    return lambda world: world.stage(name, known=False)


def stage_value(name: str, value: str) -> Act:
    return lambda world: world.stage(name, value=value)


def stage_labelled(name: str, labelled: str) -> Act:
    return lambda world: world.stage(name, labelled=labelled)


def stage_with(name: str, *scopes: str) -> Act:
    def act(world: World) -> None:
        world.stage(name)
        world.klaviyo.scopes[key_value(name)] = scopes

    return act


def stage_of_account(name: str, account: str) -> Act:
    def act(world: World) -> None:
        world.stage(name)
        world.klaviyo.accounts[key_value(name)] = account

    return act


def klaviyo_learns(name: str) -> Act:
    return lambda world: world.klaviyo.scopes.update({key_value(name): SCOPES})


def klaviyo_answers(status: int | None) -> Act:
    return lambda world: setattr(world.klaviyo, "status", status)


def crowd(secret: str, labels: int) -> Act:
    """Foreign labels on the current version of the ``key`` or the ``reserve``."""

    def act(world: World) -> None:
        arn = {"key": world.key_arn, "reserve": world.reserve_arn}[secret]
        current = world.labels(arn).current
        assert current is not None
        for number in range(labels):
            world.label(arn, f"crowd-{number}", current.id)

    return act


def drop_pending(world: World) -> None:
    pending = world.labels(world.key_arn).pending
    assert pending is not None
    world.client.update_secret_version_stage(
        SecretId=world.key_arn, VersionStage=AwsLabel.PENDING.value, RemoveFromVersionId=pending.id
    )


def used(*names: str) -> Act:
    """Each of these keys was current for a while, the last one still is."""

    def act(world: World) -> None:
        for name in names:
            world.stage(name)
            world.rotate()

    return act


def refused_spare(name: str) -> Act:
    def act(world: World) -> None:
        world.stage(name, known=False)
        world.rotate()

    return act


def pending(name: str) -> Act:
    """A rotation that stands between createSecret and setSecret."""

    def act(world: World) -> None:
        world.stage(name)
        world.step("createSecret", world.announce())

    return act


def passes(seconds: float) -> Act:
    def act(world: World) -> None:
        world.now += seconds

    return act


def dies(*names: str) -> Act:
    """Klaviyo does not know these keys any more."""

    def act(world: World) -> None:
        for name in names:
            del world.klaviyo.scopes[key_value(name)]

    return act


def loses(name: str, *scopes: str) -> Act:
    def act(world: World) -> None:
        world.klaviyo.scopes[key_value(name)] = tuple(kept for kept in SCOPES if kept not in scopes)

    return act


def tells_nothing(name: str, scope: str) -> Act:
    """Klaviyo forbids what the scope allows, for a reason that is not the key."""
    return lambda world: world.klaviyo.closed.update({key_value(name): scope})


def of_account(name: str, account: str) -> Act:
    return lambda world: world.klaviyo.accounts.update({key_value(name): account})


def put(name: str) -> Act:
    """Somebody puts a key by hand that nobody staged."""
    return lambda world: world.adopt(name, key_value(name))


def put_several(*names: str, named: bool = False) -> Act:
    """Somebody puts a value of several keys by hand, and the KEY of the first, or none."""

    def act(world: World) -> None:
        keys = [key_value(name) for name in names]
        world.names[fingerprint(keys[0])] = names[0]
        labels = [str(HoldsKey(fingerprint(keys[0])))] if named else []
        world._put(world.key_arn, " ".join(keys), [AwsLabel.CURRENT, *labels])

    return act


def put_again(name: str) -> Act:
    """Somebody puts a known key by hand, under a new version."""
    return lambda world: world.adopt(name, json.dumps({"apiKey": key_value(name), "by": "hand"}))


def moved_back(world: World) -> None:
    """Somebody makes the previous version current again."""
    labels = world.labels(world.key_arn)
    assert labels.current is not None
    assert labels.previous is not None
    world.client.update_secret_version_stage(
        SecretId=world.key_arn,
        VersionStage=AwsLabel.CURRENT.value,
        RemoveFromVersionId=labels.current.id,
        MoveToVersionId=labels.previous.id,
    )


def put_again_named(name: str) -> Act:
    """The same, and the label that names the key goes along."""

    def act(world: World) -> None:
        _, left = world.found(name)
        put_again(name)(world)
        current = world.labels(world.key_arn).current
        assert current is not None
        world.client.update_secret_version_stage(
            SecretId=world.key_arn,
            VersionStage=f"KEY:{fingerprint(key_value(name))}",
            RemoveFromVersionId=left,
            MoveToVersionId=current.id,
        )

    return act


def asked(action: str, key: str | None = None) -> Act:
    return lambda world: world.ask(action, key)


def leave_free(secret: str, free: int) -> Act:
    """Foreign labels, so that only ``free`` are left."""

    def act(world: World) -> None:
        arn = {"key": world.key_arn, "reserve": world.reserve_arn}[secret]
        current = world.labels(arn).current
        assert current is not None
        for number in range(world.labels(arn).free - free):
            world.label(arn, f"crowd-{number}", current.id)

    return act


def labelled(name: str, label: str) -> Act:
    """A label on the version of the key secret that holds the key of that name."""

    def act(world: World) -> None:
        _, version = world.found(name)
        world.label(world.key_arn, label, version)

    return act


def retired_again(name: str) -> Act:
    """A second RETIRED, as a run leaves it whose reading of the labels lags behind."""

    def act(world: World) -> None:
        label = Retired(datetime.fromtimestamp(world.now, UTC), fingerprint(key_value(name)))
        labelled(name, str(label))(world)

    return act
