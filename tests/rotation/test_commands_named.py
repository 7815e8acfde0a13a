"""Commands that findings and errors name can be pasted: they name the stack of the function that says them."""

import re
from pathlib import Path

import pytest

from rotation.canary_findings import of_canary
from rotation.commands import command
from rotation.errors import EverybodyRefusedError, NoSpareError
from rotation.report import UNMANAGED, Outcome

ROTATION = Path(__file__).parents[2] / "rotation"


def test_a_command_has_the_stack_of_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "prod")
    refused = of_canary("viewer", {"outcome": Outcome.NOTHING_TO_FALL_BACK_ON, "reason": "refused"})
    unmanaged = of_canary("viewer", {"outcome": Outcome.NOTHING_TO_FALL_BACK_ON, "reason": UNMANAGED})
    assert refused
    assert unmanaged
    for said in (refused.message, str(NoSpareError("viewer", [])), str(EverybodyRefusedError("viewer"))):
        assert "'klaviyo-access keys stage viewer --stack prod'" in said
    assert "'klaviyo-access keys adopt viewer --stack prod'" in unmanaged.message


@pytest.mark.parametrize("environment", ["", None], ids=["empty", "not set"])
def test_a_function_that_does_not_know_its_environment_names_the_command_alone(
    monkeypatch: pytest.MonkeyPatch, environment: str | None
) -> None:
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    if environment is not None:
        monkeypatch.setenv("ENVIRONMENT", environment)
    assert command("keys status") == "'klaviyo-access keys status'"


def test_every_command_is_made_in_one_place() -> None:
    said = {path.name: re.findall(r"'klaviyo-access [a-z]", path.read_text()) for path in ROTATION.rglob("*.py")}
    assert {name: found for name, found in said.items() if found} == {}
