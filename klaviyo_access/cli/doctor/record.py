"""Whether reads are on record: the trail, and the log groups."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from klaviyo_access.access_model.environment import PROJECT, read_config
from klaviyo_access.cli.deployer.stack import TRAIL
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import Sight, differing, each, unless_absent
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_cloudtrail import CloudTrailClient
    from types_boto3_logs import CloudWatchLogsClient

_LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"
_OF_TRAILS: Final = {
    "s3BucketName": "S3BucketName",
    "isMultiRegionTrail": "IsMultiRegionTrail",
    "includeGlobalServiceEvents": "IncludeGlobalServiceEvents",
    "enableLogFileValidation": "LogFileValidationEnabled",
    "cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn",
    "kmsKeyId": "KmsKeyId",
}


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


def records(sight: Sight) -> Iterator[Trouble]:
    """A trail of ours that leaves out calls, or records elsewhere or otherwise than the program declares."""
    client: CloudTrailClient = sight.session.client("cloudtrail", config=PATIENCE)
    for declared, arn in zip(sight.of(TRAIL), _trails(sight), strict=False):
        found = unless_absent(partial(client.get_trail, Name=arn))
        if found is None:
            continue
        if changed := differing(sight, declared.inputs, found["Trail"], _OF_TRAILS):
            yield Trouble(
                on=arn,
                cause=f"has another {' and '.join(changed)} than the program declares: its record may be incomplete, "
                "unproved or elsewhere",
                cure=f"Look who changed it (CloudTrail: UpdateTrail). {sight.deploy}",
            )
        if not _records_every_read(client.get_event_selectors(TrailName=arn)):
            yield Trouble(
                on=arn,
                cause="leaves out calls: its event selectors no longer take every management event, read or write, so "
                "reads of keys may not be on record, and no alert fires",
                cure="Look who changed them (CloudTrail: PutEventSelectors). A deployer runs: aws cloudtrail "
                f"put-event-selectors --region {sight.workspace.environment.region} --trail-name {arn} "
                """--event-selectors '[{"ReadWriteType":"All","IncludeManagementEvents":true}]'""",
            )


def _records_every_read(selectors: Any) -> bool:
    return any(
        one.get("ReadWriteType") == "All"
        and one.get("IncludeManagementEvents")
        and not one.get("ExcludeManagementEventSources")
        for one in selectors.get("EventSelectors", [])
    )


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


CHECKS: Final = (
    Check(name="trail", fine="the trail logs, and delivers what it logs", look=trail),
    Check(name="records", fine="the trail records every read where the program says", look=records),
    Check(name="log groups", fine="each log group is there and keeps events as long as declared", look=log_groups),
)
