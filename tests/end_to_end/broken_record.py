"""The trail, the alerts and the log groups, broken by hand."""

import json
from collections.abc import Generator
from typing import Any

from tests.end_to_end.doctor_world import HERE, Broken, World

_RULE_FIELDS = ("Name", "EventPattern", "State", "Description")
_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
ENTRIES = "/klaviyo/local/application-audit"
ALARM = "klaviyo-local-suspicious-entries"


def rule(name: str) -> str:
    return f"klaviyo-local-{name}"


def trail_stopped(world: World) -> Generator[None, None, None]:
    client = world.aws("cloudtrail")
    client.stop_logging(Name="klaviyo-local-audit")
    yield
    client.start_logging(Name="klaviyo-local-audit")


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


BROKEN = (
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
