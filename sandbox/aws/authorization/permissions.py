"""Which permissions a call needs of the services that ministack answers for a deployment: IAM, S3, SNS and the others.

Resource policies of these services are not asked: within one account they only add to what an identity may do.
Source: AWS's service authorization reference, "Actions, resources, and condition keys".
"""

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.aws.authorization.requirements import Requirement
from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Call

_NAMED_BY = {
    "cloudtrail": (("Name", "trail/"), ("TrailName", "trail/"), ("ResourceId", ""), ("ResourceIdList", "")),
    "cloudwatch": (("ResourceARN", ""), ("AlarmName", "alarm:"), ("AlarmNames", "alarm:")),
    "events": (("ResourceARN", ""), ("Rule", "rule/"), ("Name", "rule/")),
    "logs": (("resourceArn", ""), ("logGroupName", "log-group:"), ("logGroupIdentifier", "log-group:")),
    "s3": (("Bucket", ""),),
    "sns": (("TopicArn", ""), ("ResourceArn", ""), ("TargetArn", ""), ("Name", "")),
}
"""By service: which parameter names the resource, by ARN or by name, and what stands before the name in its ARN."""

_UNNAMED = {
    ("cloudtrail", "DescribeTrails"),
    ("sns", "GetSubscriptionAttributes"),
    ("sns", "SetSubscriptionAttributes"),
    ("sns", "Unsubscribe"),
}
"""Operations whose action has no resource, whatever their parameters."""

_S3_ACTIONS = {
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
"""S3's operations whose action has another name."""

_TAGGED_AT_BIRTH = {
    ("cloudtrail", "CreateTrail"): ("TagsList", "cloudtrail:AddTags"),
    ("cloudwatch", "PutMetricAlarm"): ("Tags", "cloudwatch:TagResource"),
    ("eks", "CreatePodIdentityAssociation"): ("tags", "eks:TagResource"),
    ("events", "PutRule"): ("Tags", "events:TagResource"),
    ("iam", "CreateInstanceProfile"): ("Tags", "iam:TagInstanceProfile"),
    ("iam", "CreateRole"): ("Tags", "iam:TagRole"),
    ("kms", "CreateKey"): ("Tags", "kms:TagResource"),
    ("lambda", "CreateFunction"): ("Tags", "lambda:TagResource"),
    ("logs", "CreateLogGroup"): ("tags", "logs:TagResource"),
    ("sns", "CreateTopic"): ("Tags", "sns:TagResource"),
}
"""Operations that need a second action if they bring tags in this parameter."""

_PASSES = {
    ("cloudtrail", "CreateTrail"): ("CloudWatchLogsRoleArn", "cloudtrail.amazonaws.com"),
    ("cloudtrail", "UpdateTrail"): ("CloudWatchLogsRoleArn", "cloudtrail.amazonaws.com"),
    ("eks", "CreatePodIdentityAssociation"): ("roleArn", "pods.eks.amazonaws.com"),
    ("eks", "UpdatePodIdentityAssociation"): ("roleArn", "pods.eks.amazonaws.com"),
}
"""Operations that hand a role to a service: the parameter, and the service."""


_NEW: dict[str, Callable[[Call], str]] = {
    "eks": lambda call: f"{_start(call)}podidentityassociation/{call.parameters['clusterName']}/*",
    "kms": lambda call: f"{_start(call)}key/*",
    "lambda": lambda call: f"{_start(call)}function:{call.parameters['FunctionName']}",
}
"""What tags are put on at birth, where the call itself is about something else, or is of `requirements`."""


class Permissions:
    """Derives requirements from calls.

    Args:
        backend: where the paths of roles and instance profiles are looked up.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def of(self, call: Call) -> list[Requirement]:
        """What ``call`` needs; nothing for services that the sandbox does not authorize."""
        needed = await self._of_iam(call) if call.service == "iam" else list(_of_others(call))
        key = (call.service, call.operation)
        if key in _TAGGED_AT_BIRTH and call.parameters.get(_TAGGED_AT_BIRTH[key][0]):
            born = _NEW[call.service](call) if call.service in _NEW else needed[0].resource
            needed.append(Requirement(action=_TAGGED_AT_BIRTH[key][1], resource=born))
        if key in _PASSES and (role := call.parameters.get(_PASSES[key][0])):
            needed.append(_pass(role, _PASSES[key][1]))
            if call.service == "eks":
                needed.append(Requirement(action="iam:GetRole", resource=role))
        return needed

    async def _of_iam(self, call: Call) -> list[Requirement]:
        parameters, role = call.parameters, ""
        if name := parameters.get("RoleName"):
            role = parameters.get("Path", "") and f"arn:aws:iam::{call.caller.account}:role{parameters['Path']}{name}"
            role = role or await self._arn("Role", name, f"arn:aws:iam::{call.caller.account}:role/{name}")
        resource = role or "*"
        if name := parameters.get("InstanceProfileName"):
            start = f"arn:aws:iam::{call.caller.account}:instance-profile"
            path = parameters.get("Path")
            resource = f"{start}{path}{name}" if path else await self._arn("InstanceProfile", name, f"{start}/{name}")
        context = {"iam:PolicyARN": parameters["PolicyArn"]} if role and "PolicyArn" in parameters else {}
        needed = [Requirement(action=f"iam:{call.operation}", resource=resource, context=context)]
        if call.operation == "AddRoleToInstanceProfile":
            needed.append(_pass(role, "ec2.amazonaws.com"))
        return needed

    async def _arn(self, kind: str, name: str, otherwise: str) -> str:
        try:
            found = await self._backend.call("iam", f"Get{kind}", {f"{kind}Name": name}, region="us-east-1")
        except AwsError:
            return otherwise
        return str(found[kind]["Arn"])


def _of_others(call: Call) -> Iterator[Requirement]:
    if call.service == "eks":
        yield Requirement(action=f"eks:{call.operation}", resource=_association(call))
    elif call.service == "s3":
        bucket, key = call.parameters.get("Bucket"), call.parameters.get("Key")
        action = f"s3:{_S3_ACTIONS.get(call.operation, call.operation)}"
        arn = f"arn:aws:s3:::{bucket}" if bucket else "*"
        if call.operation == "DeleteObjects":  # which objects stands in a body that is not parsed: all, each a version
            action, key = "s3:DeleteObjectVersion", "*"
        yield Requirement(action=action, resource=f"{arn}/{key}" if key else arn)
    elif call.service == "scheduler":
        yield Requirement(action=f"scheduler:{call.operation}", resource=_schedule(call))
        if role := call.parameters.get("Target", {}).get("RoleArn"):
            yield _pass(role, "scheduler.amazonaws.com")
    elif (call.service, call.operation) == ("ecs", "UpdateService"):
        yield Requirement(action="ecs:UpdateService", resource=_ecs_service(call))
    elif call.service in _NAMED_BY:
        yield Requirement(action=f"{call.service}:{call.operation}", resource=_named(call))


def _named(call: Call) -> str:
    start = _start(call)
    if (call.service, call.operation) in _UNNAMED:
        return "*"
    if call.operation == "DescribeLogGroups":
        return f"{start}log-group::log-stream:"
    for parameter, before in _NAMED_BY[call.service]:
        if named := call.parameters.get(parameter):
            named = named[0] if isinstance(named, list) else named
            arn = named if named.startswith("arn:") else f"{start}{before}{named}"
            return f"{arn}:log-stream:{call.parameters.get('logStreamName', '')}" if _streams(call) else arn
    return "*"


def _streams(call: Call) -> bool:
    """Whether an operation of CloudWatch Logs is about the streams of a group."""
    return call.service == "logs" and "logStreamName" in call.parameters


def _association(call: Call) -> str:
    start = _start(call)
    parameters: dict[str, Any] = call.parameters
    if "resourceArn" in parameters:
        return str(parameters["resourceArn"])
    if "associationId" in parameters:
        return f"{start}podidentityassociation/{parameters['clusterName']}/{parameters['associationId']}"
    return f"{start}cluster/{parameters['clusterName']}" if "clusterName" in parameters else "*"


def _schedule(call: Call) -> str:
    name = call.parameters.get("Name")
    return f"{_start(call)}schedule/{call.parameters.get('GroupName', 'default')}/{name}" if name else "*"


def _ecs_service(call: Call) -> str:
    named = str(call.parameters["service"])
    cluster = str(call.parameters.get("cluster", "default")).rpartition("/")[2]
    return named if named.startswith("arn:") else f"{_start(call)}service/{cluster}/{named}"


def _start(call: Call) -> str:
    return f"arn:aws:{call.service}:{call.region}:{call.caller.account}:"


def _pass(role: str, service: str) -> Requirement:
    return Requirement(action="iam:PassRole", resource=role, context={"iam:PassedToService": service})
