"""Completes what ministack leaves out of a call that it answered."""

from sandbox.aws.backend import Backend
from sandbox.aws.calls import Call, Json

_KEPT_BY_UPDATE_TRAIL = ("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn", "SnsTopicName")


async def complete(call: Call, body: Json, backend: Backend) -> None:
    """CreateTrail: ministack keeps log group, its role, topic and tags only when they come in calls of their own."""
    if (call.service, call.operation) != ("cloudtrail", "CreateTrail"):
        return
    kept = {name: call.parameters[name] for name in _KEPT_BY_UPDATE_TRAIL if name in call.parameters}
    if kept:
        await backend.call("cloudtrail", "UpdateTrail", {"Name": body["Name"], **kept}, region=call.region)
    if tags := call.parameters.get("TagsList"):
        tagged = {"ResourceId": body["TrailARN"], "TagsList": tags}
        await backend.call("cloudtrail", "AddTags", tagged, region=call.region)
