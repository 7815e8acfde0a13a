"""A rotator's resources: its Lambda, what that may do, and the schedule on which Secrets Manager calls it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.functions.bundle import Bundle
from components.functions.function import FunctionArgs, make_function
from components.policies.statements import Document

WINDOW: Final = "3h"
SECONDS: Final = 300
"""That one step may take."""


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
    """A rotator: its Lambda by name and ARN, and its IAM role by ARN."""

    function_name: pulumi.Output[str]
    function_arn: pulumi.Output[str]
    execution_role_arn: pulumi.Output[str]


def make_rotator(name: str, args: RotatorArgs, parent: pulumi.Resource) -> Rotator:
    """Make a rotator that runs one at a time, and the schedule of its secret, as children of a component."""
    made = make_function(name, _function_args(args), parent)
    permission = aws.lambda_.Permission(
        f"{name}-permission",
        statement_id="RotateSecret",
        action="lambda:InvokeFunction",
        function=made.function.name,
        principal="secretsmanager.amazonaws.com",
        source_account=args.account_id,
        opts=ResourceOptions(parent=parent),
    )
    aws.secretsmanager.SecretRotation(
        f"{name}-schedule",
        secret_id=args.secret_arn,
        rotation_lambda_arn=made.function.arn,
        rotate_immediately=False,
        rotation_rules={"schedule_expression": args.schedule, "duration": WINDOW},
        opts=ResourceOptions(parent=parent, depends_on=[permission, made.grant, *args.after]),
    )
    return Rotator(
        function_name=made.function.name,
        function_arn=made.function.arn,
        execution_role_arn=made.execution_role.arn,
    )


def _function_args(args: RotatorArgs) -> FunctionArgs:
    return FunctionArgs(
        does=f"Rotates {args.rotates}",
        role_description=f"Rotator of {args.rotates}",
        handler=args.handler,
        function_name=args.function_name,
        execution_role_name=args.execution_role_name,
        iam_path=args.iam_path,
        code=args.code,
        environment=args.environment,
        policy_name=args.policy_name,
        policy=args.policy,
        arns=args.arns,
        timeout=SECONDS,
        encryption_key_arn=args.encryption_key_arn,
        log_retention_days=args.log_retention_days,
        tags=args.tags,
    )
