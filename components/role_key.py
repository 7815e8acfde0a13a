"""The two secrets of a role: the key that services read, and the reserve of spares."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies import SecretPrincipals, secret_resource_policy, to_json


@dataclass(frozen=True, kw_only=True)
class RoleKeyArgs:
    """What a `RoleKey` is made of.

    Attributes:
        role: the role's name in access.yaml.
        key_name: name of the secret that services read.
        reserve_name: name of the secret that holds the spares.
        encryption_key_arn: KMS key of both.
        key_principals: whom the key's policy names.
        reserve_principals: whom the reserve's policy names.
        recovery_window_days: how long a deleted secret can be restored; 0 deletes at once.
        tags: their tags.
        protect: whether Pulumi refuses to delete them.
    """

    role: str
    key_name: str
    reserve_name: str
    encryption_key_arn: pulumi.Input[str]
    key_principals: SecretPrincipals
    reserve_principals: SecretPrincipals
    recovery_window_days: int
    tags: Mapping[str, str]
    protect: bool


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
        key = self._secret(f"{name}-key", args.key_name, f"Klaviyo API key of the role {args.role}", args)
        reserve = self._secret(f"{name}-reserve", args.reserve_name, f"Spare Klaviyo API keys of {args.role}", args)
        self.policies = (
            self._policy(f"{name}-key-policy", key, args.key_principals),
            self._policy(f"{name}-reserve-policy", reserve, args.reserve_principals),
        )
        self.key_arn = key.arn
        self.reserve_arn = reserve.arn
        self.register_outputs({"key_arn": self.key_arn, "reserve_arn": self.reserve_arn})

    def _secret(self, name: str, physical_name: str, description: str, args: RoleKeyArgs) -> aws.secretsmanager.Secret:
        return aws.secretsmanager.Secret(
            name,
            name=physical_name,
            description=description,
            kms_key_id=args.encryption_key_arn,
            recovery_window_in_days=args.recovery_window_days,
            tags=args.tags,
            opts=ResourceOptions(parent=self, protect=args.protect),
        )

    def _policy(
        self, name: str, secret: aws.secretsmanager.Secret, principals: SecretPrincipals
    ) -> aws.secretsmanager.SecretPolicy:
        return aws.secretsmanager.SecretPolicy(
            name,
            secret_arn=secret.arn,
            policy=to_json(secret_resource_policy(principals)),
            block_public_policy=True,
            opts=ResourceOptions(parent=self),
        )
