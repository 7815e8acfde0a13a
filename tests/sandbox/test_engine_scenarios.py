"""Every scenario on the embedded engine and, where there is one, on the real Pulumi CLI: the same answers of both."""

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.engine_drivers import Driver, Place, drivers, make_place
from tests.sandbox.engine_scenarios import SCENARIOS, Step
from tests.sandbox.running_sandbox import Sandbox

TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, '
    '"Action": "sts:AssumeRole"}]}'
)


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox) -> Place:
    return make_place(tmp_path, sandbox)


@pytest.mark.parametrize("driver", drivers())
@pytest.mark.parametrize("steps", SCENARIOS.values(), ids=SCENARIOS)
def test_a_deployment_comes_to_the_same_by_the_engine_and_by_the_cli(
    steps: tuple[Step, ...], driver: Driver, place: Place, sandbox: Sandbox
) -> None:
    for step in steps:
        if step.by_hand:
            operation, parameters = step.by_hand
            texts = {name: text.replace("{trust}", TRUST) for name, text in parameters.items()}
            getattr(sandbox.client("iam"), operation)(RoleName=f"{place.name}-a", **texts)
        if step.program:
            place.write(step.program, step.config)
        told = driver.run(place, step.command)
        assert (told.code, step.says in told.failures) == (1 if step.says else 0, True), told.failures
        assert step.summary in (None, told.summary)
        assert {outcome: told.names(outcome) for outcome in step.names} == step.names
        assert step.outputs == {} or told.outputs == _filled(step.outputs, place.name)


def _filled(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace("{name}", name)
    return {key: _filled(item, name) for key, item in value.items()}
