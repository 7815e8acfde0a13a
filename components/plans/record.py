"""What the record of every read is made of: the trail, ours or the account's own, its alerts, and what they watch."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pulumi

from components.alerts.detections import Detection
from components.alerts.far_watch import FarWatchArgs
from components.alerts.suspicion_alarm import SuspicionAlarmArgs
from components.alerts.watch import (
    key_detections,
    oauth_detections,
    replica_events,
    role_events,
    takeover_detection,
    webhook_detections,
)
from components.names import IAM_ROLE_LIMIT, AuditNames, physical_name, role_watch_name
from components.plans.plan import Plan, SecretKeys
from components.record.audit_trail import AuditTrailArgs
from components.record.existing_trail import ExistingTrailArgs

REGION_OF_IAM_EVENTS: Final = MappingProxyType({"aws": "us-east-1"})
"""Where the events of IAM come up, whichever region is called, by partition.

GovCloud is not among them: EventBridge passes no events between its regions, so that an environment there hears of its
roles where it is in us-gov-west-1 alone.
Source: CloudTrail user guide, "Global service events"; AWS Compute Blog, "Expanding cross-Region event routing with
Amazon EventBridge".
"""


def audit_trail(plan: Plan, keys: SecretKeys) -> AuditTrailArgs:
    """The record of every read, and its alerts."""
    return AuditTrailArgs(
        names=AuditNames.of(plan.environment),
        key_place=plan.key_place,
        iam_path=plan.environment.iam_path,
        detections=_detections(plan, keys),
        alert_emails=plan.settings.alert_emails,
        retention_days=plan.settings.audit_retention_days,
        force_destroy=plan.settings.force_destroy,
        tags=plan.tags(),
        protect=plan.protect,
    )


def existing_trail(plan: Plan, trail_arn: str, keys: SecretKeys) -> ExistingTrailArgs:
    """The alerts on the account's own trail."""
    return ExistingTrailArgs(
        trail_arn=trail_arn,
        names=AuditNames.of(plan.environment),
        key_place=plan.key_place,
        detections=_detections(plan, keys),
        alert_emails=plan.settings.alert_emails,
        tags=plan.tags(),
        protect=plan.protect,
    )


def suspicion_alarm(plan: Plan, *, log_group: pulumi.Input[str], topic_arn: pulumi.Input[str]) -> SuspicionAlarmArgs:
    """The alarm on suspicious audit entries."""
    return SuspicionAlarmArgs(
        alarm=AuditNames.of(plan.environment).alarm,
        environment=plan.environment.name,
        log_group=log_group,
        topic_arn=topic_arn,
        tags=plan.tags(),
    )


def far_watches(plan: Plan) -> Mapping[str, FarWatchArgs]:
    """What passes events of other regions on to the alerts at home, by a name: of each replica, and of IAM's roles."""
    watches = {
        region: _far_watch(
            plan,
            region,
            replica_events(plan.environment, region),
            physical_name(plan.environment, "replica-events", region, limit=IAM_ROLE_LIMIT),
        )
        for region in plan.settings.replica_regions
    }
    there = REGION_OF_IAM_EVENTS.get(plan.environment.partition, plan.environment.region)
    if there != plan.environment.region:
        watches["roles"] = _far_watch(
            plan, there, role_events(plan.environment, plan.settings), role_watch_name(plan.environment)
        )
    return watches


def _far_watch(plan: Plan, region: str, events: Detection, role_name: str) -> FarWatchArgs:
    here = plan.environment
    return FarWatchArgs(
        region=region,
        events=events,
        home_bus_arn=f"arn:{here.partition}:events:{here.region}:{here.account_id}:event-bus/default",
        role_name=role_name,
        iam_path=here.iam_path,
        account_id=here.account_id,
        tags=plan.tags(),
    )


def _detections(plan: Plan, keys: SecretKeys) -> tuple[Detection, ...]:
    app, detections = plan.deployed_oauth_app, key_detections(plan.environment, plan.settings, plan.principals)
    if app:
        detections += oauth_detections(plan.environment, plan.principals, app.service)
    detections += webhook_detections(plan.environment, plan.principals, plan.settings)
    return (*detections, takeover_detection(plan.environment, plan.settings, keys.home))
