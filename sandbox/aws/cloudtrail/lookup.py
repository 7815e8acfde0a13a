"""CloudTrail's LookupEvents: management events of one region, newest first.

Source: CloudTrail API reference, "LookupEvents".
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sandbox.aws.calls import AwsError, Call, Json

_MOST_AT_ONCE = 50
_RESOURCE_TYPES = {
    "secretId": "AWS::SecretsManager::Secret",
    "keyId": "AWS::KMS::Key",
    "targetKeyId": "AWS::KMS::Key",
    "aliasName": "AWS::KMS::Alias",
    "roleArn": "AWS::IAM::Role",
    "roleName": "AWS::IAM::Role",
    "userName": "AWS::IAM::User",
    "policyArn": "AWS::IAM::Policy",
    "functionName": "AWS::Lambda::Function",
    "bucketName": "AWS::S3::Bucket",
    "topicArn": "AWS::SNS::Topic",
    "queueUrl": "AWS::SQS::Queue",
    "logGroupName": "AWS::Logs::LogGroup",
    "rule": "AWS::Events::Rule",
}
_NAMED_BY_NAME = {
    "secretsmanager.amazonaws.com": "AWS::SecretsManager::Secret",
    "cloudtrail.amazonaws.com": "AWS::CloudTrail::Trail",
    "events.amazonaws.com": "AWS::Events::Rule",
    "sns.amazonaws.com": "AWS::SNS::Topic",
}


def lookup_events(records: Sequence[Json], call: Call) -> Json:
    """Answer LookupEvents.

    Raises:
        AwsError: attributes, times or paging that AWS refuses too.
    """
    parameters = call.parameters
    matches = _attribute_filter(parameters.get("LookupAttributes", []))
    start, end = (_seconds(parameters.get(name)) for name in ("StartTime", "EndTime"))
    limit = parameters.get("MaxResults", _MOST_AT_ONCE)
    if not 1 <= limit <= _MOST_AT_ONCE:
        raise AwsError("InvalidMaxResultsException", f"MaxResults is from 1 to {_MOST_AT_ONCE}; got {limit}.")
    if parameters.get("EventCategory"):
        raise AwsError("InvalidEventCategoryException", "The sandbox's trail has no insight events.")
    events = [_event(record) for record in reversed(records) if _is_visible(record, call.region, start, end)]
    found = [event for event in events if matches(event)]
    offset = _offset(parameters.get("NextToken"), found)
    page = found[offset : offset + limit]
    answer: Json = {"Events": page}
    if offset + limit < len(found):
        answer["NextToken"] = page[-1]["EventId"]
    return answer


def _is_visible(record: Json, region: str, start: float | None, end: float | None) -> bool:
    moment = datetime.fromisoformat(record["eventTime"]).timestamp()
    in_time = (start is None or moment >= start) and (end is None or moment <= end)
    return bool(record["managementEvent"]) and record["awsRegion"] == region and in_time


def _event(record: Json) -> Json:
    identity = record["userIdentity"]
    event = {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": str(record["readOnly"]).lower(),
        "AccessKeyId": identity.get("accessKeyId"),
        "EventTime": datetime.fromisoformat(record["eventTime"]).timestamp(),
        "EventSource": record["eventSource"],
        "Username": _user_name(identity),
        "Resources": _resources(record),
        "CloudTrailEvent": json.dumps(record),
    }
    return {name: value for name, value in event.items() if value is not None}


def _user_name(identity: Json) -> str | None:
    if identity.get("type") == "AssumedRole":
        return str(identity["arn"]).rpartition("/")[2]
    return identity.get("userName")


def _resources(record: Json) -> list[Json]:
    parameters = record["requestParameters"] or {}
    named = [(_RESOURCE_TYPES[key], value) for key, value in parameters.items() if key in _RESOURCE_TYPES]
    if "name" in parameters and record["eventSource"] in _NAMED_BY_NAME:
        named.append((_NAMED_BY_NAME[record["eventSource"]], parameters["name"]))
    if secret := (record.get("additionalEventData") or {}).get("SecretId"):
        named.append(("AWS::SecretsManager::Secret", secret))
    return [{"ResourceType": kind, "ResourceName": name} for kind, name in named if isinstance(name, str)]


def _attribute_filter(attributes: list[Json]) -> Callable[[Json], bool]:
    if not attributes:
        return lambda _: True
    if len(attributes) > 1:
        raise AwsError("InvalidLookupAttributesException", "You can use one lookup attribute at a time.")
    key, wanted = attributes[0]["AttributeKey"], attributes[0]["AttributeValue"]
    if key in {"ResourceName", "ResourceType"}:
        return lambda event: any(resource[key] == wanted for resource in event["Resources"])
    if key not in {"EventId", "EventName", "ReadOnly", "Username", "EventSource", "AccessKeyId"}:
        raise AwsError("InvalidLookupAttributesException", f"There is no lookup attribute {key!r}.")
    return lambda event: event.get(key) == wanted


def _seconds(moment: Any) -> float | None:
    return None if moment is None else float(moment)


def _offset(token: str | None, events: list[Json]) -> int:
    """A page starts behind the event that the token names, so that newer events shift nothing."""
    if token is None:
        return 0
    for index, event in enumerate(events):
        if event["EventId"] == token:
            return index + 1
    raise AwsError("InvalidNextTokenException", "The token is none that LookupEvents gave for this query.")
