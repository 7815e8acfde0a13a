"""The auditor: the Lambda that looks after all keys once a day, what it may do, and who hears of what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.alerts.failure_alarm import FailureAlarmArgs, alarm_on_failures
from components.functions.bundle import Bundle
from components.functions.function import FunctionArgs, make_function
from components.names import AuditorNames
from components.policies.auditor import audit_keys, start_function
from components.policies.statements import Document, Encryption, to_json
from components.policies.trust import trust_service

NAMESPACE: Final = "KlaviyoAccess"
EVENT: Final = '{"action":"audit"}'
SCHEDULE: Final = "cron(30 5 * * ? *)"
"""Every day, when no rotation window that begins at a full hour has just opened."""

_SECONDS: Final = 900
_HOUR: Final = 3_600
_HOURS_BETWEEN_AUDITS: Final = 26
"""A day, and the hours in which Lambda tries a run again that failed."""


@dataclass(frozen=True, kw_only=True)
class KeyAuditorArgs:
    """What a `KeyAuditor` is made of.

    Attributes:
        names: names of its function, roles, schedule and alarms.
        environment_name: name of the environment, for whoever reads an alarm.
        dimensions: of the audit's metrics, which tell environments of one account apart.
        iam_path: path of the IAM roles.
        code: its bundle, which holds the list of roles.
        environment: the Lambda's environment variables.
        keys: pattern of the ARNs of the secrets that services read.
        reserves: pattern of the ARNs of the secrets that hold the spares.
        rotators: pattern of the ARNs of the rotators.
        custodian_key_arn: the secret with the custodian's key; None where the environment has no custodian.
        encryption_key_arn: KMS key of the secrets and of the log group.
        region: region of the secrets.
        account_id: account in which the schedule runs.
        topic_arn: who is told.
        log_retention_days: how long findings are kept.
        tags: tags of everything.
    """

    names: AuditorNames
    environment_name: str
    dimensions: Mapping[str, str]
    iam_path: str
    code: Bundle
    environment: Mapping[str, str]
    keys: str
    reserves: str
    rotators: str
    custodian_key_arn: pulumi.Input[str] | None
    encryption_key_arn: pulumi.Input[str]
    region: str
    account_id: str
    topic_arn: pulumi.Input[str]
    log_retention_days: int
    tags: Mapping[str, str]


class KeyAuditor(pulumi.ComponentResource):
    """The daily audit of an environment's keys, and alarms on what it finds and on its silence.

    Outputs:
        function_arn: ARN of the auditor.
    """

    function_arn: pulumi.Output[str]

    def __init__(self, name: str, args: KeyAuditorArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:KeyAuditor", name, None, opts)
        made = make_function(name, _function_args(args), self)
        self._schedule(name, args, made.function)
        self._alarm(
            f"{name}-urgent",
            args,
            alarm=args.names.urgent_alarm,
            metric="UrgentFindings",
            description="A key is refused, condemned or shared while services use it",
        )
        self._alarm(
            f"{name}-findings",
            args,
            alarm=args.names.findings_alarm,
            metric="Findings",
            description="Keys need somebody's hand: spares, age, scopes, rotations, keys to disable",
        )
        self._silence(f"{name}-silence", args)
        failures = FailureAlarmArgs(
            alarm=args.names.failure_alarm,
            function_name=args.names.function,
            description=f"An audit of the keys of {args.environment_name} failed",
            topic_arn=args.topic_arn,
            tags=args.tags,
        )
        alarm_on_failures(f"{name}-failures", failures, self)
        self.function_arn = made.function.arn
        self.register_outputs({"function_arn": self.function_arn})

    def _schedule(self, name: str, args: KeyAuditorArgs, function: aws.lambda_.Function) -> None:
        role = aws.iam.Role(
            f"{name}-schedule-role",
            name=args.names.schedule_role,
            path=args.iam_path,
            description="Starts the auditor of Klaviyo keys",
            assume_role_policy=to_json(trust_service("scheduler.amazonaws.com", account_id=args.account_id)),
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        grant = aws.iam.RolePolicy(
            f"{name}-schedule-policy",
            name="start-audit",
            role=role.name,
            policy=function.arn.apply(lambda arn: to_json(start_function(arn))),
            opts=ResourceOptions(parent=self),
        )
        aws.scheduler.Schedule(
            f"{name}-schedule",
            name=args.names.schedule,
            description="Audits the Klaviyo keys every day",
            schedule_expression=SCHEDULE,
            flexible_time_window={"mode": "OFF"},
            target={"arn": function.arn, "role_arn": role.arn, "input": EVENT},
            opts=ResourceOptions(parent=self, depends_on=[grant]),
        )

    def _alarm(self, name: str, args: KeyAuditorArgs, *, alarm: str, metric: str, description: str) -> None:
        """An alarm that ends within the hour, so that each day's audit tells anew of what is still to be done."""
        aws.cloudwatch.MetricAlarm(
            name,
            name=alarm,
            alarm_description=f"{description}. The log group of {args.names.function} says which and what to do.",
            namespace=NAMESPACE,
            metric_name=metric,
            dimensions=args.dimensions,
            statistic="Maximum",
            period=_HOUR,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[args.topic_arn],
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )

    def _silence(self, name: str, args: KeyAuditorArgs) -> None:
        """An alarm where no audit of all roles came to its end, as in a new environment until its first one.

        Its periods are hours, since CloudWatch waits until a range is empty that is longer than the alarm's periods by
        some of them. Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data".
        """
        aws.cloudwatch.MetricAlarm(
            name,
            name=args.names.silence_alarm,
            alarm_description=(
                f"The keys of {args.environment_name} were not audited for a day: see the log group of "
                f"{args.names.function}, and whether its schedule is there."
            ),
            namespace=NAMESPACE,
            metric_name="Audits",
            dimensions=args.dimensions,
            statistic="Sum",
            period=_HOUR,
            evaluation_periods=_HOURS_BETWEEN_AUDITS,
            threshold=1,
            comparison_operator="LessThanThreshold",
            treat_missing_data="breaching",
            alarm_actions=[args.topic_arn],
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )


def _function_args(args: KeyAuditorArgs) -> FunctionArgs:
    arns = {"encryption": args.encryption_key_arn}
    if args.custodian_key_arn is not None:
        arns["custodian"] = args.custodian_key_arn
    return FunctionArgs(
        does=f"Audits the Klaviyo keys of {args.environment_name}",
        role_description=f"Auditor of the Klaviyo keys of {args.environment_name}",
        handler="rotation.auditor.entry.handler",
        function_name=args.names.function,
        execution_role_name=args.names.role,
        iam_path=args.iam_path,
        code=args.code,
        environment=args.environment,
        policy_name="audit-keys",
        policy=lambda found: _grants(args, found),
        arns=arns,
        timeout=_SECONDS,
        encryption_key_arn=args.encryption_key_arn,
        log_retention_days=args.log_retention_days,
        tags=args.tags,
    )


def _grants(args: KeyAuditorArgs, arns: Mapping[str, str]) -> Document:
    return audit_keys(
        keys=args.keys,
        reserves=args.reserves,
        rotators=args.rotators,
        log_group_arn=arns["log"],
        custodian_key_arn=arns.get("custodian"),
        encryption=Encryption(key_arn=arns["encryption"], region=args.region),
    )
