"""How a rotator hears of an event: a rule that calls its Lambda with words of ours, never with the event itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions


@dataclass(frozen=True, kw_only=True)
class RotatorEventArgs:
    """What is told to a rotator, and when.

    Attributes:
        rule_name: name of the rule.
        description: what the rule is for.
        pattern: the events, as an EventBridge pattern in JSON.
        message: what the rotator is told, in JSON.
        statement_id: name of the permission.
        function: the Lambda's name or ARN, by which the permission names it: another form would replace it.
        function_arn: ARN of the Lambda.
        tags: tags of the rule.
    """

    rule_name: str
    description: str
    pattern: pulumi.Input[str]
    message: str
    statement_id: str
    function: pulumi.Input[str]
    function_arn: pulumi.Input[str]
    tags: Mapping[str, str]


def tell_rotator(name: str, args: RotatorEventArgs, parent: pulumi.Resource) -> None:
    """Make the rule, its permission and its target, as children of a component."""
    rule = aws.cloudwatch.EventRule(
        name,
        name=args.rule_name,
        description=args.description,
        event_pattern=args.pattern,
        tags=args.tags,
        opts=ResourceOptions(parent=parent),
    )
    permission = aws.lambda_.Permission(
        f"{name}-permission",
        statement_id=args.statement_id,
        action="lambda:InvokeFunction",
        function=args.function,
        principal="events.amazonaws.com",
        source_arn=rule.arn,
        opts=ResourceOptions(parent=parent),
    )
    aws.cloudwatch.EventTarget(
        f"{name}-target",
        rule=rule.name,
        target_id="rotator",
        arn=args.function_arn,
        input=args.message,
        opts=ResourceOptions(parent=parent, depends_on=[permission]),
    )
