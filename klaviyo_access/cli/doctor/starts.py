"""Whether the Lambdas are started: who may start each, and the schedule of the daily audit."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from klaviyo_access.cli.deployer.stack import SCHEDULE
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import UNKNOWN, Sight, each, unless_absent
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_PERMISSION: Final = "aws:lambda/permission:Permission"


def permissions(sight: Sight) -> Iterator[Trouble]:
    """Functions that AWS's services may not start as the program declares, or that others may."""
    client: LambdaClient = sight.session.client("lambda", config=PATIENCE)
    wanted: dict[str, dict[str, tuple[object, ...]]] = {}
    for one in sight.of(_PERMISSION):
        named = ("principal", "action", "sourceArn", "sourceAccount")
        start = tuple(one.inputs.get(argument) for argument in named)
        wanted.setdefault(str(one.inputs.get("function")), {})[str(one.inputs.get("statementId"))] = start
    names = [name for name, function in sight.rotators.items() if function]
    found = each(names, lambda name: unless_absent(lambda: client.get_policy(FunctionName=name)))
    for name, answer in found.items():
        has = _starts(json.loads(answer["Policy"])) if answer else {}
        may = wanted.get(name, {})
        if lost := sorted(sid for sid, start in may.items() if UNKNOWN not in start and has.get(sid) != start):
            yield Trouble(
                on=name,
                cause=f"has lost its permission {' and '.join(lost)}, or it is another one: what should start it is "
                "refused, and nobody notices",
                cure=f"Look who did (CloudTrail: RemovePermission20150331v2, AddPermission20150331v2). {sight.deploy}",
            )
        for sid in sorted(has.keys() - may.keys()):
            yield Trouble(
                on=name,
                cause=f"has the permission {sid}, which the program does not declare: {has[sid][0]} may start it",
                cure="Look who gave it (CloudTrail: AddPermission20150331v2). A deployer runs: aws lambda "
                f"remove-permission --region {sight.workspace.environment.region} --function-name {name} "
                f"--statement-id {sid}",
            )


def _starts(policy: Mapping[str, Any]) -> dict[str, tuple[object, ...]]:
    """Who may do what, from where, by each statement of a function's policy."""
    return {str(one.get("Sid", "")): _start(one) for one in policy["Statement"]}


def _start(statement: Mapping[str, Any]) -> tuple[object, ...]:
    principal = statement["Principal"]
    who = next(iter(principal.values())) if isinstance(principal, Mapping) else principal
    conditions = {key.lower(): value for each in statement.get("Condition", {}).values() for key, value in each.items()}
    return who, statement["Action"], conditions.get("aws:sourcearn"), conditions.get("aws:sourceaccount")


def schedules(sight: Sight) -> Iterator[Trouble]:
    """The daily audit's schedule: gone, switched off, at another time, or starting something else."""
    client: Any = sight.session.client("scheduler", config=PATIENCE)
    for declared in sight.of(SCHEDULE):
        name = str(declared.inputs["name"])
        found = unless_absent(partial(client.get_schedule, Name=name))
        if cause := _why_not_audited(declared.inputs, found):
            yield Trouble(
                on=name,
                cause=f"{cause}: superseded keys stay alive, and nobody tries those in use",
                cure=f"Look who did (CloudTrail: UpdateSchedule, DeleteSchedule). {sight.deploy}",
            )


def _why_not_audited(declared: Mapping[str, Any], found: Any) -> str:
    if found is None:
        return "is not deployed, or somebody deleted it"
    if found["State"] != declared.get("state", "ENABLED"):
        return f"is {found['State']}"
    if found["ScheduleExpression"] != declared.get("scheduleExpression"):
        return f"starts at {found['ScheduleExpression']} instead of {declared.get('scheduleExpression')}"
    wanted, target = declared.get("target", {}), found["Target"]
    fields = {"arn": "Arn", "input": "Input", "roleArn": "RoleArn"}
    if any(wanted.get(mine, UNKNOWN) not in {UNKNOWN, target.get(aws)} for mine, aws in fields.items()):
        return "starts something else than the program declares, or in another role"
    return ""


CHECKS: Final = (
    Check(name="permissions", fine="each function may be started by whom the program declares", look=permissions),
    Check(name="audits", fine="the keys are audited on schedule", look=schedules),
)
