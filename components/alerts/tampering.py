"""Who would blind the record or silence the alerts: EventBridge patterns, as pure functions of plain values."""

from collections.abc import Sequence
from typing import Final

from components.alerts.detections import Pattern

_WEAKEN_A_BUCKET: Final = (
    "DeleteBucket",
    "DeleteBucketEncryption",
    "DeleteBucketLifecycle",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketPublicAccessBlock",
    "PutBucketAcl",
    "PutBucketEncryption",
    "PutBucketLifecycle",
    "PutBucketLogging",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketReplication",
    "PutBucketVersioning",
    "PutBucketWebsite",
)
"""Calls by which a bucket's files are deleted, opened, copied away or no longer kept, as CloudTrail names them: not
always as the API does (PutBucketLifecycleConfiguration is PutBucketLifecycle).
Source: Amazon S3 user guide, "Amazon S3 CloudTrail events", bucket-level actions."""


def _of_the_trail(trail: Sequence[str]) -> list[Pattern]:
    return [
        {"eventName": ["StopLogging", "DeleteTrail", "UpdateTrail"], "requestParameters": {"name": list(trail)}},
        {
            "eventName": ["PutEventSelectors", "PutInsightSelectors"],
            "requestParameters": {"trailName": list(trail)},
        },
    ]


def existing_trail_tampered_with(*, trail: Sequence[str], key: Sequence[str]) -> Pattern:
    """A call, allowed or denied, that would stop or blind a trail that is not ours, or the key of the alerts.

    Args:
        trail: name and ARN of the trail.
        key: id and ARN of the KMS key of the alerts.
    """
    return {
        "source": ["aws.cloudtrail", "aws.kms"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"$or": [*_of_the_trail(trail), _of_the_key(key)]},
    }


def _of_the_key(key: Sequence[str]) -> Pattern:
    return {
        "eventName": ["DisableKey", "DisableKeyRotation", "ScheduleKeyDeletion", "PutKeyPolicy"],
        "requestParameters": {"keyId": list(key)},
    }


def trail_tampered_with(*, trail: Sequence[str], bucket: str, key: Sequence[str], log_group: str) -> Pattern:
    """A call, allowed or denied, that would stop, redirect or blind the trail.

    Args:
        trail: name and ARN of the trail.
        bucket: name of the bucket with its files.
        key: id and ARN of the KMS key of both.
        log_group: name of the log group with its events.
    """
    return {
        "source": ["aws.cloudtrail", "aws.s3", "aws.kms", "aws.logs"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "$or": [
                *_of_the_trail(trail),
                {
                    "eventName": list(_WEAKEN_A_BUCKET),
                    "requestParameters": {"bucketName": [bucket]},
                },
                _of_the_key(key),
                {
                    "eventName": ["DeleteLogGroup", "DeleteLogStream", "PutRetentionPolicy"],
                    "requestParameters": {"logGroupName": [log_group]},
                },
            ]
        },
    }


def alerts_tampered_with(*, topic_arn: str, rule_prefix: str) -> Pattern:
    """A call, allowed or denied, that would silence the alerts: on their topic, a rule, an alarm, or the daily audit.

    Args:
        topic_arn: where alerts go.
        rule_prefix: what the name of every rule, alarm and schedule of the environment begins with.
    """
    rules = [{"prefix": rule_prefix}]
    return {
        "source": ["aws.events", "aws.monitoring", "aws.scheduler", "aws.sns"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "$or": [
                {"eventName": ["DeleteTopic", "SetTopicAttributes"], "requestParameters": {"topicArn": [topic_arn]}},
                {
                    "eventName": ["Unsubscribe"],
                    "requestParameters": {"subscriptionArn": [{"prefix": f"{topic_arn}:"}]},
                },
                {"eventName": ["DeleteRule", "DisableRule", "PutRule"], "requestParameters": {"name": rules}},
                {"eventName": ["PutTargets", "RemoveTargets"], "requestParameters": {"rule": rules}},
                {"eventName": ["DeleteSchedule", "UpdateSchedule"], "requestParameters": {"name": rules}},
                {"eventName": ["DeleteAlarms", "DisableAlarmActions"], "requestParameters": {"alarmNames": rules}},
                {"eventName": ["PutMetricAlarm", "SetAlarmState"], "requestParameters": {"alarmName": rules}},
            ]
        },
    }


def audit_entries_tampered_with(*, log_group: str, alarm: str) -> Pattern:
    """A call, allowed or denied, that would erase the services' audit entries, or keep suspicious ones from the alerts.

    Args:
        log_group: name of the log group of the entries.
        alarm: name of the alarm on suspicious ones.
    """
    erasing = ["DeleteLogGroup", "DeleteLogStream", "PutRetentionPolicy", "DeleteMetricFilter", "PutMetricFilter"]
    return {
        "source": ["aws.logs", "aws.monitoring"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "$or": [
                {"eventName": erasing, "requestParameters": {"logGroupName": [log_group]}},
                {
                    "eventName": ["PutLogGroupDeletionProtection"],
                    "requestParameters": {"logGroupIdentifier": [log_group, {"suffix": f":{log_group}"}]},
                },
                {
                    "eventName": ["DeleteAlarms", "DisableAlarmActions"],
                    "requestParameters": {"alarmNames": [alarm]},
                },
                {"eventName": ["PutMetricAlarm", "SetAlarmState"], "requestParameters": {"alarmName": [alarm]}},
            ]
        },
    }
