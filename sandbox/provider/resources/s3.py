"""S3 buckets."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

from collections.abc import Mapping

from botocore.exceptions import ClientError

from sandbox.provider.table import AutoName, Aws, Change, Place, ResourceType, names, tag_list, tag_map, values
from sandbox.provider.wire import Properties

HOSTED_ZONES = {
    "eu-central-1": "Z21DNDUVLTQW6Q",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-2": "Z3BJ6K6RIION7M",
}
"""Of each region's website endpoint, as AWS documents them."""


class Bucket(ResourceType):
    aws_type = "aws:s3/bucket:Bucket"
    updatable = names("forceDestroy")
    replacing = names("bucket")
    computed = names("arn bucketDomainName bucketRegion bucketRegionalDomainName hostedZoneId")
    defaults = values(forceDestroy=False)
    auto_name = AutoName(property="bucket", longest=63, lowercase=True)
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return inputs["bucket"], self._outputs(inputs["bucket"], place.region)

    def create(self, aws: Aws, inputs: Properties) -> str:
        where = {} if aws.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
        aws.client("s3").create_bucket(Bucket=inputs["bucket"], **where)
        return str(inputs["bucket"])

    def complete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        if inputs["tagsAll"]:
            self._tag(aws, resource_id, inputs["tagsAll"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        aws.client("s3").head_bucket(Bucket=resource_id)
        return {
            "bucket": resource_id,
            **self._outputs(resource_id, aws.region),
            "tagsAll": self._tags(aws, resource_id),
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        """Only what Pulumi itself keeps can change."""

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        if inputs.get("forceDestroy"):
            self._empty(aws, resource_id)
        aws.client("s3").delete_bucket(Bucket=resource_id)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        self._tag(aws, resource_id, change.new["tagsAll"])

    def _outputs(self, bucket: str, region: str) -> Properties:
        return {
            "arn": f"arn:aws:s3:::{bucket}",
            "bucketDomainName": f"{bucket}.s3.amazonaws.com",
            "bucketRegion": region,
            "bucketRegionalDomainName": f"{bucket}.s3.{region}.amazonaws.com",
            "hostedZoneId": HOSTED_ZONES.get(region, ""),
        }

    def _tags(self, aws: Aws, bucket: str) -> dict[str, str]:
        try:
            return tag_map(aws.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchTagSet":
                return {}
            raise

    def _tag(self, aws: Aws, bucket: str, tags: Mapping[str, str]) -> None:
        aws.client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list(tags)})

    def _empty(self, aws: Aws, bucket: str) -> None:
        s3 = aws.client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            doomed = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
            if doomed:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed})
