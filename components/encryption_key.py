"""A customer-managed KMS key with its alias."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies import Document, to_json


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """What an `EncryptionKey` is made of.

    Attributes:
        alias: alias without ``alias/``.
        description: what the key encrypts.
        policy: its key policy.
        tags: its tags.
        protect: whether Pulumi refuses to delete it.
    """

    alias: str
    description: str
    policy: Document
    tags: Mapping[str, str]
    protect: bool


class EncryptionKey(pulumi.ComponentResource):
    """A symmetric KMS key that AWS rotates every year.

    Outputs:
        key_arn: ARN of the key.
        key_id: id of the key.
    """

    key_arn: pulumi.Output[str]
    key_id: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:EncryptionKey", name, None, opts)
        key = aws.kms.Key(
            f"{name}-key",
            description=args.description,
            policy=to_json(args.policy),
            enable_key_rotation=True,
            deletion_window_in_days=30,
            tags=args.tags,
            opts=ResourceOptions(parent=self, protect=args.protect),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=f"alias/{args.alias}",
            target_key_id=key.key_id,
            opts=ResourceOptions(parent=self),
        )
        self.key_arn = key.arn
        self.key_id = key.key_id
        self.register_outputs({"key_arn": self.key_arn, "key_id": self.key_id})
