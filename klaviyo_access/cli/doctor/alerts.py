"""Whether somebody hears of what must not happen: the topic, the rules, the alarms."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from klaviyo_access.access_model.environment import PROJECT
from klaviyo_access.cli.deployer.stack import EVENT_TARGET, TOPIC
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import UNKNOWN, Sight, differing, each, same_document, unless_absent
from klaviyo_access.cli.identity import PATIENCE
from klaviyo_access.cli.rendering import Resource

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_sns import SNSClient
    from types_boto3_sns.type_defs import SubscriptionTypeDef

_ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
_FILTER: Final = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
_RULE: Final = "aws:cloudwatch/eventRule:EventRule"
_SUBSCRIPTION: Final = "aws:sns/topicSubscription:TopicSubscription"
_TOPIC_POLICY: Final = "aws:sns/topicPolicy:TopicPolicy"

_OF_ALARMS: Final = {
    "metricName": "MetricName",
    "namespace": "Namespace",
    "statistic": "Statistic",
    "period": "Period",
    "evaluationPeriods": "EvaluationPeriods",
    "threshold": "Threshold",
    "comparisonOperator": "ComparisonOperator",
    "treatMissingData": "TreatMissingData",
    "alarmActions": "AlarmActions",
    "insufficientDataActions": "InsufficientDataActions",
}

# What AWS draws once it makes a secret or a KMS key.
_END_OF_SECRET_ARN: Final = re.compile(r"(?<=-)[A-Za-z0-9]{6}\Z")
_KEY_ID: Final = re.compile(r"(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z")


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


def topics(sight: Sight) -> Iterator[Trouble]:
    """A topic that takes no alerts: its policy or its KMS key is another one."""
    environment = sight.workspace.environment
    client: SNSClient = sight.session.client("sns", config=PATIENCE)
    policies = {str(one.inputs.get("arn")): str(one.inputs.get("policy", "")) for one in sight.of(_TOPIC_POLICY)}
    for topic in sight.of(TOPIC):
        arn = f"arn:{environment.partition}:sns:{environment.region}:{environment.account_id}:{topic.inputs['name']}"
        found = unless_absent(partial(client.get_topic_attributes, TopicArn=arn))
        if found is None:
            continue
        policy, has = policies.get(arn, ""), found["Attributes"]
        other = policy.startswith("{") and not same_document(has.get("Policy", "{}"), sight.as_deployed(policy))
        if other or differing(sight, topic.inputs, has, {"kmsMasterKeyId": "KmsMasterKeyId"}):
            yield Trouble(
                on=arn,
                cause=f"has another {'policy' if other else 'KMS key'} than the program declares: alerts may no longer "
                "be put on it, or somebody else puts them",
                cure=f"Look who changed it (CloudTrail: SetTopicAttributes). {sight.deploy}",
            )


def rules(sight: Sight) -> Iterator[Trouble]:
    """Rules that do nothing: gone, switched off, watching for something else, or telling nobody or somebody else."""
    home = sight.workspace.environment.region
    client: EventBridgeClient = sight.session.client("events", config=PATIENCE)
    declared = {str(one.inputs["name"]): one for one in sight.of(_RULE) if one.inputs.get("region", home) == home}
    found = each(declared, lambda name: unless_absent(lambda: client.describe_rule(Name=name)))
    there = [name for name, rule in found.items() if rule is not None]
    targets = each(there, lambda name: client.list_targets_by_rule(Rule=name)["Targets"])
    wanted = {str(one.inputs.get("rule")): one.inputs for one in sight.of(EVENT_TARGET)}
    for name, resource in declared.items():
        cause = _why_silent(sight, resource, found[name]) or _why_unheard(wanted.get(name, {}), targets[name])
        if cause:
            yield Trouble(
                on=name,
                cause=cause,
                cure="Look who did (CloudTrail: PutRule, DisableRule, DeleteRule, PutTargets, RemoveTargets). "
                f"{sight.deploy}",
            )


def _why_silent(sight: Sight, declared: Resource, found: Any) -> str:
    if found is None:
        return "is not deployed, or somebody deleted it: what it watches for happens unseen"
    if found.get("State") != declared.inputs.get("state"):
        return f"is {found.get('State')} instead of {declared.inputs.get('state')}: what it watches for happens unseen"
    pattern = str(declared.inputs.get("eventPattern", ""))
    if not pattern.startswith("{"):  # in a preview, of what is not there yet
        return ""
    there, wanted = json.loads(found.get("EventPattern", "{}")), json.loads(sight.as_deployed(pattern))
    if same_document(there, wanted):
        return ""
    if same_document(_without_what_aws_draws(there), _without_what_aws_draws(wanted)):
        return (
            "watches a secret or a KMS key that is no longer there, as after it was deleted and made anew past the "
            "program: what happens to the one of that name now happens unseen"
        )
    return "watches for something else than the program declares"


def _why_unheard(wanted: Mapping[str, Any], targets: Any) -> str:
    told = {target["Id"]: target for target in targets}.get(str(wanted.get("targetId")))
    if told is None:
        return "has lost its target: it fires, and nobody is told"
    if wanted.get("arn", UNKNOWN) not in {UNKNOWN, told["Arn"]}:
        return f"has another target than the program declares: it fires, and {told['Arn']} is told"
    if wanted.get("input", told.get("Input")) != told.get("Input"):
        return "tells its target something else than the program declares, which then does not do its work"
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


def alarms(sight: Sight) -> Iterator[Trouble]:
    """Alarms that are gone, switched off, or alarm of something else."""
    client: Any = sight.session.client("cloudwatch", config=PATIENCE)
    for declared in sight.of(_ALARM):
        name = str(declared.inputs["name"])
        found = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        if not found:
            yield Trouble(
                on=name,
                cause="is not deployed, or somebody deleted it: what it watches alarms nobody",
                cure=f"Look who did (CloudTrail: DeleteAlarms). {sight.deploy}",
            )
            continue
        if not found[0].get("ActionsEnabled"):
            yield Trouble(
                on=name,
                cause="tells nobody: its actions are switched off",
                cure="Look who did (CloudTrail: DisableAlarmActions). A deployer runs: aws cloudwatch "
                f"enable-alarm-actions --region {sight.workspace.environment.region} --alarm-names {name}",
            )
        if changed := differing(sight, declared.inputs, found[0], _OF_ALARMS):
            yield Trouble(
                on=name,
                cause=f"has another {' and '.join(changed)} than the program declares: it alarms of something else, or "
                "nobody",
                cure=f"Look who changed it (CloudTrail: PutMetricAlarm). {sight.deploy}",
            )


def metric_filters(sight: Sight) -> Iterator[Trouble]:
    """Metric filters that are gone, or count something else: nothing reaches their alarm."""
    client: CloudWatchLogsClient = sight.session.client("logs", config=PATIENCE)
    for declared in sight.of(_FILTER):
        name, group = str(declared.inputs["name"]), str(declared.inputs["logGroupName"])
        answer = unless_absent(partial(client.describe_metric_filters, logGroupName=group, filterNamePrefix=name))
        found = {one["filterName"]: one for one in answer["metricFilters"]} if answer else {}
        metric = declared.inputs.get("metricTransformation", {})
        counted = [(metric.get("namespace"), metric.get("name"))]
        if name not in found:
            cause = "is no metric filter, or somebody deleted it: suspicious audit entries alarm nobody"
        elif found[name].get("filterPattern") != declared.inputs.get("pattern") or counted != [
            (one["metricNamespace"], one["metricName"]) for one in found[name]["metricTransformations"]
        ]:
            cause = "counts something else than the program declares: suspicious audit entries alarm nobody"
        else:
            continue
        yield Trouble(
            on=name,
            cause=cause,
            cure=f"Look who did (CloudTrail: DeleteMetricFilter, PutMetricFilter). {sight.deploy}",
        )


CHECKS: Final = (
    Check(name="subscribers", fine="everybody whom the settings name hears of alerts", look=subscribers),
    Check(name="topics", fine="alerts may be put on their topic", look=topics),
    Check(name="rules", fine="each rule is switched on, watches for and tells what the program declares", look=rules),
    Check(name="alarms", fine="each alarm is switched on and watches what the program declares", look=alarms),
    Check(name="metric filters", fine="suspicious audit entries are counted", look=metric_filters),
)
