"""What an environment takes of its account's quotas, and where that is refused before anything is built."""

from types import SimpleNamespace
from typing import Any

import pulumi_aws as aws
import pytest

from components.preview.quotas import (
    functions_beside,
    planned_functions,
    planned_rules,
    refuse_small_quota,
    refuse_too_many_rules,
    rules_beside,
)
from components.settings import parse_settings
from klaviyo_access.access_model.environment import EnvironmentSettingsError
from tests.components.recording import load_stack, record, whole
from tests.components.test_existing_secrets import ACCESS, DEV, answering, preview, sound
from tests.components.test_refusals import OAUTH, WEBHOOK, changed

__all__ = ["sound"]  # a fixture
HERE = DEV.environment
PROD = load_stack("prod")
FUNCTIONS = 100 + planned_functions(DEV.settings, ACCESS)
RULES = planned_rules(HERE, DEV.settings, ACCESS)
NEIGHBOUR = [
    *("klaviyo/prod/admin/key", "klaviyo/prod/admin/reserve", "klaviyo/prod/viewer/reserve"),
    *("klaviyo/prod/orders/webhook", "klaviyo/prod/oauth/client"),
]
FROM_AFAR = ["klaviyo/eu/admin/key", "klaviyo/eu/viewer/key"]  # replicas


REDEPLOYED = {"admin-console": {"platform": "ecs-injected", "redeploy": {"cluster": "apps", "service": "console"}}}
PLANS = {
    "as shipped": {},
    "with a webhook and an app": OAUTH | WEBHOOK,
    "with a service that is deployed anew": {"services": REDEPLOYED},
}


@pytest.mark.parametrize("change", PLANS.values(), ids=PLANS)
def test_what_is_planned_of_a_quota_is_what_the_stack_makes(change: dict[str, Any]) -> None:
    settings = parse_settings("prod", changed("prod", change))
    access, here = PROD.access.in_environment("prod"), PROD.environment
    made = record(lambda: whole("prod", settings=settings))
    functions = made.of_type("aws:lambda/function:Function")
    rules = made.of_type("aws:cloudwatch/eventRule:EventRule").values()
    assert planned_rules(here, settings, access) == sum("region" not in rule.inputs for rule in rules)
    assert planned_functions(settings, access) == len(functions)
    assert {function.inputs["reservedConcurrentExecutions"] for function in functions.values()} == {1}


def test_what_other_environments_take_is_counted_by_their_secrets_and_not_by_replicas() -> None:
    beside = [*NEIGHBOUR, *FROM_AFAR]
    assert (functions_beside(beside), rules_beside(beside)) == (2 + 1 + 1, 7 + 2 * 3 + 2)
    twice = [*beside, *(name.replace("klaviyo/", "kx/") for name in beside)]
    assert (functions_beside(twice), rules_beside(twice)) == (8, 30)


@pytest.mark.parametrize(
    ("quota", "others", "enough"),
    [(1000, 0, True), (109, 0, True), (108, 0, False), (10, 0, False), (120, 11, True), (119, 11, False)],
)
def test_a_quota_that_leaves_no_room_for_nine_rotators_is_refused_before_anything_is_built(
    quota: float, others: int, enough: bool
) -> None:
    if enough:
        refuse_small_quota(HERE, functions=9, others=others, concurrent_executions=quota)
    else:
        said = f"a quota of {109 + others} in eu-west-1.*it has {quota}"
        with pytest.raises(EnvironmentSettingsError, match=said):
            refuse_small_quota(HERE, functions=9, others=others, concurrent_executions=quota)


def test_an_event_bus_takes_as_many_rules_as_its_quota_says() -> None:
    refuse_too_many_rules(HERE, rules=300, limit=300)
    with pytest.raises(EnvironmentSettingsError, match=r"dev has 301 EventBridge rules.*takes 300.*L-244521F2"):
        refuse_too_many_rules(HERE, rules=301, limit=300)


@pytest.mark.usefixtures("sound")
@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ({"lambda": FUNCTIONS + 4, "events": 300.0}, None),
        ({"lambda": FUNCTIONS + 3, "events": 300.0}, f"4 of other environments.*a quota of {FUNCTIONS + 4}"),
        ({"lambda": 1000.0, "events": RULES + 15}, None),
        ({"lambda": 1000.0, "events": RULES + 14}, f"other environments have 15 .*more than {RULES + 15} under"),
    ],
)
def test_a_preview_refuses_what_has_no_room_beside_other_environments(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, float], refused: str | None
) -> None:
    monkeypatch.setattr(aws.secretsmanager, "get_secrets", answering(names=[*NEIGHBOUR, *FROM_AFAR]))
    monkeypatch.setattr(
        aws.servicequotas, "get_service_quota", lambda service_code, **_: SimpleNamespace(value=limits[service_code])
    )
    if refused is None:
        preview()
    else:
        with pytest.raises(EnvironmentSettingsError, match=refused):
            preview()
