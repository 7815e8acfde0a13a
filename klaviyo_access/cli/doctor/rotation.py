"""Whether each role's key rotates: its schedule, its last rotation, and one that was left half done."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from klaviyo_access.cli.deployer.stack import FUNCTION
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import Sight
from klaviyo_access.cli.identity import PATIENCE
from klaviyo_access.cli.keys.advice import LATE, LONGEST_RUN
from klaviyo_access.cli.rendering import Resource
from klaviyo_access.cli.secrets_manager import failure_in
from klaviyo_access.keys.labels import AwsLabel

if TYPE_CHECKING:
    from types_boto3_cloudtrail import CloudTrailClient

_SCHEDULE: Final = "aws:secretsmanager/secretRotation:SecretRotation"
_TRAIL_KEEPS: Final = timedelta(days=90)
_MOST_FAILURES: Final = 500


def rotators(sight: Sight) -> Mapping[str, Resource]:
    """The declared Lambda of each role, by the role's name."""
    return {
        role: function
        for function in sight.of(FUNCTION)
        if (role := function.inputs.get("environment", {}).get("variables", {}).get("ROLE"))
    }


def schedule(sight: Sight) -> Iterator[Trouble]:
    """Keys that do not rotate, by another Lambda, or at another time than the program declares."""
    declared = {one.name.removesuffix("-schedule"): one.inputs for one in sight.of(_SCHEDULE)}
    functions = rotators(sight)
    for role, secret in sight.live_of_roles("key").items():
        if role not in functions:
            continue
        name, function = sight.secret_name(role, "key"), functions[role]
        rules = declared.get(function.name.removesuffix("-function"), {}).get("rotationRules", {})
        if not secret.get("RotationEnabled"):
            yield Trouble(
                on=name,
                cause="does not rotate: the stack was not deployed to its end, or somebody cancelled its rotation",
                cure=sight.deploy,
            )
            continue
        if (arn := secret.get("RotationLambdaARN", "")).rpartition(":")[2] != function.inputs.get("name"):
            yield Trouble(
                on=name,
                cause=f"is rotated by {arn} and not by {function.inputs.get('name')}: that function is handed the key",
                cure=f"Look who changed it (CloudTrail: RotateSecret). {sight.deploy}",
            )
        at = secret.get("RotationRules", {}).get("ScheduleExpression", "")
        if (wanted := rules.get("scheduleExpression", at)) != at:
            yield Trouble(on=name, cause=f"rotates at {at or 'no time'} instead of {wanted}", cure=sight.deploy)


def overdue(sight: Sight) -> Iterator[Trouble]:
    """Keys that should have rotated by now, and so are older than the schedule allows."""
    for role, secret in sight.live_of_roles("key").items():
        due = secret.get("NextRotationDate")
        if due and secret.get("RotationEnabled") and sight.now - due > LATE:
            last = secret.get("LastRotatedDate")
            yield Trouble(
                on=role,
                cause=f"should have rotated by {_day(due)} and did not; its key is of {_day(last)}: a rotation failed, "
                "or one is in the way",
                cure=f"klaviyo-access keys rotate {role} --stack {sight.stack}",
            )


def failed(sight: Sight) -> Iterator[Trouble]:
    """Keys whose newest rotation failed, as the trail shows it."""
    trail: CloudTrailClient = sight.session.client("cloudtrail", config=PATIENCE)
    pages = trail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "RotationFailed"}],
        StartTime=sight.now - _TRAIL_KEEPS,
        PaginationConfig={"MaxItems": _MOST_FAILURES},
    )
    events = [event for page in pages for event in page["Events"]]
    functions = rotators(sight)
    for role, secret in sight.live_of_roles("key").items():
        last = secret.get("LastRotatedDate")
        # The trail's times are whole seconds.
        later = [event for event in events if last is None or event["EventTime"] > last.replace(microsecond=0)]
        said = failure_in((json.loads(event["CloudTrailEvent"]) for event in later), sight.secret_name(role, "key"))
        if said is not None:
            function = functions[role].inputs.get("name") if role in functions else f"the rotator of {role}"
            yield Trouble(
                on=role,
                cause=f"was not rotated: {said or 'AWS gives no reason'}; the key in use stays",
                cure=f"Read why in the log group /aws/lambda/{function}, mend it, then: klaviyo-access keys rotate "
                f"{role} --stack {sight.stack}",
            )


def stuck(sight: Sight) -> Iterator[Trouble]:
    """Rotations that ended without an end, so that AWS takes them for under way and begins no other."""
    labels = sight.labels_of_roles("key")
    for role, secret in sight.live_of_roles("key").items():
        pending, changed = labels[role].pending, secret.get("LastChangedDate")
        if pending is None or pending.has(AwsLabel.CURRENT):
            continue
        if changed and sight.now - changed < LONGEST_RUN:
            continue
        yield Trouble(
            on=role,
            cause=f"has AWSPENDING on the version {pending.id} since {_day(changed)}, and not on the current one: a "
            "rotation was cut off, and AWS begins no other while it is so",
            cure=f"klaviyo-access keys unstick {role} --stack {sight.stack} && klaviyo-access keys rotate {role} "
            f"--stack {sight.stack}",
        )


def _day(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d}" if time else "no day"


CHECKS: Final = (
    Check(name="schedule", fine="each key rotates by its own rotator, when the program says", look=schedule),
    Check(name="overdue", fine="no rotation is overdue", look=overdue),
    Check(name="failures", fine="no role's newest rotation failed", look=failed),
    Check(name="pending", fine="no rotation was left half done", look=stuck),
)
