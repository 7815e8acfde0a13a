"""A customer-managed KMS key with its alias.

A key's name in Pulumi is its alias, so that no renaming above it replaces a key that secrets and logs depend on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import Alias, ResourceOptions

from components.policies.statements import Document, to_json

_ONLY_ADOPTED: Final = ["deletionWindowInDays", "description", "enableKeyRotation", "policy", "tags"]
"""What may differ in a restored key while Pulumi takes it over; the next run brings it in line."""


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """What an `EncryptionKey` is made of.

    Attributes:
        alias: alias without ``alias/``.
        description: what the key encrypts.
        policy: its key policy.
        tags: its tags.
        protect: whether Pulumi refuses to delete it.
        region: where it is; the stack's region where None.
        restored: id of a key whose deletion was called off, which is taken over instead of making one.
    """

    alias: str
    description: str
    policy: Document
    tags: Mapping[str, str]
    protect: bool
    region: str | None = None
    restored: str | None = None


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
            args.alias if args.region is None else f"{args.alias}/{args.region}",
            region=args.region,
            description=args.description,
            policy=to_json(args.policy),
            enable_key_rotation=True,
            deletion_window_in_days=30,
            tags=args.tags,
            opts=ResourceOptions(
                parent=self,
                protect=args.protect,
                aliases=[Alias(name=f"{name}-key")],
                import_=args.restored,
                ignore_changes=_ONLY_ADOPTED if args.restored else None,
            ),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=f"alias/{args.alias}",
            region=args.region,
            target_key_id=key.key_id,
            opts=ResourceOptions(parent=self),
        )
        self.key_arn = key.arn
        self.key_id = key.key_id
        self.register_outputs({"key_arn": self.key_arn, "key_id": self.key_id})
