"""What a deployment asks of AWS: the IAM actions behind each type of resource of the program.

Source: pulumi-aws calls AWS as hashicorp/terraform-provider-aws does, so the actions are those of that repository's
``internal/service/<service>/<resource>.go``; how a call is named as an action is AWS's service authorization reference.
No row has ``secretsmanager:GetSecretValue``: a deployment reads no value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, kw_only=True)
class TypeActions:
    """The actions of one type of resource, separated by blanks, by when they are asked for.

    Attributes:
        create: to make it, and to wait until it is there.
        read: in every refresh, and after each change.
        update: to change it in place.
        delete: to remove it.
        tag: to change its tags.
        restore: to call it back from deletion ('klaviyo-access restore').
    """

    create: str = ""
    read: str = ""
    update: str = ""
    delete: str = ""
    tag: str = ""
    restore: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Every action, once, in the order of the alphabet."""
        every = (self.create, self.read, self.update, self.delete, self.tag, self.restore)
        return tuple(sorted({*" ".join(every).split()}))


PROGRAM: Final = TypeActions(
    read="iam:GetRole iam:GetUser lambda:GetFunction secretsmanager:DescribeSecret secretsmanager:GetResourcePolicy "
    "secretsmanager:ListSecretVersionIds secretsmanager:ListSecrets "
    "servicequotas:GetAWSDefaultServiceQuota servicequotas:GetServiceQuota"
)
"""What the program asks before it builds: whose session the caller is, whether the principals exist, which secrets
there are and which wait for their deletion, the quotas, the scopes with which rotators are deployed, and since
when the key of a role is in use whose scopes change."""

REPLICATE: Final = TypeActions(
    create="kms:Encrypt secretsmanager:ReplicateSecretToRegions", delete="secretsmanager:RemoveRegionsFromReplication"
)
"""Beside the actions of a secret, where the secret has replicas."""

EMPTY: Final = TypeActions(delete="s3:DeleteObjectVersion s3:ListBucketVersions")
"""Beside the actions of a bucket, where it may be removed with what is in it."""

_BUCKET_READS = (
    "s3:GetAccelerateConfiguration s3:GetBucketAcl s3:GetBucketCORS s3:GetBucketLogging "
    "s3:GetBucketObjectLockConfiguration s3:GetBucketPolicy s3:GetBucketRequestPayment s3:GetBucketTagging "
    "s3:GetBucketVersioning s3:GetBucketWebsite s3:GetEncryptionConfiguration s3:GetLifecycleConfiguration "
    "s3:GetReplicationConfiguration s3:ListBucket s3:ListTagsForResource"
)

ACTIONS: Final[Mapping[str, TypeActions]] = MappingProxyType(
    {
        "aws:cloudtrail/trail:Trail": TypeActions(
            create="cloudtrail:AddTags cloudtrail:CreateTrail cloudtrail:StartLogging iam:PassRole",
            read=(
                "cloudtrail:DescribeTrails cloudtrail:GetEventSelectors cloudtrail:GetInsightSelectors "
                "cloudtrail:GetTrailStatus cloudtrail:ListTags"
            ),
            update="cloudtrail:UpdateTrail",
            delete="cloudtrail:DeleteTrail",
            tag="cloudtrail:AddTags cloudtrail:RemoveTags",
        ),
        "aws:cloudwatch/eventRule:EventRule": TypeActions(
            create="events:PutRule events:TagResource",
            read="events:DescribeRule events:ListTagsForResource",
            delete="events:DeleteRule",
            tag="events:TagResource events:UntagResource",
        ),
        "aws:cloudwatch/eventTarget:EventTarget": TypeActions(
            create="events:PutTargets", read="events:ListTargetsByRule", delete="events:RemoveTargets"
        ),
        "aws:cloudwatch/logGroup:LogGroup": TypeActions(
            create="logs:CreateLogGroup logs:PutRetentionPolicy logs:TagResource",
            read="logs:DescribeLogGroups logs:ListTagsForResource",
            update="logs:AssociateKmsKey logs:PutLogGroupDeletionProtection",
            delete="logs:DeleteLogGroup",
            tag="logs:TagResource logs:UntagResource",
        ),
        "aws:cloudwatch/logMetricFilter:LogMetricFilter": TypeActions(
            create="logs:PutMetricFilter", read="logs:DescribeMetricFilters", delete="logs:DeleteMetricFilter"
        ),
        "aws:cloudwatch/metricAlarm:MetricAlarm": TypeActions(
            create="cloudwatch:PutMetricAlarm cloudwatch:TagResource",
            read="cloudwatch:DescribeAlarms cloudwatch:ListTagsForResource",
            delete="cloudwatch:DeleteAlarms",
            tag="cloudwatch:TagResource cloudwatch:UntagResource",
        ),
        "aws:eks/podIdentityAssociation:PodIdentityAssociation": TypeActions(
            create="eks:CreatePodIdentityAssociation eks:TagResource iam:GetRole iam:PassRole",
            read="eks:DescribePodIdentityAssociation",
            update="eks:UpdatePodIdentityAssociation",
            delete="eks:DeletePodIdentityAssociation",
            tag="eks:TagResource eks:UntagResource",
        ),
        "aws:iam/instanceProfile:InstanceProfile": TypeActions(
            create="iam:AddRoleToInstanceProfile iam:CreateInstanceProfile iam:PassRole iam:TagInstanceProfile",
            read="iam:GetInstanceProfile",
            delete="iam:DeleteInstanceProfile iam:RemoveRoleFromInstanceProfile",
            tag="iam:TagInstanceProfile iam:UntagInstanceProfile",
        ),
        "aws:iam/role:Role": TypeActions(
            create="iam:CreateRole iam:TagRole",
            read="iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies iam:ListRolePolicies",
            update="iam:UpdateAssumeRolePolicy iam:UpdateRole iam:UpdateRoleDescription",
            delete="iam:DeleteRole iam:ListInstanceProfilesForRole",
            tag="iam:TagRole iam:UntagRole",
        ),
        "aws:iam/rolePolicy:RolePolicy": TypeActions(
            create="iam:PutRolePolicy", read="iam:GetRolePolicy", delete="iam:DeleteRolePolicy"
        ),
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": TypeActions(
            create="iam:AttachRolePolicy", read="iam:ListAttachedRolePolicies", delete="iam:DetachRolePolicy"
        ),
        "aws:kms/alias:Alias": TypeActions(
            create="kms:CreateAlias", read="kms:ListAliases", update="kms:UpdateAlias", delete="kms:DeleteAlias"
        ),
        "aws:kms/key:Key": TypeActions(
            create="kms:CreateKey kms:EnableKeyRotation kms:TagResource",
            read="kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListResourceTags",
            update="kms:EnableKey kms:PutKeyPolicy kms:UpdateKeyDescription",
            delete="kms:ScheduleKeyDeletion",
            tag="kms:TagResource kms:UntagResource",
            restore="kms:CancelKeyDeletion kms:DescribeKey kms:EnableKey",
        ),
        "aws:lambda/function:Function": TypeActions(
            create="iam:PassRole lambda:CreateFunction lambda:PutFunctionConcurrency lambda:TagResource",
            read=(
                "lambda:GetFunction lambda:GetFunctionCodeSigningConfig lambda:GetFunctionConfiguration "
                "lambda:ListVersionsByFunction"
            ),
            update="lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration",
            delete="lambda:DeleteFunction",
            tag="lambda:TagResource lambda:UntagResource",
        ),
        "aws:lambda/permission:Permission": TypeActions(
            create="lambda:AddPermission", read="lambda:GetPolicy", delete="lambda:RemovePermission"
        ),
        "aws:s3/bucket:Bucket": TypeActions(
            create="s3:CreateBucket s3:PutBucketTagging s3:TagResource",
            read=_BUCKET_READS,
            delete="s3:DeleteBucket",
            tag="s3:PutBucketTagging s3:TagResource s3:UntagResource",
        ),
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": TypeActions(
            create="s3:PutLifecycleConfiguration", read="s3:GetLifecycleConfiguration"
        ),
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": TypeActions(
            create="s3:PutBucketOwnershipControls", read="s3:GetBucketOwnershipControls"
        ),
        "aws:s3/bucketPolicy:BucketPolicy": TypeActions(
            create="s3:PutBucketPolicy", read="s3:GetBucketPolicy", delete="s3:DeleteBucketPolicy"
        ),
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": TypeActions(
            create="s3:PutBucketPublicAccessBlock", read="s3:GetBucketPublicAccessBlock"
        ),
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": TypeActions(
            create="s3:PutEncryptionConfiguration", read="s3:GetEncryptionConfiguration"
        ),
        "aws:s3/bucketVersioning:BucketVersioning": TypeActions(
            create="s3:PutBucketVersioning", read="s3:GetBucketVersioning"
        ),
        "aws:scheduler/schedule:Schedule": TypeActions(
            create="iam:PassRole scheduler:CreateSchedule",
            read="scheduler:GetSchedule",
            update="scheduler:UpdateSchedule",
            delete="scheduler:DeleteSchedule",
        ),
        "aws:secretsmanager/secret:Secret": TypeActions(
            create="kms:Decrypt kms:GenerateDataKey secretsmanager:CreateSecret secretsmanager:TagResource",
            read="secretsmanager:DescribeSecret secretsmanager:GetResourcePolicy",
            update="secretsmanager:UpdateSecret",
            delete="secretsmanager:DeleteSecret",
            tag="secretsmanager:TagResource secretsmanager:UntagResource",
            restore="secretsmanager:DescribeSecret secretsmanager:ListSecrets secretsmanager:RestoreSecret",
        ),
        "aws:secretsmanager/secretPolicy:SecretPolicy": TypeActions(
            create="secretsmanager:PutResourcePolicy",
            read="secretsmanager:DescribeSecret secretsmanager:GetResourcePolicy",
            delete="secretsmanager:DeleteResourcePolicy",
        ),
        "aws:secretsmanager/secretRotation:SecretRotation": TypeActions(
            create="lambda:InvokeFunction secretsmanager:RotateSecret",
            read="secretsmanager:DescribeSecret",
            delete="secretsmanager:CancelRotateSecret",
        ),
        "aws:sns/topic:Topic": TypeActions(
            create="sns:CreateTopic sns:SetTopicAttributes sns:TagResource",
            read="sns:GetTopicAttributes sns:ListTagsForResource",
            delete="sns:DeleteTopic",
            tag="sns:TagResource sns:UntagResource",
        ),
        "aws:sns/topicPolicy:TopicPolicy": TypeActions(create="sns:SetTopicAttributes", read="sns:GetTopicAttributes"),
        "aws:sns/topicSubscription:TopicSubscription": TypeActions(
            create="sns:Subscribe",
            read="sns:GetSubscriptionAttributes",
            delete="sns:Unsubscribe",
        ),
    }
)

_BUCKET_GO = "s3/bucket.go, resourceBucketRead"
_BUCKET_TAGS = "s3/bucket.go since v6.23 (pull request 45251): tags by S3 Control, at birth where allowed"
_FUNCTION_GO = "lambda/function.go, resourceFunctionRead and its waiters"
_ON_CHANGE = "the resource's Update: where a later version of the program, or drift, changes it in place"
_PROGRAM = "components/preview/target.py; the sandbox answers it to everybody, and without it the program only warns"

BY_SOURCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cloudtrail:GetEventSelectors": "cloudtrail/trail.go, resourceTrailRead: where somebody gave the trail some",
        "cloudtrail:GetInsightSelectors": "cloudtrail/trail.go, resourceTrailRead: where somebody gave the trail some",
        "cloudtrail:UpdateTrail": _ON_CHANGE,
        "eks:UntagResource": _ON_CHANGE,
        "eks:UpdatePodIdentityAssociation": _ON_CHANGE,
        "iam:ListInstanceProfilesForRole": "iam/role.go, resourceRoleDelete",
        "iam:ListRolePolicies": "iam/role.go, resourceRoleRead",
        "iam:UpdateRole": _ON_CHANGE,
        "iam:UpdateRoleDescription": _ON_CHANGE,
        "kms:UpdateAlias": _ON_CHANGE,
        "kms:UpdateKeyDescription": _ON_CHANGE,
        "lambda:GetFunctionCodeSigningConfig": _FUNCTION_GO,
        "lambda:GetFunctionConfiguration": _FUNCTION_GO,
        "lambda:ListVersionsByFunction": _FUNCTION_GO,
        "logs:AssociateKmsKey": _ON_CHANGE,
        "logs:PutLogGroupDeletionProtection": _ON_CHANGE,
        "s3:GetAccelerateConfiguration": _BUCKET_GO,
        "s3:GetBucketAcl": _BUCKET_GO,
        "s3:GetBucketCORS": _BUCKET_GO,
        "s3:GetBucketLogging": _BUCKET_GO,
        "s3:GetBucketObjectLockConfiguration": _BUCKET_GO,
        "s3:GetBucketRequestPayment": _BUCKET_GO,
        "s3:GetBucketWebsite": _BUCKET_GO,
        "s3:GetReplicationConfiguration": _BUCKET_GO,
        "s3:ListTagsForResource": _BUCKET_TAGS,
        "s3:TagResource": _BUCKET_TAGS,
        "s3:UntagResource": _BUCKET_TAGS,
        "scheduler:UpdateSchedule": _ON_CHANGE,
        "secretsmanager:UpdateSecret": _ON_CHANGE,
        "servicequotas:GetAWSDefaultServiceQuota": "servicequotas/service_quota_data_source.go, asked before the other",
        "servicequotas:GetServiceQuota": _PROGRAM,
    }
)
"""Actions that are here for what the provider's source says, or for a change that no test makes; every other one is
needed by the deployment in the tests. Files are those of terraform-provider-aws, below ``internal/service``."""
