"""The parts of an S3 bucket that pulumi-aws has as resources of their own; each one's id is the bucket's name."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from sandbox.provider.table import Aws, Change, Place, ResourceType, camel, chosen, names, pascal, values
from sandbox.provider.wire import Properties


class BucketPart(ResourceType):
    """What all parts have in common: one call puts the part, one reads it, one takes it off."""

    replacing = names("bucket")
    operation: ClassVar[str]
    """As in boto3's ``put_<operation>``, ``get_<operation>`` and ``delete_<operation>``."""

    body: ClassVar[str] = ""
    """The parameter, and the member of the answer, that holds the part."""

    spelled: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return inputs["bucket"], {}

    def create(self, aws: Aws, inputs: Properties) -> str:
        put = getattr(aws.client("s3"), f"put_{self.operation}")
        put(Bucket=inputs["bucket"], **{self.body: self.to_aws(inputs)})
        return str(inputs["bucket"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        answer = getattr(aws.client("s3"), f"get_{self.operation}")(Bucket=resource_id)
        answer.pop("ResponseMetadata")
        found = self.from_aws(answer)
        return None if found is None else {"bucket": resource_id, **found}

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        self.create(aws, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        getattr(aws.client("s3"), f"delete_{self.operation}")(Bucket=resource_id)

    def to_aws(self, inputs: Properties) -> Any:
        """The part as AWS takes it."""
        return pascal(chosen(inputs, sorted(self.updatable)), self.spelled)

    def from_aws(self, answer: Properties) -> Properties | None:
        """The part's inputs, as AWS answers them; None where there is no such part."""
        found: Properties = camel(answer.get(self.body) or {}, self.spelled)
        return found or None


class BucketPolicy(BucketPart):
    aws_type = "aws:s3/bucketPolicy:BucketPolicy"
    updatable = names("policy")
    required = names("bucket policy")
    documents = names("policy")
    operation = "bucket_policy"
    body = "Policy"

    def to_aws(self, inputs: Properties) -> Any:
        return inputs["policy"]

    def from_aws(self, answer: Properties) -> Properties | None:
        return {"policy": answer["Policy"]}


class BucketPublicAccessBlock(BucketPart):
    aws_type = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    updatable = names("blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets")
    required = names("bucket")
    defaults = values(
        blockPublicAcls=False, blockPublicPolicy=False, ignorePublicAcls=False, restrictPublicBuckets=False
    )
    operation = "public_access_block"
    body = "PublicAccessBlockConfiguration"


class BucketServerSideEncryptionConfiguration(BucketPart):
    aws_type = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    updatable = names("rules")
    required = names("bucket rules")
    operation = "bucket_encryption"
    body = "ServerSideEncryptionConfiguration"
    spelled = MappingProxyType({"kmsMasterKeyId": "KMSMasterKeyID", "sseAlgorithm": "SSEAlgorithm"})


class BucketVersioning(BucketPart):
    aws_type = "aws:s3/bucketVersioning:BucketVersioning"
    updatable = names("versioningConfiguration")
    required = names("bucket versioningConfiguration")
    operation = "bucket_versioning"
    body = "VersioningConfiguration"
    spelled = MappingProxyType({"mfaDelete": "MFADelete"})

    def to_aws(self, inputs: Properties) -> Any:
        return pascal(inputs["versioningConfiguration"], self.spelled)

    def from_aws(self, answer: Properties) -> Properties | None:
        found = camel(answer, self.spelled)
        return {"versioningConfiguration": found} if found else None

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        """Versioning cannot be taken off, only suspended."""
        aws.client("s3").put_bucket_versioning(Bucket=resource_id, VersioningConfiguration={"Status": "Suspended"})


class BucketOwnershipControls(BucketPart):
    aws_type = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    updatable = names("rule")
    required = names("bucket rule")
    operation = "bucket_ownership_controls"
    body = "OwnershipControls"

    def to_aws(self, inputs: Properties) -> Any:
        return {"Rules": [pascal(inputs["rule"])]}

    def from_aws(self, answer: Properties) -> Properties | None:
        return {"rule": camel(answer["OwnershipControls"]["Rules"][0])}


class BucketLifecycleConfiguration(BucketPart):
    aws_type = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    updatable = names("rules")
    required = names("bucket rules")
    operation = "bucket_lifecycle_configuration"
    body = "LifecycleConfiguration"
    spelled = MappingProxyType({"id": "ID"})

    def from_aws(self, answer: Properties) -> Properties | None:
        return {"rules": camel(answer["Rules"], self.spelled)} if answer.get("Rules") else None

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("s3").delete_bucket_lifecycle(Bucket=resource_id)
