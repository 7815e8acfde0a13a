"""The bucket with the trail's files: encrypted, versioned, closed to the public, emptied by age alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies.statements import Document, to_json


@dataclass(frozen=True, kw_only=True)
class AuditBucketArgs:
    """What an `AuditBucket` is made of.

    Attributes:
        bucket: name of the bucket.
        policy: its policy.
        encryption_key_arn: KMS key of its objects.
        retention_days: how long an object is kept.
        force_destroy: whether it may be deleted with its files.
        tags: its tags.
        protect: whether Pulumi refuses to delete it.
    """

    bucket: str
    policy: Document
    encryption_key_arn: pulumi.Input[str]
    retention_days: int
    force_destroy: bool
    tags: Mapping[str, str]
    protect: bool


class AuditBucket(pulumi.ComponentResource):
    """An S3 bucket for a trail.

    Outputs:
        bucket_name: name of the bucket, known once its policy stands.
    """

    bucket_name: pulumi.Output[str]

    def __init__(self, name: str, args: AuditBucketArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:AuditBucket", name, None, opts)
        child = ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.bucket,
            force_destroy=args.force_destroy,
            tags=args.tags,
            opts=ResourceOptions(parent=self, protect=args.protect),
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership", bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
        )
        closed = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketVersioning(
            f"{name}-versions", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=child
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=bucket.bucket, rules=[encrypt_with(args.encryption_key_arn)], opts=child
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle", bucket=bucket.bucket, rules=[expire_after(args.retention_days)], opts=child
        )
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=to_json(args.policy),
            opts=ResourceOptions(parent=self, depends_on=[closed]),
        )
        self.bucket_name = policy.bucket
        self.register_outputs({"bucket_name": self.bucket_name})


def encrypt_with(key_arn: pulumi.Input[str]) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict:
    """Encrypt every object with this key.

    Without a Bucket Key: CloudTrail names itself to KMS by the encryption context of each object, which a Bucket Key
    replaces by the bucket's.
    """
    default: aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgsDict = {
        "sse_algorithm": "aws:kms",
        "kms_master_key_id": key_arn,
    }
    return {"apply_server_side_encryption_by_default": default, "bucket_key_enabled": False}


def expire_after(days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    """Delete an object after ``days``, a replaced version 30 days later, and what was never uploaded whole."""
    return {
        "id": "retention",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": days},
        "noncurrent_version_expiration": {"noncurrent_days": 30},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
    }
