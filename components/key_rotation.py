"""A role's rotator: the Lambda that promotes a spare, what it may do, and its schedule."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies import Encryption, rotate_key, to_json
from components.role_key import RoleKey
from components.trust import trust_service_of_any_account

WINDOW: Final = "3h"
_LATEST_HOUR: Final = 20  # a window that starts at 20:00 with 3 hours does not cross the UTC day


@dataclass(frozen=True, kw_only=True)
class KeyRotationArgs:
    """What a `KeyRotation` is made of.

    Attributes:
        role: the role's name in access.yaml.
        role_key: the role's two secrets.
        function_name: name of the Lambda.
        execution_role_name: name of its IAM role.
        iam_path: path of that role.
        code: the rotator's bundle.
        environment: the Lambda's environment variables, beside the secrets' ARNs.
        schedule: cron expression in UTC.
        encryption_key_arn: KMS key of the secrets and of the log group.
        account_id: account whose Secrets Manager may invoke the Lambda.
        region: region of the secrets.
        log_retention_days: how long log events are kept.
        tags: tags of everything.
    """

    role: str
    role_key: RoleKey
    function_name: str
    execution_role_name: str
    iam_path: str
    code: pulumi.Archive
    environment: Mapping[str, str]
    schedule: str
    encryption_key_arn: pulumi.Input[str]
    account_id: str
    region: str
    log_retention_days: int
    tags: Mapping[str, str]


class KeyRotation(pulumi.ComponentResource):
    """Rotation of one role's key, one run at a time, on a schedule of its own.

    Outputs:
        function_arn: ARN of the rotator.
        execution_role_arn: ARN of its IAM role.
    """

    function_arn: pulumi.Output[str]
    execution_role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: KeyRotationArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:KeyRotation", name, None, opts)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=f"/aws/lambda/{args.function_name}",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.encryption_key_arn,
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        execution_role, grant = self._execution_role(name, args, log_group)
        function = self._function(name, args, execution_role, depends_on=[grant, log_group])
        permission = aws.lambda_.Permission(
            f"{name}-permission",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="secretsmanager.amazonaws.com",
            source_account=args.account_id,
            opts=ResourceOptions(parent=self),
        )
        aws.secretsmanager.SecretRotation(
            f"{name}-schedule",
            secret_id=args.role_key.key_arn,
            rotation_lambda_arn=function.arn,
            rotate_immediately=False,
            rotation_rules={"schedule_expression": args.schedule, "duration": WINDOW},
            opts=ResourceOptions(parent=self, depends_on=[permission, grant, *args.role_key.policies]),
        )
        self.function_arn = function.arn
        self.execution_role_arn = execution_role.arn
        self.register_outputs({"function_arn": self.function_arn, "execution_role_arn": self.execution_role_arn})

    def _execution_role(
        self, name: str, args: KeyRotationArgs, log_group: aws.cloudwatch.LogGroup
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        execution_role = aws.iam.Role(
            f"{name}-role",
            name=args.execution_role_name,
            path=args.iam_path,
            description=f"Rotator of the Klaviyo key of {args.role}",
            assume_role_policy=to_json(trust_service_of_any_account("lambda.amazonaws.com")),
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        policy = pulumi.Output.all(
            key=args.role_key.key_arn,
            reserve=args.role_key.reserve_arn,
            log=log_group.arn,
            encryption=pulumi.Output.from_input(args.encryption_key_arn),
        ).apply(
            lambda arn: to_json(
                rotate_key(
                    key_arn=arn["key"],
                    reserve_arn=arn["reserve"],
                    log_group_arn=arn["log"],
                    encryption=Encryption(key_arn=arn["encryption"], region=args.region),
                )
            )
        )
        grant = aws.iam.RolePolicy(
            f"{name}-policy",
            name="rotate-key",
            role=execution_role.name,
            policy=policy,
            opts=ResourceOptions(parent=self),
        )
        return execution_role, grant

    def _function(
        self,
        name: str,
        args: KeyRotationArgs,
        execution_role: aws.iam.Role,
        *,
        depends_on: list[pulumi.Resource],
    ) -> aws.lambda_.Function:
        secrets = {"KEY_SECRET_ARN": args.role_key.key_arn, "RESERVE_SECRET_ARN": args.role_key.reserve_arn}
        return aws.lambda_.Function(
            f"{name}-function",
            name=args.function_name,
            description=f"Promotes a spare Klaviyo key of the role {args.role}",
            role=execution_role.arn,
            runtime="python3.13",
            architectures=["arm64"],
            handler="rotation.rotator.handler",
            code=args.code,
            memory_size=256,
            timeout=300,
            reserved_concurrent_executions=1,
            environment={"variables": {**args.environment, **secrets}},
            tags=args.tags,
            opts=ResourceOptions(parent=self, depends_on=depends_on),
        )


def schedule(role: str, every: Literal["month", "quarter"]) -> str:
    """When a role's key rotates: a day from 1 to 28 and an hour, spread over roles by the hash of the name."""
    digest = hashlib.sha256(role.encode()).digest()
    day = digest[0] % 28 + 1
    hour = digest[1] % (_LATEST_HOUR + 1)
    return f"cron(0 {hour} {day} {'*' if every == 'month' else '1/3'} ? *)"
