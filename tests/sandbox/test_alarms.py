"""What alarms do when their metric falls silent, and which filter patterns the sandbox does not pretend to read."""

import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.cloudwatch.alarms import SilentAlarms
from tests.sandbox.running_sandbox import Sandbox, document

MINUTE = 60


def told(sandbox: Sandbox, queue: str) -> list[tuple[str, str]]:
    """What the queue heard of alarms: their old states and their new ones."""
    found = sandbox.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    messages = [json.loads(json.loads(message["Body"])["Message"]) for message in found]
    return [(message["OldStateValue"], message["NewStateValue"]) for message in messages]


def alarm(sandbox: Sandbox, **treatment: str) -> tuple[str, str]:
    """An alarm in ALARM that tells a queue of whatever it does: its name, and the queue."""
    name, sns, sqs = uuid.uuid4().hex, sandbox.client("sns"), sandbox.client("sqs")
    topic, queue = sns.create_topic(Name=name)["TopicArn"], sqs.create_queue(QueueName=name)["QueueUrl"]
    publish = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish"}
    policy = document({**publish, "Resource": topic})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    cloudwatch = sandbox.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="m",
        Statistic="Sum",
        Period=MINUTE,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic],
        OKActions=[topic],
        **treatment,
    )
    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": 1}])
    return name, queue


def state(sandbox: Sandbox, name: str) -> Any:
    return sandbox.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]


@pytest.mark.parametrize(
    ("treatment", "after"),
    [
        ({"TreatMissingData": "notBreaching"}, "OK"),
        ({"TreatMissingData": "breaching"}, "ALARM"),
        ({"TreatMissingData": "ignore"}, "ALARM"),
        ({"TreatMissingData": "missing"}, "INSUFFICIENT_DATA"),
        ({}, "INSUFFICIENT_DATA"),
    ],
)
def test_an_alarm_whose_metric_falls_silent_does_as_it_was_told(
    sandbox: Sandbox, treatment: dict[str, str], after: str
) -> None:
    name, queue = alarm(sandbox, **treatment)
    now = [time.time()]
    silent = SilentAlarms(backend=sandbox.server.cloud.backend, clock=lambda: now[0])
    sandbox.run(silent.tick())
    assert state(sandbox, name) == "ALARM"
    now[0] += 2 * MINUTE
    sandbox.run(silent.tick())
    assert state(sandbox, name) == after
    heard = [("INSUFFICIENT_DATA", "ALARM")]
    assert told(sandbox, queue) == ([*heard, ("ALARM", "OK")] if after == "OK" else heard)


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("ERROR", "ERROR"),
        ("[ip, user, size > 1]", "[ip,"),
        ("{ $.name = %x+% }", "%x+%"),
        ("{ $.items[*].name = x }", "$.items[*].name"),
        ("{ $.*.name = x }", "$.*.name"),
        ("{ $.['a.b'] = x }", "$.['a.b']"),
        ("{ $.name IS EMPTY }", "IS EMPTY"),
        ("{ $.size > ten }", "> ten"),
        ("{ $.size > 1 } x", "x"),
        ("{ $.size > 1", "its end"),
        ("{ $.size }", "}"),
    ],
)
def test_a_filter_pattern_that_is_not_understood_is_refused_by_name(sandbox: Sandbox, pattern: str, part: str) -> None:
    logs, group = sandbox.client("logs"), uuid.uuid4().hex
    logs.create_log_group(logGroupName=group)
    metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    with pytest.raises(ClientError) as refused:
        logs.put_metric_filter(
            logGroupName=group, filterName="f", filterPattern=pattern, metricTransformations=[metric]
        )
    error = refused.value.response["Error"]
    assert error["Code"] == "NotImplemented"
    assert repr(part) in error["Message"]
    assert logs.describe_metric_filters(logGroupName=group)["metricFilters"] == []
