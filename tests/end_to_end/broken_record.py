"""The trail, the alerts and the log groups, broken by hand."""

import json
from collections.abc import Generator
from typing import Any

from tests.end_to_end.broken_secrets import kms_key
from tests.end_to_end.doctor_world import ACCOUNT, HERE, Broken, World

_RULE_FIELDS = ("Name", "EventPattern", "State", "Description")
_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
BUCKET = f"klaviyo-local-audit-{ACCOUNT}-us-east-1"
ENTRIES = "/klaviyo/local/application-audit"
ALARM = "klaviyo-local-suspicious-entries"

SILENCE = "klaviyo-local-no-key-audit"
_CANARY = '{"action":"first-canary"}'
_ALARM_FIELDS = (
    "AlarmName",
    "AlarmDescription",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "Dimensions",
    "Period",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


def rule(name: str) -> str:
    return f"klaviyo-local-{name}"


def trail_stopped(world: World) -> Generator[None, None, None]:
    client = world.aws("cloudtrail")
    client.stop_logging(Name="klaviyo-local-audit")
    yield
    client.start_logging(Name="klaviyo-local-audit")


def reads_left_out(world: World) -> Generator[None, None, None]:
    client = world.aws("cloudtrail")
    for kind in ("WriteOnly", "All"):
        selectors = [{"ReadWriteType": kind, "IncludeManagementEvents": True}]
        client.put_event_selectors(TrailName="klaviyo-local-audit", EventSelectors=selectors)
        if kind == "WriteOnly":
            yield


def other_regions_left_out(world: World) -> Generator[None, None, None]:
    client = world.aws("cloudtrail")
    client.update_trail(Name="klaviyo-local-audit", IsMultiRegionTrail=False)
    yield
    client.update_trail(Name="klaviyo-local-audit", IsMultiRegionTrail=True)


def _put_rule(world: World, name: str, **changed: Any) -> Generator[None, None, None]:
    client = world.aws("events")
    found = client.describe_rule(Name=rule(name))
    as_it_was = {field: found[field] for field in _RULE_FIELDS}
    client.put_rule(**(as_it_was | changed))
    yield
    client.put_rule(**as_it_was)


def _put_pattern(world: World, name: str, part: str, other: str) -> Generator[None, None, None]:
    pattern = str(world.aws("events").describe_rule(Name=rule(name))["EventPattern"])
    assert part in pattern
    yield from _put_rule(world, name, EventPattern=pattern.replace(part, other))


def rule_disabled(world: World) -> Generator[None, None, None]:
    yield from _put_rule(world, "rotation-failed", State="DISABLED")


def rule_deaf(world: World) -> Generator[None, None, None]:
    yield from _put_rule(world, "secrets-touched", EventPattern='{"source":["aws.nothing"]}')


def tampering_with_the_key_unseen(world: World) -> Generator[None, None, None]:
    yield from _put_pattern(world, "trail-tampered", '"ScheduleKeyDeletion",', "")


def canary_of_another_secret(world: World) -> Generator[None, None, None]:
    yield from _put_pattern(world, "viewer-canary", "viewer/key", "viewer/reserve")


def canary_of_a_secret_made_anew(world: World) -> Generator[None, None, None]:
    found = world.aws("secretsmanager").describe_secret(SecretId="klaviyo/local/developer/key")
    yield from _put_pattern(world, "developer-canary", found["ARN"], f"{found['ARN'][:-6]}000000")


def tampering_with_a_key_made_anew(world: World) -> Generator[None, None, None]:
    entries = kms_key(world, "audit")
    yield from _put_pattern(world, "trail-tampered", entries, "00000000-0000-4000-8000-000000000000")


def rule_deleted(world: World) -> Generator[None, None, None]:
    client, name = world.aws("events"), rule("batch-read")
    found, targets = client.describe_rule(Name=name), client.list_targets_by_rule(Rule=name)["Targets"]
    client.remove_targets(Rule=name, Ids=[target["Id"] for target in targets])
    client.delete_rule(Name=name)
    yield
    client.put_rule(**{field: found[field] for field in _RULE_FIELDS})
    client.put_targets(Rule=name, Targets=targets)


def _put_targets(world: World, name: str, *targets: Any) -> Generator[None, None, None]:
    client = world.aws("events")
    as_it_was = client.list_targets_by_rule(Rule=rule(name))["Targets"]
    client.remove_targets(Rule=rule(name), Ids=[target["Id"] for target in as_it_was])
    if targets:
        client.put_targets(Rule=rule(name), Targets=targets)
    yield
    client.put_targets(Rule=rule(name), Targets=as_it_was)


def target_removed(world: World) -> Generator[None, None, None]:
    yield from _put_targets(world, "alerts-tampered")


def canary_of_another_function(world: World) -> Generator[None, None, None]:
    function = f"arn:aws:lambda:{HERE}:function:klaviyo-local-viewer-rotator"
    yield from _put_targets(world, "admin-canary", {"Id": "rotator", "Arn": function, "Input": _CANARY})


def canary_that_asks_for_nothing(world: World) -> Generator[None, None, None]:
    function = f"arn:aws:lambda:{HERE}:function:klaviyo-local-service-rotator"
    yield from _put_targets(world, "service-canary", {"Id": "rotator", "Arn": function, "Input": "{}"})


def topic_closed(world: World) -> Generator[None, None, None]:
    client, topic = world.aws("sns"), f"arn:aws:sns:{HERE}:klaviyo-local-alerts"
    policy = client.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    closed = policy.replace("events.amazonaws.com", "s3.amazonaws.com")
    client.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=closed)
    yield
    client.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def nobody_subscribed(world: World) -> Generator[None, None, None]:
    text = world.rendered.read_text()
    document = json.loads(text)
    told = {
        "type": _SUBSCRIPTION,
        "urn": f"urn:pulumi:local::klaviyo-access::{_SUBSCRIPTION}::to",
        "inputs": {"endpoint": "on@call.example"},
    }
    document["deployment"]["resources"].append(told)
    world.rendered.write_text(json.dumps(document))
    yield
    world.rendered.write_text(text)


def entries_kept_a_day(world: World) -> Generator[None, None, None]:
    client = world.aws("logs")
    client.put_retention_policy(logGroupName=ENTRIES, retentionInDays=1)
    yield
    client.put_retention_policy(logGroupName=ENTRIES, retentionInDays=400)


def alarm_off(world: World) -> Generator[None, None, None]:
    client = world.aws("cloudwatch")
    client.disable_alarm_actions(AlarmNames=[ALARM])
    yield
    client.enable_alarm_actions(AlarmNames=[ALARM])


def alarm_deaf(world: World) -> Generator[None, None, None]:
    client = world.aws("cloudwatch")
    (found,) = client.describe_alarms(AlarmNames=[SILENCE])["MetricAlarms"]
    as_it_was = {field: found[field] for field in _ALARM_FIELDS}
    client.put_metric_alarm(**(as_it_was | {"Threshold": 0, "AlarmActions": []}))
    yield
    client.put_metric_alarm(**as_it_was)


def filter_deleted(world: World) -> Generator[None, None, None]:
    client = world.aws("logs")
    (found,) = client.describe_metric_filters(logGroupName=ENTRIES)["metricFilters"]
    client.delete_metric_filter(logGroupName=ENTRIES, filterName=ALARM)
    yield
    client.put_metric_filter(
        logGroupName=ENTRIES,
        filterName=ALARM,
        filterPattern=found["filterPattern"],
        metricTransformations=found["metricTransformations"],
    )


def bucket_opened(world: World) -> Generator[None, None, None]:
    client = world.aws("s3")
    closed = client.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    client.delete_public_access_block(Bucket=BUCKET)
    yield
    client.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=closed)


def versions_suspended(world: World) -> Generator[None, None, None]:
    client = world.aws("s3")
    for status in ("Suspended", "Enabled"):
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": status})
        if status == "Suspended":
            yield


def files_kept_a_day(world: World) -> Generator[None, None, None]:
    client = world.aws("s3")
    rules = client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    for changed in ([{**rule, "Expiration": {"Days": 1}} for rule in rules], rules):
        client.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": changed})
        if changed != rules:
            yield


def policy_of_the_bucket_opened(world: World) -> Generator[None, None, None]:
    client = world.aws("s3")
    policy = client.get_bucket_policy(Bucket=BUCKET)["Policy"]
    opened = policy.replace('"cloudtrail.amazonaws.com"', '"s3.amazonaws.com"', 1)
    assert opened != policy
    client.put_bucket_policy(Bucket=BUCKET, Policy=opened)
    yield
    client.put_bucket_policy(Bucket=BUCKET, Policy=policy)


BROKEN = (
    Broken(bucket_opened, "bucket", BUCKET, "not closed to the public", "DeleteBucketPublicAccessBlock"),
    Broken(versions_suspended, "bucket", BUCKET, "no longer keeps what is overwritten", "PutBucketVersioning"),
    Broken(files_kept_a_day, "bucket", BUCKET, "deletes files by other rules", "PutBucketLifecycle"),
    Broken(policy_of_the_bucket_opened, "bucket", BUCKET, "another policy", "PutBucketPolicy"),
    Broken(reads_left_out, "records", f"arn:aws:cloudtrail:{HERE}", "leaves out calls", "put-event-selectors"),
    Broken(
        other_regions_left_out, "records", f"arn:aws:cloudtrail:{HERE}", "another isMultiRegionTrail", "UpdateTrail"
    ),
    Broken(canary_of_a_secret_made_anew, "rules", rule("developer-canary"), "no longer there", "PutRule"),
    Broken(canary_of_another_function, "rules", rule("admin-canary"), "another target", "PutTargets"),
    Broken(canary_that_asks_for_nothing, "rules", rule("service-canary"), "tells its target", "PutTargets"),
    Broken(topic_closed, "topics", f"arn:aws:sns:{HERE}", "another policy", "SetTopicAttributes"),
    Broken(alarm_deaf, "alarms", SILENCE, "another threshold and alarmActions", "PutMetricAlarm"),
    Broken(filter_deleted, "metric filters", ALARM, "somebody deleted it", "DeleteMetricFilter"),
    Broken(trail_stopped, "trail", f"arn:aws:cloudtrail:{HERE}", "stands still", "aws cloudtrail start-logging"),
    Broken(rule_disabled, "rules", rule("rotation-failed"), "is DISABLED", "DisableRule"),
    Broken(rule_deaf, "rules", rule("secrets-touched"), "watches for something else", "PutRule"),
    Broken(tampering_with_the_key_unseen, "rules", rule("trail-tampered"), "watches for something else", "PutRule"),
    Broken(canary_of_another_secret, "rules", rule("viewer-canary"), "watches for something else", "PutRule"),
    Broken(rule_deleted, "rules", rule("batch-read"), "is not deployed", "DeleteRule"),
    Broken(target_removed, "rules", rule("alerts-tampered"), "has lost its target", "RemoveTargets"),
    Broken(nobody_subscribed, "subscribers", "on@call.example", "not subscribed", "AWS Notifications"),
    Broken(entries_kept_a_day, "log groups", ENTRIES, "keeps events for 1 days", "PutRetentionPolicy"),
    Broken(alarm_off, "alarms", ALARM, "switched off", "aws cloudwatch enable-alarm-actions"),
)

KEY_MADE_ANEW = Broken(tampering_with_a_key_made_anew, "rules", rule("trail-tampered"), "no longer there", "PutRule")
