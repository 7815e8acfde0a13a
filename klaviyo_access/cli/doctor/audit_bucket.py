"""Whether the bucket with the trail's files keeps them as the program declares it, and for whom."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from klaviyo_access.cli.deployer.stack import BUCKET
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import Sight, differing, same_document, unless_absent
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_ACCESS: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_LIFECYCLE: Final = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
_POLICY: Final = "aws:s3/bucketPolicy:BucketPolicy"
_CLOSED: Final = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


def buckets(sight: Sight) -> Iterator[Trouble]:
    """A bucket that is gone, or whose files somebody may read, change or lose otherwise than declared."""
    client: S3Client = sight.session.client("s3", config=PATIENCE)
    for name in (str(one.inputs["bucket"]) for one in sight.of(BUCKET)):
        versions = unless_absent(partial(client.get_bucket_versioning, Bucket=name))
        if versions is None:
            yield _changed(sight, name, "is not deployed, or somebody deleted it: the record is lost", "DeleteBucket")
            continue
        if versions.get("Status") != "Enabled":
            cause = "no longer keeps what is overwritten or deleted: the record can be changed for good"
            yield _changed(sight, name, cause, "PutBucketVersioning")
        yield from _readers(sight, client, name)
        yield from _retention(sight, client, name)


def _readers(sight: Sight, client: "S3Client", name: str) -> Iterator[Trouble]:
    block = unless_absent(partial(client.get_public_access_block, Bucket=name))
    closed = block["PublicAccessBlockConfiguration"] if block else {}
    for declared in _declared(sight, _ACCESS, name):
        if opened := differing(sight, declared, closed, _CLOSED):
            cause = f"is not closed to the public as the program declares it, by {' and '.join(opened)}"
            yield _changed(sight, name, cause, "DeleteBucketPublicAccessBlock or PutBucketPublicAccessBlock")
    policy = unless_absent(partial(client.get_bucket_policy, Bucket=name))
    for declared in _declared(sight, _POLICY, name):
        if not same_document(policy["Policy"] if policy else "{}", str(declared.get("policy"))):
            cause = (
                "has another policy than the program renders: the trail may be unable to deliver, or somebody else may "
                "read and change the record"
            )
            yield _changed(sight, name, cause, "DeleteBucketPolicy or PutBucketPolicy")


def _retention(sight: Sight, client: "S3Client", name: str) -> Iterator[Trouble]:
    lifecycle = unless_absent(partial(client.get_bucket_lifecycle_configuration, Bucket=name))
    rules = _plain(lifecycle["Rules"] if lifecycle else [])
    for declared in _declared(sight, _LIFECYCLE, name):
        if rules != _plain(declared.get("rules")):
            cause = "deletes files by other rules than the program declares: the record may be gone too early, or never"
            yield _changed(sight, name, cause, "PutBucketLifecycle or DeleteBucketLifecycle")


def _declared(sight: Sight, kind: str, bucket: str) -> list[Mapping[str, Any]]:
    return [one.inputs for one in sight.of(kind) if one.inputs.get("bucket") == bucket]


def _plain(value: Any) -> Any:
    """Rules as arguments of resources spell them, whose names begin in lower case; what is empty says nothing."""
    if isinstance(value, Mapping):
        named = {("id" if name == "ID" else name[:1].lower() + name[1:]): _plain(one) for name, one in value.items()}
        return {name: one for name, one in named.items() if one}
    if isinstance(value, list):
        return sorted((_plain(one) for one in value), key=str)
    return value


def _changed(sight: Sight, name: str, cause: str, events: str) -> Trouble:
    return Trouble(on=name, cause=cause, cure=f"Look who did it (CloudTrail: {events}). {sight.deploy}")


CHECKS: Final = (
    Check(name="bucket", fine="the trail's bucket is closed, and keeps its files as long as declared", look=buckets),
)
