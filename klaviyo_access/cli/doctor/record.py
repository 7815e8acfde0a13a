"""Whether reads are on record, and somebody hears of the wrong ones: the trail, the alerts, the audit entries."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from klaviyo_access.access_model.environment import PROJECT, read_config
from klaviyo_access.cli.deployer_stack import TOPIC, TRAIL
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import Sight, each, same_document, unless_absent
from klaviyo_access.cli.identity import PATIENCE
from klaviyo_access.cli.rendering import Resource

if TYPE_CHECKING:
    from types_boto3_cloudtrail import CloudTrailClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_sns import SNSClient
    from types_boto3_sns.type_defs import SubscriptionTypeDef

_ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
_LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"
_RULE: Final = "aws:cloudwatch/eventRule:EventRule"
_SUBSCRIPTION: Final = "aws:sns/topicSubscription:TopicSubscription"
_TARGET: Final = "aws:cloudwatch/eventTarget:EventTarget"

# What AWS draws once it makes a secret or a KMS key, and a rendering can only guess.
_END_OF_SECRET_ARN: Final = re.compile(r"(?<=-)[A-Za-z0-9]{6}\Z")
_KEY_ID: Final = re.compile(r"(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z")


def trail(sight: Sight) -> Iterator[Trouble]:
    """A trail that is gone, stands still, or cannot deliver."""
    client: CloudTrailClient = sight.session.client("cloudtrail", config=PATIENCE)
    for arn in _trails(sight):
        status = unless_absent(partial(client.get_trail_status, Name=arn))
        region = sight.workspace.environment.region
        if status is None:
            yield Trouble(
                on=arn,
                cause="is not deployed, or somebody deleted it: nobody can tell who read which key",
                cure=f"Look who did (CloudTrail: DeleteTrail). {sight.deploy}",
            )
        elif not status["IsLogging"]:
            yield Trouble(
                on=arn,
                cause="stands still: reads of keys are not on record, and no alert fires",
                cure="Look who stopped it (CloudTrail: StopLogging). A deployer runs: aws cloudtrail start-logging "
                f"--region {region} --name {arn}",
            )
        elif error := status.get("LatestDeliveryError") or status.get("LatestCloudWatchLogsDeliveryError"):
            yield Trouble(
                on=arn,
                cause=f"cannot deliver its files or events: {error}",
                cure=f"Mend what AWS names: the bucket, its policy, or the KMS key of the record. {sight.deploy}",
            )


def _trails(sight: Sight) -> list[str]:
    """The ARN of the trail: the account's own, where the settings rely on that."""
    environment = sight.workspace.environment
    audit = read_config(sight.workspace.directory, sight.stack).get(f"{PROJECT}:audit")
    if isinstance(audit, dict) and audit.get("trailArn"):
        return [str(audit["trailArn"])]
    start = f"arn:{environment.partition}:cloudtrail:{environment.region}:{environment.account_id}:trail"
    return [f"{start}/{one.inputs['name']}" for one in sight.of(TRAIL) if "name" in one.inputs]


def subscribers(sight: Sight) -> Iterator[Trouble]:
    """A topic that is gone, or of which nobody, or not everybody, is told."""
    environment = sight.workspace.environment
    client: SNSClient = sight.session.client("sns", config=PATIENCE)
    told = {str(one.inputs.get("endpoint")) for one in sight.of(_SUBSCRIPTION)}
    for topic in sight.of(TOPIC):
        arn = f"arn:{environment.partition}:sns:{environment.region}:{environment.account_id}:{topic.inputs['name']}"
        found = unless_absent(partial(_subscriptions, client, arn))
        if found is None:
            yield Trouble(on=arn, cause="is not deployed: alerts reach nobody", cure=sight.deploy)
            continue
        confirmed = {one["Endpoint"] for one in found if one.get("SubscriptionArn", "").startswith("arn:")}
        pending = {one["Endpoint"] for one in found} - confirmed
        for endpoint in sorted(told - confirmed):
            yield Trouble(
                on=endpoint,
                cause="did not confirm AWS's message: no alert reaches it"
                if endpoint in pending
                else f"is named by {PROJECT}:alertEmails and not subscribed to {arn}: no alert reaches it",
                cure="Follow the link in the message of AWS Notifications (look among the spam); it holds for 3 days, "
                f"then a new one comes by: {sight.deploy}",
            )
        if not told | confirmed and sight.stack != "local":
            yield Trouble(
                on=arn,
                cause="has no subscriber: alerts reach nobody",
                cure=f"Name somebody in {PROJECT}:alertEmails of Pulumi.{sight.stack}.yaml. {sight.deploy}",
            )


def _subscriptions(client: "SNSClient", topic_arn: str) -> "list[SubscriptionTypeDef]":
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    return [one for page in pages for one in page["Subscriptions"]]


def rules(sight: Sight) -> Iterator[Trouble]:
    """Alerts that would not fire: their rule is gone, switched off, watches for something else, or tells nobody."""
    home = sight.workspace.environment.region
    client: EventBridgeClient = sight.session.client("events", config=PATIENCE)
    declared = {str(one.inputs["name"]): one for one in sight.of(_RULE) if one.inputs.get("region", home) == home}
    found = each(declared, lambda name: unless_absent(lambda: client.describe_rule(Name=name)))
    there = [name for name, rule in found.items() if rule is not None]
    targets = each(there, lambda name: client.list_targets_by_rule(Rule=name)["Targets"])
    wanted = {str(one.inputs.get("rule")): str(one.inputs.get("targetId")) for one in sight.of(_TARGET)}
    for name, resource in declared.items():
        cause = _why_silent(resource, found[name])
        if not cause and wanted.get(name) not in {target["Id"] for target in targets[name]}:
            cause = "has lost its target: it fires, and nobody is told"
        if cause:
            yield Trouble(
                on=name,
                cause=cause,
                cure=f"Look who did (CloudTrail: PutRule, DisableRule, DeleteRule, RemoveTargets). {sight.deploy}",
            )


def _why_silent(declared: Resource, found: Any) -> str:
    if found is None:
        return "is not deployed, or somebody deleted it: what it watches for happens unseen"
    if found.get("State") != declared.inputs.get("state"):
        return f"is {found.get('State')} instead of {declared.inputs.get('state')}: what it watches for happens unseen"
    pattern = str(declared.inputs.get("eventPattern", ""))
    if not pattern.startswith("{"):  # in a preview, of what is not there yet
        return ""
    there = json.loads(found.get("EventPattern", "{}"))
    if not same_document(_without_what_aws_draws(there), _without_what_aws_draws(json.loads(pattern))):
        return "watches for something else than the program declares"
    return ""


def _without_what_aws_draws(pattern: Any) -> Any:
    """A pattern with the ends of secrets' ARNs and the ids of KMS keys masked; prefixes hold neither."""
    if isinstance(pattern, Mapping):
        return {name: value if name == "prefix" else _without_what_aws_draws(value) for name, value in pattern.items()}
    if isinstance(pattern, list):
        return [_without_what_aws_draws(value) for value in pattern]
    if isinstance(pattern, str) and ":secret:" in pattern:
        return _END_OF_SECRET_ARN.sub("??????", pattern)
    return _KEY_ID.sub("?", pattern) if isinstance(pattern, str) else pattern


def log_groups(sight: Sight) -> Iterator[Trouble]:
    """Log groups that are gone, or keep events for another time."""
    environment, home = sight.workspace.environment, sight.workspace.environment.region
    client: CloudWatchLogsClient = sight.session.client("logs", config=PATIENCE)
    declared = {str(one.inputs["name"]): one.inputs for one in sight.of(_LOG_GROUP)}
    declared = {name: inputs for name, inputs in declared.items() if inputs.get("region", home) == home}
    pages = each(
        (f"/{environment.prefix}/{environment.name}/", f"/aws/lambda/{environment.prefix}-{environment.name}-"),
        lambda prefix: list(client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)),
    )
    found = {
        group["logGroupName"]: group for listed in pages.values() for page in listed for group in page["logGroups"]
    }
    for name, inputs in declared.items():
        if name not in found:
            yield Trouble(
                on=name,
                cause="is not deployed, or somebody deleted it, and what it held is lost",
                cure=f"Look who did (CloudTrail: DeleteLogGroup). {sight.deploy}",
            )
        elif (days := found[name].get("retentionInDays")) != inputs.get("retentionInDays"):
            yield Trouble(
                on=name,
                cause=f"keeps events for {days or 'all'} days instead of {inputs.get('retentionInDays')}",
                cure=f"Look who changed it (CloudTrail: PutRetentionPolicy). {sight.deploy}",
            )


def alarms(sight: Sight) -> Iterator[Trouble]:
    """Alarms that are gone or switched off."""
    client: Any = sight.session.client("cloudwatch", config=PATIENCE)
    for name in (str(one.inputs["name"]) for one in sight.of(_ALARM)):
        found = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        if not found:
            yield Trouble(
                on=name,
                cause="is not deployed, or somebody deleted it: suspicious audit entries alarm nobody",
                cure=f"Look who did (CloudTrail: DeleteAlarms). {sight.deploy}",
            )
        elif not found[0].get("ActionsEnabled"):
            yield Trouble(
                on=name,
                cause="tells nobody: its actions are switched off",
                cure="Look who did (CloudTrail: DisableAlarmActions). A deployer runs: aws cloudwatch "
                f"enable-alarm-actions --region {sight.workspace.environment.region} --alarm-names {name}",
            )


CHECKS: Final = (
    Check(name="trail", fine="the trail logs, and delivers what it logs", look=trail),
    Check(name="subscribers", fine="everybody whom the settings name hears of alerts", look=subscribers),
    Check(name="rules", fine="each alert is switched on and watches for what the program declares", look=rules),
    Check(name="log groups", fine="each log group is there and keeps events as long as declared", look=log_groups),
    Check(name="alarms", fine="suspicious audit entries alarm somebody", look=alarms),
)
