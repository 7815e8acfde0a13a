"""Where the services' audit entries and their anchors go: a log group to which each service may only append."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies.application_audit import append_audit, verify_audit
from components.policies.statements import Document, to_json
from components.secrets.encryption_key import EncryptionKey, EncryptionKeyArgs


@dataclass(frozen=True, kw_only=True)
class ApplicationAuditArgs:
    """What an `ApplicationAudit` is made of.

    Attributes:
        log_group: name of the log group.
        log_group_arn: its ARN, known before it exists.
        encryption_key: the KMS key of its entries.
        retention_days: how long an entry is kept.
        service_role_names: IAM role of each service, by the service's name.
        verifier_role_name: IAM role that may read the entries.
        tags: tags of everything.
        protect: whether Pulumi and CloudWatch Logs refuse to delete the log group.
    """

    log_group: str
    log_group_arn: str
    encryption_key: EncryptionKeyArgs
    retention_days: int
    service_role_names: Mapping[str, pulumi.Input[str]]
    verifier_role_name: pulumi.Input[str]
    tags: Mapping[str, str]
    protect: bool


class ApplicationAudit(pulumi.ComponentResource):
    """An encrypted log group, the services' grants to append to it, and the operators' grant to verify it.

    Outputs:
        log_group_name: its name.
    """

    log_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: ApplicationAuditArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:ApplicationAudit", name, None, opts)
        key = EncryptionKey(f"{name}-encryption", args.encryption_key, ResourceOptions(parent=self))
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=args.log_group,
            retention_in_days=args.retention_days,
            kms_key_id=key.key_arn,
            deletion_protection_enabled=args.protect,
            tags=args.tags,
            opts=ResourceOptions(parent=self, protect=args.protect),
        )
        for service, role_name in args.service_role_names.items():
            policy = append_audit(log_group_arn=args.log_group_arn, service=service)
            self._grant(f"{name}-{service}-policy", f"append-klaviyo-audit-{service}", role_name, policy)
        policy = verify_audit(log_group_arn=args.log_group_arn)
        self._grant(f"{name}-verifier-policy", "verify-klaviyo-audit", args.verifier_role_name, policy)
        self.log_group_name = log_group.name
        self.register_outputs({"log_group_name": self.log_group_name})

    def _grant(self, name: str, policy_name: str, role_name: pulumi.Input[str], policy: Document) -> None:
        aws.iam.RolePolicy(
            name, name=policy_name, role=role_name, policy=to_json(policy), opts=ResourceOptions(parent=self)
        )
