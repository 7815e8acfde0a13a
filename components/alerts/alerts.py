"""Who is told, and of what: a topic, its subscribers, and a rule for each detection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.alerts.detections import ALL_MANAGEMENT_EVENTS, Detection
from components.policies.record import alert_topic_policy
from components.policies.statements import to_json


@dataclass(frozen=True, kw_only=True)
class AlertsArgs:
    """What `Alerts` are made of.

    Attributes:
        topic: name of the topic.
        topic_arn: its ARN.
        alarm_arn: pattern of the ARNs of the alarms that may publish too.
        encryption_key_arn: KMS key of its messages, which EventBridge and CloudWatch may use.
        emails: who is told; each confirms AWS's message once.
        detections: what is watched for.
        tags: tags of topic and rules.
    """

    topic: str
    topic_arn: str
    alarm_arn: str
    encryption_key_arn: pulumi.Input[str]
    emails: Sequence[str]
    detections: Sequence[Detection]
    tags: Mapping[str, str]


class Alerts(pulumi.ComponentResource):
    """An encrypted topic and what publishes to it.

    Outputs:
        topic_arn: ARN of the topic.
    """

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlertsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:Alerts", name, None, opts)
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=args.topic,
            kms_master_key_id=args.encryption_key_arn,
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        policy = aws.sns.TopicPolicy(
            f"{name}-topic-policy",
            arn=topic.arn,
            policy=to_json(alert_topic_policy(topic_arn=args.topic_arn, alarm_arn=args.alarm_arn)),
            opts=ResourceOptions(parent=self),
        )
        for email in args.emails:
            aws.sns.TopicSubscription(
                f"{name}-to-{email}",
                topic=topic.arn,
                protocol="email",
                endpoint=email,
                opts=ResourceOptions(parent=self),
            )
        for detection in args.detections:
            self._rule(f"{name}-{detection.label}", detection, topic, depends_on=[policy], tags=args.tags)
        self.topic_arn = topic.arn
        self.register_outputs({"topic_arn": self.topic_arn})

    def _rule(
        self,
        name: str,
        detection: Detection,
        topic: aws.sns.Topic,
        *,
        depends_on: list[pulumi.Resource],
        tags: Mapping[str, str],
    ) -> None:
        rule = aws.cloudwatch.EventRule(
            name,
            name=detection.rule_name,
            description=detection.description,
            event_pattern=detection.pattern,
            state=ALL_MANAGEMENT_EVENTS,
            tags=tags,
            opts=ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            target_id="alerts",
            arn=topic.arn,
            opts=ResourceOptions(parent=self, depends_on=depends_on),
        )
