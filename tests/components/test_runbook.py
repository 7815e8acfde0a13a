"""Whoever is told by an alarm finds in the runbook what to do: docs/rotation.md names each that the program makes."""

import re

import pytest

from tests.components.recording import PROJECT_DIR, Recorder

RULE, TARGET, ALARM = (
    f"aws:cloudwatch/{name}" for name in ("eventRule:EventRule", "eventTarget:EventTarget", "metricAlarm:MetricAlarm")
)
PAGE = (PROJECT_DIR / "docs/rotation.md").read_text("utf-8")
ROWS = {
    name.strip(" `"): does
    for line in PAGE.splitlines()
    if line.startswith("| ")
    for names, *_, does in [[cell.strip() for cell in line.strip("|").split("|")]]
    for name in names.split(",")
}


def of_topic(recorder: Recorder) -> set[str]:
    """The names of all rules and alarms that tell the topic, as the program gives them."""
    targets = (target.inputs for target in recorder.of_type(TARGET).values())
    telling = {target["rule"] for target in targets if target["arn"].endswith(":klaviyo-audit-alerts-topic")}
    rules = {rule.inputs["name"] for rule in recorder.of_type(RULE).values()} & telling
    return rules | {alarm.inputs["name"] for alarm in recorder.of_type(ALARM).values()}


def row_of(name: str) -> str:
    """The runbook's name of an alert: without prefix and environment, and one for the strangers of all roles."""
    return re.sub(r"^[a-z-]+(-(?:key|reserve)-stranger)$", r"<role>\1", name.removeprefix("klaviyo-prod-"))


@pytest.mark.parametrize("recorded", ["prod", "far_prod"])
def test_the_runbook_says_of_every_alarm_and_of_every_rule_that_tells_somebody_what_to_do(
    recorded: str, request: pytest.FixtureRequest
) -> None:
    names = of_topic(request.getfixturevalue(recorded))
    assert {"klaviyo-prod-rotation-failed", "klaviyo-prod-viewer-key-stranger"} <= names
    assert {"klaviyo-prod-key-findings", "klaviyo-prod-suspicious-entries", "klaviyo-prod-trail-tampered"} <= names
    assert {row_of(name) for name in names} - ROWS.keys() == set()
    assert [name for name in names if len(ROWS[row_of(name)]) < 20] == []
