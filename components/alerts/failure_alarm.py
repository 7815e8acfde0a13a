"""An alarm on the runs of a Lambda that failed, for those whose failure nobody else is told of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

_MINUTES: Final = 300


@dataclass(frozen=True, kw_only=True)
class FailureAlarmArgs:
    """What such an alarm is made of.

    Attributes:
        alarm: its name.
        function_name: name of the Lambda.
        description: what whoever is told reads first.
        topic_arn: who is told.
        tags: its tags.
    """

    alarm: str
    function_name: str
    description: str
    topic_arn: pulumi.Input[str]
    tags: Mapping[str, str]


def alarm_on_failures(name: str, args: FailureAlarmArgs, parent: pulumi.Resource) -> None:
    """Make an alarm for each five minutes in which a run failed after some in which none did."""
    aws.cloudwatch.MetricAlarm(
        name,
        name=args.alarm,
        alarm_description=args.description,
        namespace="AWS/Lambda",
        metric_name="Errors",
        dimensions={"FunctionName": args.function_name},
        statistic="Sum",
        period=_MINUTES,
        evaluation_periods=1,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[args.topic_arn],
        tags=args.tags,
        opts=ResourceOptions(parent=parent),
    )
