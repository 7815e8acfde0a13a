"""The two secrets of a role: the key that services read, and the reserve of spares."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies.secrets import SecretPrincipals
from components.secrets.secret import Safekeeping, SecretArgs, make_secret


@dataclass(frozen=True, kw_only=True)
class RoleKeyArgs:
    """What a `RoleKey` is made of.

    Attributes:
        role: the role's name in access.yaml.
        key_name: name of the secret that services read.
        reserve_name: name of the secret that holds the spares.
        replicas: KMS key of the key's replica in each other region, by the region. The reserve has none: only the
            rotator reads it, where it runs.
        key_principals: whom the key's policy names.
        reserve_principals: whom the reserve's policy names.
        tags: their tags.
        keeping: how both are kept.
    """

    role: str
    key_name: str
    reserve_name: str
    replicas: Mapping[str, pulumi.Input[str]]
    key_principals: SecretPrincipals
    reserve_principals: SecretPrincipals
    tags: Mapping[str, str]
    keeping: Safekeeping


class RoleKey(pulumi.ComponentResource):
    """A role's secrets, without a value: values never pass through Pulumi.

    Outputs:
        key_arn: ARN of the secret that services read.
        reserve_arn: ARN of the secret that holds the spares.
        policies: the two resource policies, for whatever must not run before they stand.
    """

    key_arn: pulumi.Output[str]
    reserve_arn: pulumi.Output[str]
    policies: tuple[aws.secretsmanager.SecretPolicy, aws.secretsmanager.SecretPolicy]

    def __init__(self, name: str, args: RoleKeyArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:RoleKey", name, None, opts)
        key = SecretArgs(
            name=args.key_name,
            known_as=f"{name}-key",
            description=f"Klaviyo API key of the role {args.role}",
            principals=args.key_principals,
            tags=args.tags,
            replicas=args.replicas,
        )
        reserve = SecretArgs(
            name=args.reserve_name,
            known_as=f"{name}-reserve",
            description=f"Spare Klaviyo API keys of {args.role}",
            principals=args.reserve_principals,
            tags=args.tags,
        )
        key_secret, key_policy = make_secret(key, args.keeping, self)
        reserve_secret, reserve_policy = make_secret(reserve, args.keeping, self)
        self.policies = (key_policy, reserve_policy)
        self.key_arn = key_secret.arn
        self.reserve_arn = reserve_secret.arn
        self.register_outputs({"key_arn": self.key_arn, "reserve_arn": self.reserve_arn})
