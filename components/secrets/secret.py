"""A secret without a value, with its resource policy: how each of an environment's secrets is kept.

A secret's name in Pulumi is its name in AWS. So whatever is renamed above it, in the program or in these components,
neither replaces nor deletes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import Alias, ResourceOptions

from components.policies.secrets import SecretPrincipals, secret_resource_policy
from components.policies.statements import to_json

_ONLY_ADOPTED: Final = [
    "description",
    "forceOverwriteReplicaSecret",
    "kmsKeyId",
    "recoveryWindowInDays",
    "replicas",
    "tags",
]
"""What may differ in a restored secret while Pulumi takes it over; the next run brings it in line."""


@dataclass(frozen=True, kw_only=True)
class Safekeeping:
    """How an environment's secrets are kept.

    Attributes:
        encryption_key_arn: their KMS key.
        recovery_window_days: how long a deleted secret can be restored; 0 deletes at once.
        protect: whether Pulumi refuses to delete or replace them, whatever is renamed.
        removable: names of those that may go all the same.
        restored: ARN of each secret that was restored and is taken over instead of made, by its name.
    """

    encryption_key_arn: pulumi.Input[str]
    recovery_window_days: int
    protect: bool
    removable: frozenset[str] = frozenset()
    restored: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SecretArgs:
    """One secret.

    Attributes:
        name: its name in AWS.
        known_as: what it was called in Pulumi before its name there was that of AWS.
        description: what it holds.
        principals: whom its policy names.
        tags: its tags.
        replicas: KMS key of its replica in each other region, by the region.
    """

    name: str
    known_as: str
    description: str
    principals: SecretPrincipals
    tags: Mapping[str, str]
    replicas: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


def make_secret(
    args: SecretArgs, keeping: Safekeeping, parent: pulumi.Resource
) -> tuple[aws.secretsmanager.Secret, aws.secretsmanager.SecretPolicy]:
    """Make a secret and its policy as children of a component."""
    restored = keeping.restored.get(args.name)
    secret = aws.secretsmanager.Secret(
        args.name,
        name=args.name,
        description=args.description,
        kms_key_id=keeping.encryption_key_arn,
        recovery_window_in_days=keeping.recovery_window_days,
        replicas=[{"region": region, "kms_key_id": key} for region, key in args.replicas.items()] or None,
        tags=args.tags,
        opts=ResourceOptions(
            parent=parent,
            protect=keeping.protect and args.name not in keeping.removable,
            aliases=[Alias(name=args.known_as)],
            import_=restored,
            ignore_changes=_ONLY_ADOPTED if restored else None,
        ),
    )
    policy = aws.secretsmanager.SecretPolicy(
        f"{args.name}-policy",
        secret_arn=secret.arn,
        policy=to_json(secret_resource_policy(args.principals)),
        block_public_policy=True,
        opts=ResourceOptions(parent=parent, aliases=[Alias(name=f"{args.known_as}-policy")]),
    )
    return secret, policy
