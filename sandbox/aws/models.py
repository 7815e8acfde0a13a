"""AWS's own service models, as botocore carries them, by the names that requests use."""

from functools import cache
from typing import Any

import botocore.loaders
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

_SERVICE_OF_SCOPE = {
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
    "elasticloadbalancing": "elbv2",
    "email": "ses",
    "servicequotas": "service-quotas",
}
"""Where the name in a signature's scope is not botocore's name of the service."""

_EVENT_NAMES = {
    "lambda": {
        "AddPermission": "AddPermission20150331v2",
        "CreateAlias": "CreateAlias20150331",
        "CreateEventSourceMapping": "CreateEventSourceMapping20150331",
        "CreateFunction": "CreateFunction20150331",
        "DeleteAlias": "DeleteAlias20150331",
        "DeleteEventSourceMapping": "DeleteEventSourceMapping20150331",
        "DeleteFunction": "DeleteFunction20150331",
        "DeleteFunctionConcurrency": "DeleteFunctionConcurrency20171031",
        "PublishVersion": "PublishVersion20150331",
        "PutFunctionConcurrency": "PutFunctionConcurrency20171031",
        "RemovePermission": "RemovePermission20150331v2",
        "TagResource": "TagResource20170331v2",
        "UntagResource": "UntagResource20170331v2",
        "UpdateAlias": "UpdateAlias20150331",
        "UpdateEventSourceMapping": "UpdateEventSourceMapping20150331",
        "UpdateFunctionCode": "UpdateFunctionCode20150331v2",
        "UpdateFunctionConfiguration": "UpdateFunctionConfiguration20150331v2",
    },
    "s3": {
        "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
        "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
        "GetBucketNotificationConfiguration": "GetBucketNotification",
        "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
        "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
        "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
        "PutBucketNotificationConfiguration": "PutBucketNotification",
        "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
        "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    },
}
"""Operations that CloudTrail calls otherwise."""


@cache
def _loader() -> botocore.loaders.Loader:
    return botocore.loaders.Loader()


@cache
def service_model(service: str) -> ServiceModel:
    """The model of a service by botocore's name.

    Raises:
        KeyError: botocore knows no such service.
    """
    try:
        description = _loader().load_service_model(service, "service-2")
    except botocore.loaders.UnknownServiceError as error:
        raise KeyError(service) from error
    return ServiceModel(description, service)


def service_of_scope(scope: str) -> str:
    """The service that a signature's credential scope names.

    Raises:
        KeyError: botocore knows no such service.
    """
    service = _SERVICE_OF_SCOPE.get(scope, scope)
    service_model(service)
    return service


def event_source(service: str) -> str:
    """What CloudTrail calls the service: ``secretsmanager.amazonaws.com``."""
    return f"{service_model(service).endpoint_prefix}.amazonaws.com"


def event_name(service: str, operation: str) -> str:
    """What CloudTrail calls an operation, which for some is not what the API does, or that with a date and version.

    Source: Amazon S3 user guide, "Amazon S3 CloudTrail events"; Lambda developer guide, "Logging AWS Lambda API calls
    using AWS CloudTrail".
    """
    return _EVENT_NAMES.get(service, {}).get(operation, operation)


def without_secrets(value: Any, shape: Shape | None) -> Any:
    """Copy a request or an answer in CloudTrail's spelling, without what the model calls sensitive and without blobs.

    CloudTrail writes members in lowerCamelCase.
    """
    if shape is None or value is None:
        return None
    if isinstance(shape, StructureShape):
        return {
            _lower_camel(name): without_secrets(value[name], member)
            for name, member in shape.members.items()
            if name in value and not _is_hidden(member)
        }
    if isinstance(shape, ListShape):
        return [without_secrets(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {key: without_secrets(item, shape.value) for key, item in value.items() if not _is_hidden(shape.value)}
    if shape.type_name == "timestamp":
        return str(value)
    return value


def _lower_camel(name: str) -> str:
    return name.lower() if name.isupper() else name[:1].lower() + name[1:]


def _is_hidden(shape: Shape) -> bool:
    return shape.type_name == "blob" or bool(shape.metadata.get("sensitive"))


def is_read_only(operation: OperationModel) -> bool:
    """Whether CloudTrail counts the operation as a read."""
    return operation.name.startswith(
        ("Get", "List", "Describe", "Lookup", "Head", "BatchGet", "Decrypt", "Encrypt", "GenerateDataKey", "AssumeRole")
    )
