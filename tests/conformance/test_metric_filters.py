"""Metric filters with JSON patterns, and the alarms on their metrics."""

import json
from typing import Any, Final

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.kms_world import World
from tests.conformance.test_topics import Mailbox

SERVICE: Final = "logs"
SYNTAX: Final = "CloudWatch Logs user guide, Filter pattern syntax"
ENTRY: Final = {
    "action": "lists.update",
    "suspicious": ["many-exports", "at-night"],
    "user": {"name": "Ann", "addresses": [{"ip": "10.1.2.3"}], "mfa": False},
    "size": 75,
    "reason": None,
}


@pytest.fixture
def world(account: Account) -> World:
    return World(account)


@documented(SYNTAX, "JSON patterns: selectors, comparisons of text and numbers, IS, NOT EXISTS, && and ||")
@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ("", True),
        ('{ $.suspicious[0] = "*" }', True),
        ("{ $.suspicious[0] = * }", True),
        ('{ $.suspicious[1] = "at-night" }', True),
        ("{ $.suspicious[2] = * }", False),
        ("{ $.suspicious = * }", False),
        ('{ $.suspicious[0] = "many-*" }', True),
        ('{ $.suspicious[0] = "*-night" }', False),
        ('{ $.action = "lists.update" }', True),
        ('{ $.action = "Lists.update" }', False),
        ('{ $.action != "lists.update" }', False),
        ('{ $.action != "lists.read" }', True),
        ('{ $.user.addresses[0].ip = "10.1.*" }', True),
        ("{ $.user = * }", False),
        ("{ $.size = 75 }", True),
        ("{ $.size > 75 }", False),
        ("{ $.size >= 75 }", True),
        ("{ $.size < 7.6e1 }", True),
        ("{ $.size <= 74 }", False),
        ("{ $.action > 1 }", False),
        ("{ $.reason IS NULL }", True),
        ("{ $.absent IS NULL }", False),
        ("{ $.user.mfa IS FALSE }", True),
        ("{ $.user.mfa IS TRUE }", False),
        ("{ $.absent NOT EXISTS }", True),
        ("{ $.size NOT EXISTS }", False),
        ("{ $.size > 70 && $.user.name = Ann }", True),
        ("{ $.size > 80 && $.user.name = Ann }", False),
        ("{ $.size > 80 || $.user.name = Ann }", True),
        ("{ ($.size > 80 || $.user.name = Ann) && $.absent NOT EXISTS }", True),
        ("{ $.size > 70 || $.size > 80 && $.user.name = Bob }", True),
    ],
)
def test_a_json_pattern_matches_what_it_says(account: Account, pattern: str, is_match: bool) -> None:
    request = {"filterPattern": pattern, "logEventMessages": [json.dumps(ENTRY)]}
    found = account.client("logs").test_metric_filter(**request)["matches"]
    assert [match["eventNumber"] for match in found] == ([1] if is_match else [])


@documented(SYNTAX, "a JSON pattern matches JSON entries alone")
def test_what_is_no_json_matches_no_json_pattern(account: Account) -> None:
    messages = ["size 75", "[75]", '{"size": 75}']
    found = account.client("logs").test_metric_filter(filterPattern="{ $.size = 75 }", logEventMessages=messages)
    assert [match["eventMessage"] for match in found["matches"]] == ['{"size": 75}']


class Group:
    """A log group with a metric filter."""

    def __init__(self, world: World, pattern: str, **transformation: Any) -> None:
        self._logs, self.name, self._now = world.client("logs"), world.name("log"), world.now
        self._logs.create_log_group(logGroupName=self.name)
        world.later(self._logs.delete_log_group, logGroupName=self.name)
        self._logs.create_log_stream(logGroupName=self.name, logStreamName="s")
        metric = {"metricName": "Marked", "metricNamespace": self.name, "metricValue": "1", **transformation}
        self._logs.put_metric_filter(
            logGroupName=self.name, filterName="f", filterPattern=pattern, metricTransformations=[metric]
        )

    def write(self, *entries: dict[str, Any]) -> None:
        events = [{"timestamp": int(self._now() * 1000), "message": json.dumps(entry)} for entry in entries]
        self._logs.put_log_events(logGroupName=self.name, logStreamName="s", logEvents=events)


def points(world: World, namespace: str, *dimensions: dict[str, str]) -> tuple[float, float]:
    """How many data points the metric has, and their sum."""
    now = world.now()
    found = world.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName="Marked",
        Dimensions=list(dimensions),
        StartTime=now - 600,
        EndTime=now + 60,
        Period=3600,
        Statistics=["SampleCount", "Sum"],
    )["Datapoints"]
    return sum(point["SampleCount"] for point in found), sum(point["Sum"] for point in found)


@pytest.mark.parametrize(
    ("transformation", "expected"),
    [({}, (2, 2)), ({"metricValue": "$.size"}, (2, 30)), ({"defaultValue": 0.0}, (2, 2))],
    ids=["one each", "a field", "no default"],
)
@cites("PutMetricFilter", "The value to publish to the CloudWatch metric when a filter pattern matches a log event.")
def test_what_matches_becomes_data_points(
    world: World, transformation: dict[str, Any], expected: tuple[float, float]
) -> None:
    group = Group(world, "{ $.suspicious[0] = * }", **transformation)
    group.write({"suspicious": ["a"], "size": 10}, {"suspicious": [], "size": 99}, {"suspicious": ["b"], "size": 20})
    assert world.until(lambda: points(world, group.name) == expected, f"{expected} of {group.name}")


@cites("PutMetricFilter", "(Optional) The value to emit when a filter pattern does not match a log event.")
def test_where_nothing_matches_there_is_the_default_value(world: World) -> None:
    group = Group(world, "{ $.suspicious[0] = * }", defaultValue=7.0)
    group.write({"suspicious": []}, {"suspicious": []})
    assert world.until(lambda: points(world, group.name) == (1, 7), group.name)


@cites("PutMetricFilter", "The fields to use as dimensions for the metric.")
def test_dimensions_are_taken_from_the_entry(world: World) -> None:
    group = Group(world, "{ $.suspicious[0] = * }", dimensions={"Role": "$.role"})
    group.write({"suspicious": ["a"], "role": "viewer"}, {"suspicious": ["a"]})
    viewer = {"Name": "Role", "Value": "viewer"}
    assert world.until(lambda: points(world, group.name, viewer) == (1, 1), group.name)
    assert points(world, group.name, {"Name": "Role", "Value": "None"}) == (0, 0)


@documented("CloudWatch user guide, Using Amazon CloudWatch alarms", "an alarm that enters ALARM tells its topic")
@documented("CloudWatch concepts, Dimensions", "each combination of dimensions is a metric of its own")
def test_a_marked_entry_raises_an_alarm_that_reaches_its_topic(world: World) -> None:
    group, mailbox = Group(world, '{ $.suspicious[0] = "*" }', dimensions={"Role": "$.role"}), Mailbox(world)
    cloudwatch = world.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=group.name,
        Namespace=group.name,
        MetricName="Marked",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        Dimensions=[{"Name": "Role", "Value": "admin"}],
        AlarmActions=[mailbox.topic],
    )
    world.later(cloudwatch.delete_alarms, AlarmNames=[group.name])
    group.write({"suspicious": [], "role": "admin"}, {"suspicious": ["many-exports"], "role": "viewer"})
    assert mailbox.read() == []
    group.write({"suspicious": ["many-exports"], "role": "admin"})
    [message] = world.until(mailbox.read, "the alarm")
    told = json.loads(message)
    assert (told["AlarmName"], told["NewStateValue"]) == (group.name, "ALARM")
