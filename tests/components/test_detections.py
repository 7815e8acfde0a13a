"""Detections: patterns that EventBridge takes, for the reads they are meant to see."""

import json
from typing import Any

import botocore.session
import pytest

from components.alerts.detections import (
    PatternTooLargeError,
    batch_read_by_filter,
    passed_on,
    read_by_stranger,
    rotation_failed,
    secrets_touched,
    to_json,
)
from components.alerts.tampering import (
    alerts_tampered_with,
    audit_entries_tampered_with,
    existing_trail_tampered_with,
    trail_tampered_with,
)

ARNS = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:"
READER = "arn:aws:iam::111111111111:role/klaviyo/prod/klaviyo-prod-reader"


def test_a_stranger_is_whoever_is_no_session_of_a_reader() -> None:
    pattern = read_by_stranger(secret_name="klaviyo/prod/viewer/key", arn_prefixes=[ARNS], readers=[READER])
    assert pattern["detail"]["userIdentity"]["$or"] == [
        {"sessionContext": {"sessionIssuer": {"arn": [{"anything-but": [READER]}]}}},
        {"type": [{"anything-but": ["AssumedRole"]}]},
    ]


def test_a_reader_of_another_account_is_no_stranger_and_the_rest_of_the_world_is() -> None:
    pattern = read_by_stranger(
        secret_name="klaviyo/prod/viewer/key", arn_prefixes=[ARNS], readers=[READER], foreign_accounts=["9" * 12]
    )
    assert pattern["detail"]["userIdentity"]["$or"][1:] == [
        {"type": [{"anything-but": ["AssumedRole", "AWSAccount"]}]},
        {"type": ["AWSAccount"], "accountId": [{"anything-but": ["9" * 12]}]},
    ]


def test_a_read_in_another_region_is_recognised_by_that_regions_arn() -> None:
    there = ARNS.replace("eu-west-1", "us-east-1")
    pattern = read_by_stranger(secret_name="klaviyo/prod/viewer/key", arn_prefixes=[ARNS, there], readers=[READER])
    assert {"prefix": f"{there}klaviyo/prod/viewer/key"} in pattern["detail"]["requestParameters"]["$or"][0]["secretId"]


def test_a_secret_is_recognised_by_name_and_by_arn_alone_and_in_a_batch() -> None:
    pattern = read_by_stranger(secret_name="klaviyo/prod/viewer/key", arn_prefixes=[ARNS], readers=[READER])
    spellings = ["klaviyo/prod/viewer/key", {"prefix": f"{ARNS}klaviyo/prod/viewer/key"}]
    assert pattern["detail"]["requestParameters"]["$or"] == [{"secretId": spellings}, {"secretIdList": spellings}]


def test_whoever_touches_a_secret_is_seen_whichever_way_he_names_it_and_in_this_environment_alone() -> None:
    pattern = secrets_touched(folder="klaviyo/prod/", arn_prefixes=[ARNS])
    assert pattern["detail"]["requestParameters"] == {
        "secretId": [{"prefix": "klaviyo/prod/"}, {"prefix": f"{ARNS}klaviyo/prod/"}]
    }


def test_a_pattern_over_eventbridges_limit_is_refused_before_aws_sees_it() -> None:
    readers = [f"{READER}-{number}" for number in range(40)]
    pattern = read_by_stranger(secret_name="klaviyo/prod/viewer/key", arn_prefixes=[ARNS], readers=readers)
    with pytest.raises(PatternTooLargeError, match="EventBridge takes 2048: too many services read this secret"):
        to_json(pattern, what="strangers who read klaviyo/prod/viewer/key")


def test_the_same_pattern_gives_the_same_text() -> None:
    assert to_json({"b": 1, "a": 2}, what="x") == json.dumps({"a": 2, "b": 1}, separators=(",", ":"))


TOUCHES = {
    "PutResourcePolicy",
    "DeleteResourcePolicy",
    "UpdateSecret",
    "DeleteSecret",
    "ReplicateSecretToRegions",
    "RemoveRegionsFromReplication",
    "StopReplicationToReplica",
    "AssociateCrossAccountReplica",
}
CHANGES_OF_A_BUCKET = {
    "DeleteBucket": "its files are gone",
    "DeleteBucketAnalyticsConfiguration": "",
    "DeleteBucketCors": "",
    "DeleteBucketEncryption": "files are encrypted by another key than the trail's",
    "DeleteBucketIntelligentTieringConfiguration": "",
    "DeleteBucketInventoryConfiguration": "",
    "DeleteBucketLifecycle": "files are kept for another time",
    "DeleteBucketMetadataConfiguration": "",
    "DeleteBucketMetadataTableConfiguration": "",
    "DeleteBucketMetricsConfiguration": "",
    "DeleteBucketOwnershipControls": "access control lists count again",
    "DeleteBucketPolicy": "deleting files and plain HTTP are no longer denied",
    "DeleteBucketPublicAccessBlock": "it can be opened to the world",
    "DeleteBucketReplication": "",
    "DeleteBucketTagging": "",
    "DeleteBucketWebsite": "",
    "PutBucketAbac": "",
    "PutBucketAccelerateConfiguration": "",
    "PutBucketAcl": "others may read or write",
    "PutBucketAnalyticsConfiguration": "",
    "PutBucketCors": "",
    "PutBucketEncryption": "files are encrypted by another key than the trail's",
    "PutBucketIntelligentTieringConfiguration": "",
    "PutBucketInventoryConfiguration": "",
    "PutBucketLifecycle": "files are deleted early",
    "PutBucketLogging": "who reads the files is no longer logged",
    "PutBucketMetricsConfiguration": "",
    "PutBucketNotification": "",
    "PutBucketObjectLockConfiguration": "new files are locked no longer",
    "PutBucketOwnershipControls": "access control lists count again",
    "PutBucketPolicy": "others may read, or CloudTrail no longer write",
    "PutBucketPublicAccessBlock": "it can be opened to the world",
    "PutBucketReplication": "new files are copied elsewhere",
    "PutBucketRequestPayment": "",
    "PutBucketTagging": "",
    "PutBucketVersioning": "what is overwritten is gone",
    "PutBucketWebsite": "files are served",
}
"""Every change of a bucket, as CloudTrail names it, and how it weakens a trail's bucket; empty where it does not."""
NAMED_OTHERWISE = {
    "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
"""How CloudTrail names operations that S3's API calls something else."""


def test_every_change_of_a_bucket_that_s3_knows_was_judged() -> None:
    known = botocore.session.get_session().get_service_model("s3").operation_names
    changes = {name for name in known if name.startswith(("PutBucket", "DeleteBucket"))} | NAMED_OTHERWISE.keys()
    assert {NAMED_OTHERWISE.get(name, name) for name in changes} == CHANGES_OF_A_BUCKET.keys()


def test_the_widest_pattern_on_a_trail_is_within_eventbridges_limit() -> None:
    names = {"trail": ["n" * 128, f"arn:aws:cloudtrail:ap-southeast-2:{'1' * 12}:trail/{'n' * 128}"]}
    key = ["k" * 36, f"arn:aws:kms:ap-southeast-2:{'1' * 12}:key/{'k' * 36}"]
    assert to_json(trail_tampered_with(**names, bucket="b" * 63, key=key, log_group="g" * 128), what="the trail")


SEEN = {
    "rotation failed": (
        rotation_failed(secret_arn_prefix=f"{ARNS}klaviyo/prod/"),
        {"RotationFailed", "RotationAbandoned"},
    ),
    "stranger": (
        read_by_stranger(secret_name="klaviyo/prod/viewer/key", arn_prefixes=[ARNS], readers=[READER]),
        {"GetSecretValue", "BatchGetSecretValue"},
    ),
    "batch read": (batch_read_by_filter(), {"BatchGetSecretValue"}),
    "trail tampered with": (
        trail_tampered_with(trail=["t"], bucket="b", key=["k"], log_group="g"),
        {
            "StopLogging",
            "DeleteTrail",
            "UpdateTrail",
            "PutEventSelectors",
            "PutInsightSelectors",
            *(event for event, weakens in CHANGES_OF_A_BUCKET.items() if weakens),
            "DisableKey",
            "DisableKeyRotation",
            "ScheduleKeyDeletion",
            "PutKeyPolicy",
            "DeleteLogGroup",
            "DeleteLogStream",
            "PutRetentionPolicy",
        },
    ),
    "another's trail tampered with": (
        existing_trail_tampered_with(trail=["t"], key=["k"]),
        {
            "StopLogging",
            "DeleteTrail",
            "UpdateTrail",
            "PutEventSelectors",
            "PutInsightSelectors",
            "DisableKey",
            "DisableKeyRotation",
            "ScheduleKeyDeletion",
            "PutKeyPolicy",
        },
    ),
    "whatever is done in another region": (
        passed_on(folder="klaviyo/prod/", arn_prefix=ARNS),
        {"GetSecretValue", "BatchGetSecretValue"} | TOUCHES,
    ),
    "secrets touched": (secrets_touched(folder="klaviyo/prod/", arn_prefixes=[ARNS]), TOUCHES),
    "alerts tampered with": (
        alerts_tampered_with(topic_arn="arn:t", rule_prefix="klaviyo-prod-"),
        {
            "DeleteTopic",
            "SetTopicAttributes",
            "Unsubscribe",
            "DeleteRule",
            "DisableRule",
            "PutRule",
            "PutTargets",
            "RemoveTargets",
            "DeleteSchedule",
            "UpdateSchedule",
            "DeleteAlarms",
            "DisableAlarmActions",
            "PutMetricAlarm",
            "SetAlarmState",
        },
    ),
    "audit entries tampered with": (
        audit_entries_tampered_with(log_group="/klaviyo/prod/application-audit", alarm="klaviyo-prod-suspicious"),
        {
            "DeleteLogGroup",
            "DeleteLogStream",
            "PutRetentionPolicy",
            "PutLogGroupDeletionProtection",
            "DeleteMetricFilter",
            "PutMetricFilter",
            "DeleteAlarms",
            "DisableAlarmActions",
            "PutMetricAlarm",
            "SetAlarmState",
        },
    ),
}


@pytest.mark.parametrize(("pattern", "events"), SEEN.values(), ids=SEEN)
def test_a_detection_sees_every_call_that_it_is_for(pattern: dict[str, Any], events: set[str]) -> None:
    detail = pattern["detail"]
    branches = detail.get("$or", [detail])
    assert {name for branch in branches for name in branch["eventName"]} == events
    sources = {
        "RotationFailed": "secretsmanager",
        "StopLogging": "cloudtrail",
        "DisableRule": "events",
        "DeleteSchedule": "scheduler",
        "DeleteLogStream": "logs",
        "DeleteAlarms": "monitoring",
    }
    assert all(f"aws.{sources[name]}" in pattern["source"] for name in events & sources.keys())
