"""Lambda's Invoke: who may, how many at once, what comes back, and what is tried again."""

import asyncio
import base64
import json
import logging
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.aws.authorization.authorizer import Authorizer
from sandbox.aws.authorization.requirements import function_arn
from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Call, Caller, Json
from sandbox.aws.functions.log import FunctionLog
from sandbox.aws.functions.pool import FunctionPool
from sandbox.aws.functions.process import Outcome, ProcessGoneError
from sandbox.aws.functions.store import Function, FunctionStore
from sandbox.aws.http import Response
from sandbox.aws.identity.sts import Sts
from sandbox.clock import Clock

_SECONDS_BETWEEN_TRIES = 1.0
_TAIL_BYTES = 4096
_EVENTBRIDGE = "events.amazonaws.com"
_SCHEDULER = "scheduler.amazonaws.com"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """An event that a function is to take, and nobody waits for; ``event`` is JSON.

    A rule may have sent it, or a schedule, which does so in a role.
    """

    function_arn: str
    event: str
    rule_arn: str | None = None
    role_arn: str | None = None


class Functions:
    """Runs deployed functions.

    Args:
        backend: where functions are deployed and their logs kept.
        authorize: decides who may invoke.
        sts: issues the execution roles' sessions.
        clock: the sandbox's, which functions see too.
        endpoint: what functions get as AWS_ENDPOINT_URL.
    """

    def __init__(self, *, backend: Backend, authorize: Authorizer, sts: Sts, clock: Clock, endpoint: str) -> None:
        self._authorize = authorize
        self._sts = sts
        self._store = FunctionStore(backend)
        self._log = FunctionLog(backend=backend, authorize=authorize, clock=clock.now)
        self._pool = FunctionPool(sts=sts, clock=clock, endpoint=endpoint)
        self._running: Counter[str] = Counter()
        self._background: set[asyncio.Task[None]] = set()
        self.waiting: dict[str, Invocation] = {}
        """Asynchronous invocations that have not ended, by their request ids."""

    @property
    def processes(self) -> list[tuple[str, int]]:
        """Each running process: the function's name and the process's id."""
        return self._pool.processes

    async def invoke(self, call: Call, body: bytes) -> Response:
        """Answer the public Invoke.

        Raises:
            AwsError: the caller may not, the function does not exist, is throttled, or the payload is no JSON.
        """
        arn = function_arn(call.parameters["FunctionName"], call, qualifier=call.parameters.get("Qualifier"))
        await self._authorize(call, action="lambda:InvokeFunction", resource=arn)
        function, code = await self._store.find(arn)
        event = _event(body)
        headers = {
            "content-type": "application/json",
            "x-amzn-requestid": call.request_id,
            "x-amz-executed-version": "$LATEST",
        }
        match call.parameters.get("InvocationType", "RequestResponse"):
            case "DryRun":
                return Response(status=204, body=b"", headers=headers)
            case "Event":
                self.waiting[call.request_id] = Invocation(function_arn=arn, event=json.dumps(event))
                self.begin(call.request_id)
                return Response(status=202, body=b"", headers=headers)
        outcome = await self._run(function, code, event, call.request_id)
        if outcome.failed:
            headers["x-amz-function-error"] = "Unhandled"
        if call.parameters.get("LogType") == "Tail":
            headers["x-amz-log-result"] = base64.b64encode("\n".join(outcome.log).encode()[-_TAIL_BYTES:]).decode()
        return Response(status=200, body=outcome.payload, headers=headers)

    async def run(self, function_arn: str, event: Json, *, caller: Caller) -> Any:
        """See ``sandbox.aws.calls.InvokeLambda``. A service calls for its account and the secret in its event."""
        source = event.get("SecretId", "") if caller.kind == "AWSService" else ""
        function, code = await self._find_for(caller, function_arn, source)
        outcome = await self._run(function, code, event, str(uuid.uuid4()))
        answer = json.loads(outcome.payload)
        if outcome.failed:
            raise AwsError("Unhandled", f"{answer['errorType']}: {answer['errorMessage']}")
        return answer

    def take(self, invocation: Invocation) -> str:
        """Take an event in for EventBridge, from any thread; ``begin`` begins with the name returned."""
        name = str(uuid.uuid4())
        self.waiting[name] = invocation
        return name

    def begin(self, name: str) -> None:
        """Run an invocation that waits."""
        task = asyncio.create_task(self._work_off(name, self.waiting[name]))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def resume(self) -> None:
        """Begin what an earlier process left waiting."""
        for name in list(self.waiting):
            self.begin(name)

    async def stop(self) -> None:
        """Stop every process and what still waits to be tried again."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._pool.stop()

    async def close(self) -> None:
        """Stop, and remove what was unzipped."""
        await self.stop()
        self._store.close()

    async def _find_for(self, caller: Caller, function_arn: str, source_arn: str) -> tuple[Function, Path]:
        """The function, if ``caller`` may run it on behalf of ``source_arn``."""
        call = Call(
            service="lambda",
            operation="Invoke",
            parameters={"FunctionName": function_arn},
            caller=caller,
            region=function_arn.split(":")[3],
            request_id=str(uuid.uuid4()),
        )
        context = {"aws:SourceAccount": caller.account, "aws:SourceArn": source_arn} if source_arn else {}
        await self._authorize(call, action="lambda:InvokeFunction", resource=function_arn, context=context)
        return await self._store.find(function_arn)

    async def _run(self, function: Function, code: Path, event: object, request_id: str) -> Outcome:
        reserved = await self._store.reserved_concurrency(function)
        if reserved is not None and self._running[function.arn] >= reserved:
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", status=429)
        self._running[function.arn] += 1
        try:
            return await self._run_in_worker(function, code, event, request_id)
        finally:
            self._running[function.arn] -= 1

    async def _run_in_worker(self, function: Function, code: Path, event: object, request_id: str) -> Outcome:
        worker = await self._pool.take(function, code)
        try:
            outcome = await worker.process.invoke(
                event, request_id=request_id, arn=function.arn, timeout=function.seconds
            )
        except ProcessGoneError:
            return await self._run_in_worker(function, code, event, request_id)
        finally:
            await self._pool.give_back(function, worker)
        lines = [f"START RequestId: {request_id} Version: $LATEST", *outcome.log]
        await self._log.write(
            lines, group=function.log_group, stream=worker.stream, caller=worker.session.caller, region=function.region
        )
        return outcome

    async def _work_off(self, name: str, invocation: Invocation) -> None:
        event = json.loads(invocation.event)
        try:
            if invocation.rule_arn is None:
                function, code = await self._store.find(invocation.function_arn)
            elif invocation.role_arn is not None:
                sender = await self._as_role(invocation.role_arn, invocation.rule_arn)
                function, code = await self._find_for(sender, invocation.function_arn, "")
            else:
                sender = _service(_EVENTBRIDGE, invocation.rule_arn)
                function, code = await self._find_for(sender, invocation.function_arn, invocation.rule_arn)
        except AwsError as error:
            log.warning("%s is not run: %s", invocation.function_arn, error)
        else:
            await self._try_until_done(function, code, event, name)
        del self.waiting[name]

    async def _as_role(self, role_arn: str, schedule_arn: str) -> Caller:
        """Whom a schedule becomes to send an event.

        Raises:
            AwsError: the role's trust policy does not let Scheduler in.
        """
        caller = _service(_SCHEDULER, schedule_arn)
        call = Call(
            service="sts",
            operation="AssumeRole",
            parameters={"RoleArn": role_arn, "RoleSessionName": schedule_arn.rpartition("/")[2][:64]},
            caller=caller,
            region=schedule_arn.split(":")[3],
            request_id=str(uuid.uuid4()),
        )
        group = schedule_arn.rpartition("/")[0].replace(":schedule/", ":schedule-group/")
        return (
            await self._sts.assume(call, context={"aws:SourceAccount": caller.account, "aws:SourceArn": group})
        ).caller

    async def _try_until_done(self, function: Function, code: Path, event: object, request_id: str) -> None:
        """An asynchronous invocation: tried again after an error, sooner than AWS's one and two minutes."""
        for _ in range(1 + await self._store.retries(function)):
            try:
                outcome = await self._run(function, code, event, request_id)
            except AwsError as error:
                log.warning("%s could not run: %s", function.name, error)
            else:
                if not outcome.failed:
                    return
            await asyncio.sleep(_SECONDS_BETWEEN_TRIES)
        log.warning("%s failed at every try of %s", function.name, request_id)


def _service(name: str, source_arn: str) -> Caller:
    return Caller(kind="AWSService", account=source_arn.split(":")[4], arn=name, principal_arn=name)


def _event(body: bytes) -> object:
    try:
        event: object = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("InvalidRequestContentException", "Could not parse request body into json.") from error
    return event
