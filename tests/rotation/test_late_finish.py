"""A finishSecret that comes long after its rotation, while labels lag, moves nothing."""

from typing import Any

import pytest

from rotation.errors import EventRefusedError
from tests.rotation.acts import used
from tests.rotation.rotation_world import World


@pytest.mark.parametrize("readings", [1, 2])
def test_labels_of_then_do_not_bring_the_key_before_back(readings: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    used("a")(world)
    world.stage("b")
    right, left = world.client._answer, [readings]
    token = world.announce()
    world.step("createSecret", token)
    then = right("DescribeSecret", {"SecretId": world.key_arn})
    world.step("finishSecret", token)
    used("c")(world)
    before = world.lives()

    def lagging(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if operation == "DescribeSecret" and parameters["SecretId"] == world.key_arn and left[0]:
            left[0] -= 1
            return then
        return right(operation, parameters)

    monkeypatch.setattr(world.client, "_answer", lagging)
    with pytest.raises(EventRefusedError):
        world.step("finishSecret", token)
    assert world.lives() == before
