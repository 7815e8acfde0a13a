"""New deployments of the services on ECS whose platform injects their key: started once the key has changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.alerts.detections import key_changed, to_json
from components.alerts.failure_alarm import FailureAlarmArgs, alarm_on_failures
from components.functions.bundle import Bundle
from components.functions.function import FunctionArgs, make_function
from components.platforms import EcsService
from components.policies.statements import Document, allow, document

SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class RedeploymentArgs:
    """What a `Redeployment` is made of.

    Attributes:
        services: where each service runs, by the service's name.
        key_arns: the secrets that each service gets its key from, by the service's name.
        rules: name of each service's rule, by the service's name.
        service_arns: ARNs of the services on ECS.
        function_name: name of the Lambda, and of its IAM role.
        alarm: name of the alarm on its failures.
        topic_arn: who is told of them.
        iam_path: path of that role.
        code: the rotators' bundle.
        encryption_key_arn: KMS key of the log group.
        log_retention_days: how long log events are kept.
        tags: tags of everything.
    """

    services: Mapping[str, EcsService]
    key_arns: Mapping[str, Sequence[pulumi.Input[str]]]
    rules: Mapping[str, str]
    service_arns: Sequence[str]
    function_name: str
    alarm: str
    topic_arn: pulumi.Input[str]
    iam_path: str
    code: Bundle
    encryption_key_arn: pulumi.Input[str]
    log_retention_days: int
    tags: Mapping[str, str]


class Redeployment(pulumi.ComponentResource):
    """A rule for each such service, the Lambda that has ECS replace its tasks, and an alarm where it could not.

    Outputs:
        function_arn: ARN of the Lambda.
    """

    function_arn: pulumi.Output[str]

    def __init__(self, name: str, args: RedeploymentArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:Redeployment", name, None, opts)
        function = make_function(name, _function_args(args), self).function
        for service in args.services:
            self._rule(f"{name}-{service}", service, args, function)
        failures = FailureAlarmArgs(
            alarm=args.alarm,
            function_name=args.function_name,
            description=(
                "A service was not deployed anew after its Klaviyo key changed: its tasks hold the old one, until its "
                f"grace ends. The log group of {args.function_name} says which; docs/rotation.md what to do, under "
                "redeployment-failed."
            ),
            topic_arn=args.topic_arn,
            tags=args.tags,
        )
        alarm_on_failures(f"{name}-failures", failures, self)
        self.function_arn = function.arn
        self.register_outputs({"function_arn": self.function_arn})

    def _rule(self, name: str, service: str, args: RedeploymentArgs, function: aws.lambda_.Function) -> None:
        rule = aws.cloudwatch.EventRule(
            name,
            name=args.rules[service],
            description=f"Deploys {service} anew once its Klaviyo key has changed",
            event_pattern=pulumi.Output.all(*args.key_arns[service]).apply(
                lambda arns: to_json(key_changed(secret_arns=arns), what=f"changed keys of {service}")
            ),
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        permission = aws.lambda_.Permission(
            f"{name}-permission",
            statement_id=f"Redeploy-{service}",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            target_id="redeployer",
            arn=function.arn,
            input=json.dumps({"action": "redeploy", "service": service}),
            opts=ResourceOptions(parent=self, depends_on=[permission]),
        )


def deploy_anew(service_arns: Sequence[str], log_group_arn: str) -> Document:
    """Identity policy of the Lambda: start deployments of these services; no task definition is changed."""
    return document(
        allow("Redeploy", ["ecs:UpdateService"], sorted(service_arns)),
        allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"]),
    )


def _function_args(args: RedeploymentArgs) -> FunctionArgs:
    places = {name: {"cluster": place.cluster, "service": place.service} for name, place in args.services.items()}
    return FunctionArgs(
        does="Deploys services anew once their Klaviyo key has changed",
        role_description="Starts deployments of services on ECS",
        handler="rotation.redeployer.handler",
        function_name=args.function_name,
        execution_role_name=args.function_name,
        iam_path=args.iam_path,
        code=args.code,
        environment={"ECS_SERVICES": json.dumps(places, sort_keys=True)},
        policy_name="redeploy",
        policy=lambda arns: deploy_anew(args.service_arns, arns["log"]),
        arns={},
        timeout=SECONDS,
        encryption_key_arn=args.encryption_key_arn,
        log_retention_days=args.log_retention_days,
        tags=args.tags,
    )
