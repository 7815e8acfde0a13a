"""Whatever people, AWS, Klaviyo, faults and time do to two roles, in whichever order: no request fails by it, no key is
lost, nothing condemned comes back, and when it is over one audit and one rotation put all right."""

from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from rotation.serving import take_step
from tests.rotation.state_machine.account import Account
from tests.rotation.state_machine.dangers import dangers
from tests.rotation.state_machine.faults import Fault
from tests.rotation.state_machine.mutants import DANGER_OF, MUTANTS, Slip
from tests.rotation.state_machine.rules import RULES
from tests.rotation.state_machine.schedules import ROLES, SOMEBODY_ELSE, Play, Step, random_steps, shortest, violation

DANGERS: Final = dict(dangers())
READINGS: Final = {"also-current": 0, "as-asked": 1}

_PICKS: Final = st.integers(0, 59)
_SOMEBODY_ELSE: Final = st.builds(
    lambda rule, role, pick: Step(rule=rule, role=role, pick=pick),
    st.sampled_from(SOMEBODY_ELSE),
    st.sampled_from(ROLES),
    _PICKS,
)
_TROUBLE: Final = st.none() | st.sampled_from(Fault) | _SOMEBODY_ELSE


class _Machine(RuleBasedStateMachine):
    @initialize(first_value=st.sampled_from(sorted(READINGS)))
    def begin(self, first_value: Any) -> None:
        self.play = Play(Account(first_value=first_value))

    def teardown(self) -> None:
        if hasattr(self, "play"):
            self.play.converge()


def _rule(name: str) -> Any:
    def act(self: _Machine, role: str, pick: int, trouble: Any, at: int) -> None:
        self.play.step(Step(rule=name, role=role, pick=pick, trouble=trouble, at=at))

    act.__name__ = name.replace(" ", "_").replace("-", "_")
    return rule(role=st.sampled_from(ROLES), pick=_PICKS, trouble=_TROUBLE, at=st.integers(0, 39))(act)


Machine: Final[Any] = type("Machine", (_Machine,), {name: _rule(name) for name in RULES})
Machine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestMachine: Final = Machine.TestCase


@pytest.mark.parametrize("seed", READINGS.values(), ids=READINGS.keys())
def test_no_danger_does_harm(seed: int) -> None:
    assert {name: found for name, steps in DANGERS.items() if (found := violation(steps, seed=seed))} == {}


def test_random_schedules_do_no_harm() -> None:
    for seed in range(100):
        if found := violation(random_steps(seed), seed=seed):
            told = "\n".join(str(step) for step in shortest(random_steps(seed), seed=seed))
            pytest.fail(f"schedule {seed}: {found}\n{told}")


PROMISED: Final = {
    "AWSPENDING is left after a refusal",
    "finishSecret returns early, unhealed, when already current",
    "a roll-back moves AWSCURRENT before it marks the bad key",
    "RETIRED is dropped after the move instead of before",
    "the auditor looks no second time",
    "a time-out promotes",
    "the auditor disables by the label alone",
    "a staged endpoint is trusted",
    "staged scopes are trusted",
    "a staged apiKeyId is trusted",
    "KEY is forgotten",
    "a spare is picked though its key is live",
    "values hold times",
    "healing drops a verdict",
    "the auditor looks at one role alone",
    "the reserve's labels govern the key secret",
    "two runs of a rotator at once",
    "AWSPENDING is left when labels are full",
    "the auditor guesses which entry is meant",
}


def test_every_promised_wrong_rule_is_tried_in_a_danger_that_there_is() -> None:
    assert PROMISED - MUTANTS.keys() == set()
    assert DANGER_OF.keys() - MUTANTS.keys() == set()
    assert {danger for danger in DANGER_OF.values() if not any(name.startswith(danger) for name in DANGERS)} == set()


def test_a_wrong_rule_whose_line_is_gone_is_an_error() -> None:
    with (
        pytest.raises(AssertionError, match="take_step has not once: a line that was there"),
        Slip(take_step, "a line that was there", "pass").made(),
    ):
        pass


@pytest.mark.parametrize("wrong", MUTANTS)
def test_each_wrong_rule_does_harm(wrong: str) -> None:
    danger = DANGER_OF.get(wrong, "back and forth")
    schedules = [steps for name, steps in DANGERS.items() if name.startswith(danger)]

    with MUTANTS[wrong]():
        assert any(violation(steps, seed=seed) for steps in schedules for seed in READINGS.values())
