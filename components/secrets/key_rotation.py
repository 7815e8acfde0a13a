"""A role's rotator: the Lambda that promotes a spare, what it may do, and its schedule."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
from pulumi import ResourceOptions

from components.alerts.detections import rotation_succeeded, to_json
from components.functions.bundle import Bundle
from components.functions.rotator import Rotator, RotatorArgs, make_rotator
from components.functions.rotator_event import RotatorEventArgs, tell_rotator
from components.policies.secrets import rotate_key
from components.policies.statements import Document, Encryption
from components.secrets.role_key import RoleKey

CANARY: Final = '{"action":"first-canary"}'
"""All that the rotator is told: the event itself is not."""

_LATEST_HOUR: Final = 20  # a window that starts at 20:00 with 3 hours does not cross the UTC day


@dataclass(frozen=True, kw_only=True)
class KeyRotationArgs:
    """What a `KeyRotation` is made of.

    Attributes:
        role: the role's name in access.yaml.
        role_key: the role's two secrets.
        function_name: name of the Lambda.
        canary_rule: name of the rule that has it try a new key once that is in use.
        execution_role_name: name of its IAM role.
        iam_path: path of that role.
        code: the rotator's bundle.
        environment: the Lambda's environment variables, beside the secrets' ARNs.
        schedule: cron expression in UTC.
        encryption_key_arn: KMS key of the secrets and of the log group.
        replica_keys: KMS key of the key's replica in each other region, by the region.
        account_id: account whose Secrets Manager may invoke the Lambda.
        region: region of the secrets.
        log_retention_days: how long log events are kept.
        tags: tags of everything.
    """

    role: str
    role_key: RoleKey
    function_name: str
    canary_rule: str
    execution_role_name: str
    iam_path: str
    code: Bundle
    environment: Mapping[str, str]
    schedule: str
    encryption_key_arn: pulumi.Input[str]
    replica_keys: Mapping[str, pulumi.Input[str]]
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
        secrets = {"KEY_SECRET_ARN": args.role_key.key_arn, "RESERVE_SECRET_ARN": args.role_key.reserve_arn}
        rotator = make_rotator(
            name,
            RotatorArgs(
                rotates=f"the Klaviyo key of {args.role}",
                handler="rotation.rotator.handler",
                function_name=args.function_name,
                execution_role_name=args.execution_role_name,
                iam_path=args.iam_path,
                code=args.code,
                environment={**args.environment, **secrets},
                secret_arn=args.role_key.key_arn,
                policy_name="rotate-key",
                policy=lambda arns: _grants(arns, args.region, args.replica_keys),
                arns={
                    "key": args.role_key.key_arn,
                    "reserve": args.role_key.reserve_arn,
                    "encryption": args.encryption_key_arn,
                    **args.replica_keys,
                },
                after=args.role_key.policies,
                schedule=args.schedule,
                encryption_key_arn=args.encryption_key_arn,
                account_id=args.account_id,
                log_retention_days=args.log_retention_days,
                tags=args.tags,
            ),
            self,
        )
        self._canary(name, args, rotator)
        self.function_arn = rotator.function_arn
        self.execution_role_arn = rotator.execution_role_arn
        self.register_outputs({"function_arn": self.function_arn, "execution_role_arn": self.execution_role_arn})

    def _canary(self, name: str, args: KeyRotationArgs, rotator: Rotator) -> None:
        pattern = args.role_key.key_arn.apply(
            lambda arn: to_json(rotation_succeeded(secret_arn=arn), what=f"rotations of {args.role}")
        )
        event = RotatorEventArgs(
            rule_name=args.canary_rule,
            description=f"Tries the new Klaviyo key of {args.role} once it is in use",
            pattern=pattern,
            message=CANARY,
            statement_id="TryNewKey",
            function=rotator.function_name,
            function_arn=rotator.function_arn,
            tags=args.tags,
        )
        tell_rotator(f"{name}-canary", event, self)


def _grants(arns: Mapping[str, str], region: str, replica_regions: Iterable[str]) -> Document:
    return rotate_key(
        key_arn=arns["key"],
        reserve_arn=arns["reserve"],
        log_group_arn=arns["log"],
        encryption=Encryption(key_arn=arns["encryption"], region=region),
        replicas=[Encryption(key_arn=arns[there], region=there, replicated_from=region) for there in replica_regions],
    )


def schedule(name: str, every: Literal["month", "quarter"]) -> str:
    """When a secret rotates: a day from 1 to 28 and an hour, spread by the hash of its owner's name."""
    digest = hashlib.sha256(name.encode()).digest()
    day = digest[0] % 28 + 1
    hour = digest[1] % (_LATEST_HOUR + 1)
    return f"cron(0 {hour} {day} {'*' if every == 'month' else '1/3'} ? *)"
