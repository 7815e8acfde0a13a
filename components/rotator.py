"""A rotator's resources: its Lambda, what that may do, and the schedule on which Secrets Manager calls it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.bundle import Bundle
from components.policies import Document, to_json
from components.trust import trust_service_of_any_account

WINDOW: Final = "3h"


@dataclass(frozen=True, kw_only=True)
class RotatorArgs:
    """What a rotator is made of.

    Attributes:
        rotates: what it rotates, as in ``the Klaviyo key of viewer``.
        handler: the function in the bundle.
        function_name: name of the Lambda.
        execution_role_name: name of its IAM role.
        iam_path: path of that role.
        code: the rotators' bundle.
        environment: the Lambda's environment variables.
        secret_arn: the secret that it rotates.
        policy_name: name of what its IAM role may do.
        policy: what its IAM role may do, by the ARNs of ``arns`` and of its log group, which is ``log``.
        arns: ARNs that ``policy`` speaks of.
        after: what must stand before a rotation may begin.
        schedule: cron expression in UTC.
        encryption_key_arn: KMS key of the log group.
        account_id: account whose Secrets Manager may invoke the Lambda.
        log_retention_days: how long log events are kept.
        tags: tags of everything.
    """

    rotates: str
    handler: str
    function_name: str
    execution_role_name: str
    iam_path: str
    code: Bundle
    environment: Mapping[str, pulumi.Input[str]]
    secret_arn: pulumi.Input[str]
    policy_name: str
    policy: Callable[[Mapping[str, str]], Document]
    arns: Mapping[str, pulumi.Input[str]]
    after: Sequence[pulumi.Resource]
    schedule: str
    encryption_key_arn: pulumi.Input[str]
    account_id: str
    log_retention_days: int
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Rotator:
    """The ARNs of a rotator: of its Lambda and of its IAM role."""

    function_arn: pulumi.Output[str]
    execution_role_arn: pulumi.Output[str]


def make_rotator(name: str, args: RotatorArgs, parent: pulumi.Resource) -> Rotator:
    """Make a rotator that runs one at a time, and the schedule of its secret, as children of a component."""
    child = ResourceOptions(parent=parent)
    log_group = aws.cloudwatch.LogGroup(
        f"{name}-log",
        name=f"/aws/lambda/{args.function_name}",
        retention_in_days=args.log_retention_days,
        kms_key_id=args.encryption_key_arn,
        tags=args.tags,
        opts=child,
    )
    execution_role, grant = _execution_role(name, args, log_group, child)
    function = _function(name, args, execution_role, ResourceOptions(parent=parent, depends_on=[grant, log_group]))
    permission = aws.lambda_.Permission(
        f"{name}-permission",
        statement_id="RotateSecret",
        action="lambda:InvokeFunction",
        function=function.name,
        principal="secretsmanager.amazonaws.com",
        source_account=args.account_id,
        opts=child,
    )
    aws.secretsmanager.SecretRotation(
        f"{name}-schedule",
        secret_id=args.secret_arn,
        rotation_lambda_arn=function.arn,
        rotate_immediately=False,
        rotation_rules={"schedule_expression": args.schedule, "duration": WINDOW},
        opts=ResourceOptions(parent=parent, depends_on=[permission, grant, *args.after]),
    )
    return Rotator(function_arn=function.arn, execution_role_arn=execution_role.arn)


def _execution_role(
    name: str, args: RotatorArgs, log_group: aws.cloudwatch.LogGroup, child: ResourceOptions
) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    execution_role = aws.iam.Role(
        f"{name}-role",
        name=args.execution_role_name,
        path=args.iam_path,
        description=f"Rotator of {args.rotates}",
        assume_role_policy=to_json(trust_service_of_any_account("lambda.amazonaws.com")),
        tags=args.tags,
        opts=child,
    )
    grant = aws.iam.RolePolicy(
        f"{name}-policy",
        name=args.policy_name,
        role=execution_role.name,
        policy=pulumi.Output.all(log=log_group.arn, **args.arns).apply(lambda arns: to_json(args.policy(arns))),
        opts=child,
    )
    return execution_role, grant


def _function(
    name: str, args: RotatorArgs, execution_role: aws.iam.Role, opts: ResourceOptions
) -> aws.lambda_.Function:
    return aws.lambda_.Function(
        f"{name}-function",
        name=args.function_name,
        description=f"Rotates {args.rotates}; code {args.code.version}",
        role=execution_role.arn,
        runtime="python3.13",
        architectures=["arm64"],
        handler=args.handler,
        code=args.code.archive,
        memory_size=256,
        timeout=300,
        reserved_concurrent_executions=1,
        environment={"variables": args.environment},
        tags=args.tags,
        opts=opts,
    )
