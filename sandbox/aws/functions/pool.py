"""Keeps functions' processes warm: one event at a time in each, more processes for events at the same time."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.aws.calls import Call, Caller
from sandbox.aws.functions.process import FunctionProcess
from sandbox.aws.functions.store import Function
from sandbox.aws.identity.credentials import Session
from sandbox.aws.identity.sts import Sts
from sandbox.clock import Clock

_SESSION_SECONDS = 12 * 3600
_SPARE_SECONDS = 3600
_LAMBDA = "lambda.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process with the session it works in and the log stream it writes."""

    process: FunctionProcess
    session: Session
    stream: str
    clock_offset: float


class FunctionPool:
    """Starts, lends and stops workers.

    Args:
        sts: issues the execution roles' sessions.
        clock: the sandbox's, which processes see too: when it moves, they start anew.
        endpoint: what functions get as AWS_ENDPOINT_URL.
    """

    def __init__(self, *, sts: Sts, clock: Clock, endpoint: str) -> None:
        self._sts = sts
        self._clock = clock
        self._endpoint = endpoint
        self._idle: dict[Function, list[Worker]] = {}
        self._all: dict[Worker, Function] = {}

    @property
    def processes(self) -> list[tuple[str, int]]:
        """Each running process: the function's name and the process's id."""
        return [(function.name, worker.process.pid) for worker, function in self._all.items()]

    async def take(self, function: Function, code: Path) -> Worker:
        """An idle worker of this very function and settings, or a new one.

        Raises:
            AwsError: Lambda may not assume the execution role.
        """
        await self._stop_outdated(function)
        idle = self._idle.setdefault(function, [])
        while idle:
            worker = idle.pop()
            if worker.process.is_alive and self._is_of_today(worker):
                return worker
            await self._stop(worker)
        return await self._start(function, code)

    async def give_back(self, function: Function, worker: Worker) -> None:
        """Keep a worker for the next event, unless it has died."""
        if worker.process.is_alive and worker in self._all:
            self._idle.setdefault(function, []).append(worker)
        else:
            await self._stop(worker)

    async def stop(self) -> None:
        """Stop every worker, busy or idle."""
        for worker in list(self._all):
            await self._stop(worker)
        self._idle.clear()

    def _is_of_today(self, worker: Worker) -> bool:
        lives_on = worker.session.expires - self._clock.now() > _SPARE_SECONDS
        return lives_on and worker.clock_offset == self._clock.offset

    async def _stop_outdated(self, function: Function) -> None:
        for other in [other for other in self._idle if other.arn == function.arn and other != function]:
            for worker in self._idle.pop(other):
                await self._stop(worker)

    async def _stop(self, worker: Worker) -> None:
        if self._all.pop(worker, None):
            await worker.process.stop()

    async def _start(self, function: Function, code: Path) -> Worker:
        session = await self._session(function)
        today = datetime.fromtimestamp(self._clock.now(), UTC)
        stream = f"{today:%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        environment = self._environment(function, session=session, code=code, stream=stream)
        offset = self._clock.offset
        process = await FunctionProcess.start(code=code, environment=environment, clock_offset=offset)
        worker = Worker(process=process, session=session, stream=stream, clock_offset=offset)
        self._all[worker] = function
        return worker

    async def _session(self, function: Function) -> Session:
        account = function.arn.split(":")[4]
        caller = Caller(kind="AWSService", account=account, arn=_LAMBDA, principal_arn=_LAMBDA)
        call = Call(
            service="sts",
            operation="AssumeRole",
            parameters={"RoleArn": function.role, "RoleSessionName": function.name},
            caller=caller,
            region=function.region,
            request_id=str(uuid.uuid4()),
        )
        context = {"aws:SourceAccount": account, "aws:SourceArn": function.arn}
        return await self._sts.assume(call, context=context, seconds=_SESSION_SECONDS)

    def _environment(self, function: Function, *, session: Session, code: Path, stream: str) -> Mapping[str, str]:
        """The function's own variables and what Lambda sets; nothing of this process's environment."""
        return {
            **dict(function.variables),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(code),
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        }
