"""The IAM role in which operators stage and rotate keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies import Encryption, operate_keys, to_json
from components.trust import trust_principals


@dataclass(frozen=True, kw_only=True)
class KeyOperatorsArgs:
    """What `KeyOperators` is made of.

    Attributes:
        role_name: name of the operators' role.
        iam_path: its path.
        operators: ARNs of the principals that may take it.
        key_arns: ARNs of the secrets that services read.
        reserve_arns: ARNs of the secrets that hold the spares.
        rotator_arns: ARNs of the rotators.
        encryption_key_arn: KMS key of the secrets.
        region: region of the secrets.
        tags: tags of the role.
    """

    role_name: str
    iam_path: str
    operators: Sequence[str]
    key_arns: Sequence[pulumi.Input[str]]
    reserve_arns: Sequence[pulumi.Input[str]]
    rotator_arns: Sequence[pulumi.Input[str]]
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
        policy = pulumi.Output.all(
            keys=pulumi.Output.all(*args.key_arns),
            reserves=pulumi.Output.all(*args.reserve_arns),
            rotators=pulumi.Output.all(*args.rotator_arns),
            encryption=pulumi.Output.from_input(args.encryption_key_arn),
        ).apply(
            lambda arn: to_json(
                operate_keys(
                    key_arns=arn["keys"],
                    reserve_arns=arn["reserves"],
                    rotator_arns=arn["rotators"],
                    encryption=Encryption(key_arn=arn["encryption"], region=args.region),
                )
            )
        )
        aws.iam.RolePolicy(
            f"{name}-policy", name="operate-keys", role=role.name, policy=policy, opts=ResourceOptions(parent=self)
        )
        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})
