"""What the record of every read is made of: the trail, ours or the account's own, its alerts, and what they watch."""

import pulumi

from components.alerts.detections import Detection
from components.alerts.replica_watch import ReplicaWatchArgs
from components.alerts.suspicion_alarm import SuspicionAlarmArgs
from components.alerts.watch import key_detections, oauth_detections, replica_events, webhook_detections
from components.names import IAM_ROLE_LIMIT, AuditNames, physical_name
from components.plans.plan import Plan
from components.record.audit_trail import AuditTrailArgs
from components.record.existing_trail import ExistingTrailArgs


def audit_trail(plan: Plan) -> AuditTrailArgs:
    """The record of every read, and its alerts."""
    return AuditTrailArgs(
        names=AuditNames.of(plan.environment),
        key_place=plan.key_place,
        iam_path=plan.environment.iam_path,
        detections=_detections(plan),
        alert_emails=plan.settings.alert_emails,
        retention_days=plan.settings.audit_retention_days,
        force_destroy=plan.settings.force_destroy,
        tags=plan.tags(),
        protect=plan.protect,
    )


def existing_trail(plan: Plan, trail_arn: str) -> ExistingTrailArgs:
    """The alerts on the account's own trail."""
    return ExistingTrailArgs(
        trail_arn=trail_arn,
        names=AuditNames.of(plan.environment),
        key_place=plan.key_place,
        detections=_detections(plan),
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


def replica_watch(plan: Plan, region: str) -> ReplicaWatchArgs:
    """What passes reads and changes in another region on to the alerts at home."""
    here = plan.environment
    return ReplicaWatchArgs(
        region=region,
        events=replica_events(here, region),
        home_bus_arn=f"arn:{here.partition}:events:{here.region}:{here.account_id}:event-bus/default",
        role_name=physical_name(here, "replica-events", region, limit=IAM_ROLE_LIMIT),
        iam_path=here.iam_path,
        account_id=here.account_id,
        tags=plan.tags(),
    )


def _detections(plan: Plan) -> tuple[Detection, ...]:
    app, detections = plan.deployed_oauth_app, key_detections(plan.environment, plan.settings, plan.principals)
    if app:
        detections += oauth_detections(plan.environment, plan.principals, app.service)
    return detections + webhook_detections(plan.environment, plan.principals, plan.settings)
