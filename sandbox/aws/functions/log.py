"""A function's log in CloudWatch Logs, written with the rights of its execution role, as Lambda does."""

from collections.abc import Callable, Sequence

from sandbox.aws.authorization.authorizer import Authorizer
from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Call, Caller
from sandbox.aws.cloudwatch.embedded_metrics import publish_embedded


class FunctionLog:
    """Writes lines into log groups that ministack keeps.

    Args:
        backend: keeps the groups.
        authorize: decides whether the execution role may write.
        clock: seconds since the epoch.
    """

    def __init__(self, *, backend: Backend, authorize: Authorizer, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._authorize = authorize
        self._clock = clock

    async def write(self, lines: Sequence[str], *, group: str, stream: str, caller: Caller, region: str) -> None:
        """Append lines; nothing is written where the role may not or the group is missing and it may not make it."""
        arn = f"arn:aws:logs:{region}:{caller.account}:log-group:{group}"
        if not await self._may(caller, "PutLogEvents", f"{arn}:log-stream:{stream}", region):
            return
        if await self._may(caller, "CreateLogGroup", arn, region):
            await self._create("CreateLogGroup", {"logGroupName": group}, region)
        if await self._may(caller, "CreateLogStream", f"{arn}:log-stream:{stream}", region):
            await self._create("CreateLogStream", {"logGroupName": group, "logStreamName": stream}, region)
        now = int(self._clock() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        try:
            await self._backend.call(
                "logs",
                "PutLogEvents",
                {"logGroupName": group, "logStreamName": stream, "logEvents": events},
                region=region,
            )
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return
        await publish_embedded(lines, backend=self._backend, region=region)

    async def _create(self, operation: str, parameters: dict[str, str], region: str) -> None:
        try:
            await self._backend.call("logs", operation, parameters, region=region)
        except AwsError as error:
            if error.code not in {"ResourceAlreadyExistsException", "ResourceNotFoundException"}:
                raise

    async def _may(self, caller: Caller, operation: str, resource: str, region: str) -> bool:
        call = Call(service="logs", operation=operation, parameters={}, caller=caller, region=region, request_id="")
        decision = await self._authorize.decide(
            call, action=f"logs:{operation}", resource=resource, context={}, resource_policy=None
        )
        return decision.allowed
