"""The IAM role in which operators stage and rotate keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies.examination import Examined, examine
from components.policies.secrets import operate_keys
from components.policies.statements import Encryption, to_json
from components.policies.trust import trust_principals


@dataclass(frozen=True, kw_only=True)
class KeyOperatorsArgs:
    """What `KeyOperators` is made of.

    Attributes:
        role_name: name of the operators' role.
        iam_path: its path.
        operators: ARNs of the principals that may take it.
        keys: pattern of the ARNs of the secrets that services read.
        reserves: pattern of the ARNs of the secrets that hold the spares.
        rotators: pattern of the ARNs of the rotators.
        logs: pattern of the ARNs of the log groups of the environment's functions.
        examined: what they describe when they look for what is wrong.
        encryption_key_arn: KMS key of the secrets.
        region: region of the secrets.
        tags: tags of the role.
    """

    role_name: str
    iam_path: str
    operators: Sequence[str]
    keys: str
    reserves: str
    rotators: str
    logs: str
    examined: Examined
    encryption_key_arn: pulumi.Input[str]
    region: str
    tags: Mapping[str, str]


class KeyOperators(pulumi.ComponentResource):
    """What the environment's operators may do, as one role that they take for the work.

    Outputs:
        role_arn: ARN of the operators' role.
    """

    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: KeyOperatorsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:KeyOperators", name, None, opts)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.role_name,
            path=args.iam_path,
            description="Stages spare Klaviyo keys and asks for rotations; reads no value",
            assume_role_policy=to_json(trust_principals(args.operators)),
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        policy = pulumi.Output.from_input(args.encryption_key_arn).apply(
            lambda key_arn: to_json(
                operate_keys(
                    keys=args.keys,
                    reserves=args.reserves,
                    rotators=args.rotators,
                    logs=args.logs,
                    encryption=Encryption(key_arn=key_arn, region=args.region),
                )
            )
        )
        aws.iam.RolePolicy(
            f"{name}-policy", name="operate-keys", role=role.name, policy=policy, opts=ResourceOptions(parent=self)
        )
        aws.iam.RolePolicy(
            f"{name}-examination",
            name="examine-set-up",
            role=role.name,
            policy=to_json(examine(args.examined)),
            opts=ResourceOptions(parent=self),
        )
        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})
