"""Who hears of suspicious audit entries: a metric of them, and an alarm that tells the topic of the alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

NAMESPACE: Final = "KlaviyoAccess"
SUSPICIOUS: Final = '{ $.suspicious[0] = "*" }'
"""Audit entries that met a suspicion; a service marks them as it writes them."""


@dataclass(frozen=True, kw_only=True)
class SuspicionAlarmArgs:
    """What a `SuspicionAlarm` is made of.

    Attributes:
        alarm: name of the alarm, the metric and the filter.
        environment: name of the environment, for whoever reads the alarm.
        log_group: the log group of the entries.
        topic_arn: who is told.
        tags: tags of the alarm.
    """

    alarm: str
    environment: str
    log_group: pulumi.Input[str]
    topic_arn: pulumi.Input[str]
    tags: Mapping[str, str]


class SuspicionAlarm(pulumi.ComponentResource):
    """An alarm for each minute in which suspicious entries come after one in which none came.

    Outputs:
        alarm_arn: its ARN.
    """

    alarm_arn: pulumi.Output[str]

    def __init__(self, name: str, args: SuspicionAlarmArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:SuspicionAlarm", name, None, opts)
        aws.cloudwatch.LogMetricFilter(
            f"{name}-filter",
            name=args.alarm,
            log_group_name=args.log_group,
            pattern=SUSPICIOUS,
            metric_transformation={"name": args.alarm, "namespace": NAMESPACE, "value": "1"},
            opts=ResourceOptions(parent=self),
        )
        alarm = aws.cloudwatch.MetricAlarm(
            f"{name}-alarm",
            name=args.alarm,
            alarm_description=(
                f"A service of {args.environment} wrote audit entries that access.yaml calls suspicious. Find them in "
                f"its log group by the pattern {SUSPICIOUS}"
            ),
            namespace=NAMESPACE,
            metric_name=args.alarm,
            statistic="Sum",
            period=60,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[args.topic_arn],
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        self.alarm_arn = alarm.arn
        self.register_outputs({"alarm_arn": self.alarm_arn})
