"""The types of resources that AWS charges nothing for, each with why; every other one changes the bill."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_IAM, _BUCKET = "IAM is free", "the bucket's files are on the bill; a setting of it is free"

FREE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aws:eks/podIdentityAssociation:PodIdentityAssociation": "EKS charges clusters",
        "aws:iam/instanceProfile:InstanceProfile": _IAM,
        "aws:iam/role:Role": _IAM,
        "aws:iam/rolePolicy:RolePolicy": _IAM,
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _IAM,
        "aws:kms/alias:Alias": "KMS charges keys and requests",
        "aws:lambda/permission:Permission": "a function's policy is free",
        "aws:s3/bucket:Bucket": _BUCKET,
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _BUCKET,
        "aws:s3/bucketPolicy:BucketPolicy": _BUCKET,
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _BUCKET,
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _BUCKET,
        "aws:s3/bucketVersioning:BucketVersioning": _BUCKET,
        "aws:secretsmanager/secretPolicy:SecretPolicy": "a secret's policy is free",
        "aws:sns/topic:Topic": "SNS charges what is delivered",
        "aws:sns/topicPolicy:TopicPolicy": "SNS charges what is delivered",
    }
)
