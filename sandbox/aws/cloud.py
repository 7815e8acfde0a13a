"""The sandbox's AWS account: its services put together, and the way of one call through them."""

import asyncio
import logging
from collections.abc import Callable

from botocore.model import OperationModel

from sandbox.aws import follow_up
from sandbox.aws.answers import answer, refusal
from sandbox.aws.authorizer import Authorizer
from sandbox.aws.backend import ACCOUNT, Backend, parse_answer
from sandbox.aws.bootstrap import create_roles
from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.credentials import Sessions
from sandbox.aws.event_bus import publish
from sandbox.aws.functions import Functions
from sandbox.aws.http import Application, Request, Response
from sandbox.aws.identities import Identities
from sandbox.aws.lookup import lookup_events
from sandbox.aws.requirements import Requirements
from sandbox.aws.secrets_manager import SecretsManager
from sandbox.aws.signatures import Signatures
from sandbox.aws.sts import Sts
from sandbox.aws.trail import Trail

_SECONDS_BETWEEN_TICKS = 5.0
log = logging.getLogger(__name__)


class Cloud:
    """One account with its services.

    Args:
        application: ministack's, which stores and answers what is not the sandbox's own.
        clock: seconds since the epoch.
        endpoint: the gateway's URL, which functions get as AWS_ENDPOINT_URL.
    """

    def __init__(self, *, application: Application, clock: Callable[[], float], endpoint: str) -> None:
        self.backend = Backend(application)
        self.sessions = Sessions(clock)
        self.identities = Identities(self.backend)
        self.signatures = Signatures(sessions=self.sessions, find_user_key=self.identities.user_key, clock=clock)
        self.trail = Trail(account=ACCOUNT, sessions=self.sessions, clock=clock, publish=publish)
        self.authorize = Authorizer(
            backend=self.backend, identities=self.identities, sessions=self.sessions, clock=clock
        )
        self.sts = Sts(authorize=self.authorize, identities=self.identities, sessions=self.sessions)
        self.functions = Functions(
            backend=self.backend, authorize=self.authorize, sts=self.sts, clock=clock, endpoint=endpoint
        )
        self._secrets_manager = SecretsManager(
            account=ACCOUNT,
            clock=clock,
            authorize=self.authorize,
            invoke=self.functions.run,
            record=self.trail.record_service_event,
        )
        self._requirements = Requirements(self.backend)
        self._time: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the account as it is on the first day, and let its time run."""
        await create_roles(self.backend)
        self._time = asyncio.create_task(self._keep_time())

    async def stop(self) -> None:
        """End what runs: rotations, and the functions' processes."""
        if self._time:
            self._time.cancel()
        await self.functions.close()

    async def perform(self, call: Call, operation: OperationModel, request: Request) -> Response:
        """Let a proved caller's call happen or be refused, and record it either way."""
        try:
            response, body = await self._answer(call, operation, request)
        except AwsError as error:
            self.trail.record_call(call, operation, error=error)
            return refusal(operation.service_model, error, request_id=call.request_id)
        except Exception as error:
            log.exception("%s.%s broke", call.service, call.operation)
            failure = AwsError(
                "InternalFailure", f"The sandbox broke on this ({type(error).__name__}): see its log.", status=500
            )
            self.trail.record_call(call, operation, error=failure)
            return refusal(operation.service_model, failure, request_id=call.request_id)
        self.trail.record_call(call, operation, answer=body)
        return response

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_TICKS)
            await self._secrets_manager.tick()

    async def _answer(self, call: Call, operation: OperationModel, request: Request) -> tuple[Response, Json]:
        match call.service, call.operation:
            case "secretsmanager", _:
                body = await self._secrets_manager.handle(call)
            case "sts", _:
                body = await self.sts.handle(call)
            case "cloudtrail", "LookupEvents":
                body = lookup_events(self.trail.records, call)
            case "lambda", "Invoke":
                return await self.functions.invoke(call, request.body), {}
            case _:
                return await self._pass_on(call, request)
        return answer(operation, body, request_id=call.request_id), body

    async def _pass_on(self, call: Call, request: Request) -> tuple[Response, Json]:
        """Let ministack answer, once every permission that the call needs is there."""
        for needed in await self._requirements.of(call):
            await self.authorize(call, action=needed.action, resource=needed.resource, context=needed.context)
        response = await self.backend.send(request)
        body = parse_answer(response, call.service, call.operation)
        if call.service == "iam":
            self._follow_iam(call, body)
        await follow_up.complete(call, body, self.backend)
        return response, body

    def _follow_iam(self, call: Call, body: Json) -> None:
        if not call.operation.startswith(("Get", "List")):
            self.identities.forget()
        if call.operation == "CreateAccessKey":
            self.identities.remember_key(body)
