"""A Lambda of ours: its function, its log group, and the IAM role that says what it may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.functions.bundle import Bundle
from components.policies.statements import Document, to_json
from components.policies.trust import trust_service_of_any_account


@dataclass(frozen=True, kw_only=True)
class FunctionArgs:
    """What a function is made of.

    Attributes:
        does: what it does, as in ``Rotates the Klaviyo key of viewer``.
        role_description: what its IAM role is.
        handler: the function in the bundle.
        function_name: name of the Lambda.
        execution_role_name: name of its IAM role.
        iam_path: path of that role.
        code: the bundle.
        environment: the Lambda's environment variables.
        policy_name: name of what its IAM role may do.
        policy: what its IAM role may do, by the ARNs of ``arns`` and of its log group, which is ``log``.
        arns: ARNs that ``policy`` speaks of.
        timeout: seconds that a run may take.
        encryption_key_arn: KMS key of the log group.
        log_retention_days: how long log events are kept.
        tags: tags of everything.
    """

    does: str
    role_description: str
    handler: str
    function_name: str
    execution_role_name: str
    iam_path: str
    code: Bundle
    environment: Mapping[str, pulumi.Input[str]]
    policy_name: str
    policy: Callable[[Mapping[str, str]], Document]
    arns: Mapping[str, pulumi.Input[str]]
    timeout: int
    encryption_key_arn: pulumi.Input[str]
    log_retention_days: int
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class MadeFunction:
    """A function, and what it may do: whatever calls it waits for both."""

    function: aws.lambda_.Function
    execution_role: aws.iam.Role
    grant: aws.iam.RolePolicy


def make_function(name: str, args: FunctionArgs, parent: pulumi.Resource) -> MadeFunction:
    """Make a function that runs one at a time, as a child of a component."""
    child = ResourceOptions(parent=parent)
    log_group = aws.cloudwatch.LogGroup(
        f"{name}-log",
        name=f"/aws/lambda/{args.function_name}",
        retention_in_days=args.log_retention_days,
        kms_key_id=args.encryption_key_arn,
        tags=args.tags,
        opts=child,
    )
    execution_role = aws.iam.Role(
        f"{name}-role",
        name=args.execution_role_name,
        path=args.iam_path,
        description=args.role_description,
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
    function = aws.lambda_.Function(
        f"{name}-function",
        name=args.function_name,
        description=f"{args.does}; code {args.code.version}",
        role=execution_role.arn,
        runtime="python3.13",
        architectures=["arm64"],
        handler=args.handler,
        code=args.code.archive,
        memory_size=256,
        timeout=args.timeout,
        reserved_concurrent_executions=1,
        environment={"variables": args.environment},
        tags=args.tags,
        opts=ResourceOptions(parent=parent, depends_on=[grant, log_group]),
    )
    return MadeFunction(function=function, execution_role=execution_role, grant=grant)
