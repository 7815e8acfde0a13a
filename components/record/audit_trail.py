"""The record of every read: a trail, where its files and events go, and the alerts on what must never happen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.alerts.alerts import Alerts, AlertsArgs
from components.alerts.detections import Detection
from components.alerts.detections import to_json as pattern_json
from components.alerts.tampering import trail_tampered_with
from components.names import AuditNames
from components.policies.encryption_keys import KeyPlace, audit_key_policy
from components.policies.record import audit_bucket_policy, write_trail_log
from components.policies.statements import to_json
from components.policies.trust import trust_service_of_any_account
from components.record.audit_bucket import AuditBucket, AuditBucketArgs
from components.secrets.encryption_key import EncryptionKey, EncryptionKeyArgs


@dataclass(frozen=True, kw_only=True)
class AuditTrailArgs:
    """What an `AuditTrail` is made of.

    Attributes:
        names: its physical names and ARNs.
        key_place: where its KMS key is, and who may manage it.
        iam_path: path of the role that delivers to the log group.
        detections: what the trail's events are watched for, beside tampering with the trail itself.
        alert_emails: who is told.
        retention_days: how long files and log events are kept.
        force_destroy: whether the bucket may be deleted with its files.
        tags: tags of everything.
        protect: whether Pulumi refuses to delete trail, bucket and key.
    """

    names: AuditNames
    key_place: KeyPlace
    iam_path: str
    detections: Sequence[Detection]
    alert_emails: Sequence[str]
    retention_days: int
    force_destroy: bool
    tags: Mapping[str, str]
    protect: bool


class AuditTrail(pulumi.ComponentResource):
    """A trail over all regions, validated and encrypted, with its bucket, log group and alerts.

    Outputs:
        trail_arn: ARN of the trail.
        bucket_name: bucket with its files.
        log_group_name: log group with its events.
        topic_arn: topic of the alerts.
    """

    trail_arn: pulumi.Output[str]
    bucket_name: pulumi.Output[str]
    log_group_name: pulumi.Output[str]
    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AuditTrailArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:AuditTrail", name, None, opts)
        key = self._key(name, args)
        bucket = self._bucket(name, args, key)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=args.names.log_group,
            retention_in_days=args.retention_days,
            kms_key_id=key.key_arn,
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        delivery, grant = self._delivery(name, args, log_group)
        trail = aws.cloudtrail.Trail(
            f"{name}-trail",
            name=args.names.trail,
            s3_bucket_name=bucket.bucket_name,
            kms_key_id=key.key_arn,
            cloud_watch_logs_group_arn=log_group.arn.apply(lambda arn: f"{arn}:*"),
            cloud_watch_logs_role_arn=delivery.arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            tags=args.tags,
            opts=ResourceOptions(parent=self, depends_on=[grant, bucket], protect=args.protect),
        )
        alerts = self._alerts(name, args, key)
        self.trail_arn = trail.arn
        self.bucket_name = bucket.bucket_name
        self.log_group_name = log_group.name
        self.topic_arn = alerts.topic_arn
        self.register_outputs(
            {
                "trail_arn": self.trail_arn,
                "bucket_name": self.bucket_name,
                "log_group_name": self.log_group_name,
                "topic_arn": self.topic_arn,
            }
        )

    def _key(self, name: str, args: AuditTrailArgs) -> EncryptionKey:
        policy = audit_key_policy(
            args.key_place, trail_arn=args.names.trail_arn, log_group_arn=args.names.log_group_arn
        )
        key = EncryptionKeyArgs(
            alias=args.names.key_alias,
            description="Encrypts the record of who read which Klaviyo key",
            policy=policy,
            tags=args.tags,
            protect=args.protect,
        )
        return EncryptionKey(f"{name}-encryption", key, ResourceOptions(parent=self))

    def _bucket(self, name: str, args: AuditTrailArgs, key: EncryptionKey) -> AuditBucket:
        policy = audit_bucket_policy(
            bucket_arn=args.names.bucket_arn,
            trail_arn=args.names.trail_arn,
            account_id=args.key_place.account_id,
        )
        bucket = AuditBucketArgs(
            bucket=args.names.bucket,
            policy=policy,
            encryption_key_arn=key.key_arn,
            retention_days=args.retention_days,
            force_destroy=args.force_destroy,
            tags=args.tags,
            protect=args.protect,
        )
        return AuditBucket(f"{name}-files", bucket, ResourceOptions(parent=self))

    def _delivery(
        self, name: str, args: AuditTrailArgs, log_group: aws.cloudwatch.LogGroup
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        role = aws.iam.Role(
            f"{name}-delivery",
            name=args.names.delivery_role,
            path=args.iam_path,
            description="CloudTrail's deliveries to its log group",
            assume_role_policy=to_json(trust_service_of_any_account("cloudtrail.amazonaws.com")),
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )
        grant = aws.iam.RolePolicy(
            f"{name}-delivery-policy",
            name="write-trail-log",
            role=role.name,
            policy=log_group.arn.apply(lambda arn: to_json(write_trail_log(arn))),
            opts=ResourceOptions(parent=self),
        )
        return role, grant

    def _alerts(self, name: str, args: AuditTrailArgs, key: EncryptionKey) -> Alerts:
        alerts = AlertsArgs(
            topic=args.names.topic,
            topic_arn=args.names.topic_arn,
            alarm_arn=args.names.alarm_arns,
            encryption_key_arn=key.key_arn,
            emails=args.alert_emails,
            detections=[*args.detections, self._tampering(args, key)],
            tags=args.tags,
        )
        return Alerts(f"{name}-alerts", alerts, ResourceOptions(parent=self))

    def _tampering(self, args: AuditTrailArgs, key: EncryptionKey) -> Detection:
        names = args.names
        pattern = pulumi.Output.all(key.key_id, key.key_arn).apply(
            lambda ids: trail_tampered_with(
                trail=[names.trail, names.trail_arn], bucket=names.bucket, key=ids, log_group=names.log_group
            )
        )
        return Detection(
            label="trail-tampered",
            rule_name=names.tampering_rule,
            description="Somebody touched the record of who read which key, or its alerts",
            pattern=pattern.apply(lambda pattern: pattern_json(pattern, what="tampering with the trail")),
        )
