"""The sandbox's AWS account: its services put together, and the way of one call through them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.aws import follow_up
from sandbox.aws.answers import answer, refusal
from sandbox.aws.authorization.authorizer import Authorizer
from sandbox.aws.authorization.permissions import Permissions
from sandbox.aws.authorization.requirements import Requirement, Requirements
from sandbox.aws.backend import ACCOUNT, Backend, parse_answer
from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.cloudtrail.event_bus import publish
from sandbox.aws.cloudtrail.lookup import lookup_events
from sandbox.aws.cloudtrail.trail import Trail
from sandbox.aws.cloudwatch import log_groups
from sandbox.aws.cloudwatch.alarms import SilentAlarms, heed_dimensions
from sandbox.aws.cloudwatch.metric_filters import MetricFilters
from sandbox.aws.functions.bridge import take_over
from sandbox.aws.functions.invocation import Functions
from sandbox.aws.http import Application, Request, Response
from sandbox.aws.identity.bootstrap import create_roles
from sandbox.aws.identity.credentials import Sessions
from sandbox.aws.identity.identities import Identities
from sandbox.aws.identity.signatures import Signatures
from sandbox.aws.identity.sts import Sts
from sandbox.aws.kms.deletion import delete_due_keys
from sandbox.aws.kms.policy_rules import KeyPolicyRules
from sandbox.aws.ministack_state import MinistackState
from sandbox.aws.quotas import get_service_quota
from sandbox.aws.secrets_manager import SecretsManager
from sandbox.aws.topics.rules import TopicRules
from sandbox.aws.topics.senders import guard_topics
from sandbox.aws.wire import Asked
from sandbox.clock import Clock
from sandbox.memory import Records, Source, Values

_SECONDS_BETWEEN_TICKS = 5.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Done:
    """A response, and what the trail says of it: the parsed answer or the error."""

    response: Response
    body: Json | None = None
    error: AwsError | None = None
    resources: tuple[str, ...] = ()


class Cloud:
    """One account with its services.

    Args:
        application: ministack's, which stores and answers what is not the sandbox's own.
        clock: the sandbox's.
        endpoint: the gateway's URL, which functions get as AWS_ENDPOINT_URL.
    """

    def __init__(self, *, application: Application, clock: Clock, endpoint: str) -> None:
        self._clock = clock
        self._ministack = MinistackState()
        self.backend = Backend(application, self._ministack.called)
        self.sessions = Sessions(clock.now)
        self.identities = Identities(self.backend)
        self.signatures = Signatures(
            sessions=self.sessions, find_user_key=self.identities.user_key, clocks=(clock.machine, clock.now)
        )
        self.trail = Trail(account=ACCOUNT, sessions=self.sessions, clock=clock.now, publish=self._publish)
        self.authorize = Authorizer(
            backend=self.backend, identities=self.identities, sessions=self.sessions, clock=clock.now
        )
        self.sts = Sts(authorize=self.authorize, identities=self.identities, sessions=self.sessions)
        self.functions = Functions(
            backend=self.backend, authorize=self.authorize, sts=self.sts, clock=clock, endpoint=endpoint
        )
        self.secrets_manager = SecretsManager(
            account=ACCOUNT,
            clock=clock.now,
            authorize=self._authorize_secrets_manager,
            invoke=self.functions.run,
            record=self.trail.record_service_event,
        )
        self._requirements = Requirements(self.backend)
        self._permissions = Permissions(self.backend)
        self._key_policy_rules = KeyPolicyRules(authorize=self.authorize, identities=self.identities)
        self._topic_rules = TopicRules(backend=self.backend, authorize=self.authorize)
        self._metric_filters = MetricFilters(self.backend)
        self._silent_alarms = SilentAlarms(backend=self.backend, clock=clock.now)
        self._time: asyncio.Task[None] | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that is remembered of the account."""
        return (
            Values("secrets", self.secrets_manager.entries),
            Values("readings", self.secrets_manager.chosen_readings),
            Values("sessions", self.sessions.entries),
            Values("access keys", self.identities.entries),
            Values("invocations", self.functions.waiting),
            Records("trail", self.trail.records),
            *self._ministack.sources,
        )

    async def open(self, recall: Callable[[], None] | None) -> None:
        """Make the account as ``recall`` fills its sources, or without one as it is on its first day."""
        await self.backend.reset()
        if recall is None:
            await create_roles(self.backend)
            return
        recall()
        self._ministack.resume()

    async def start(self) -> None:
        """Let the account's time run, and go on with what was under way."""
        take_over(self.functions, asyncio.get_running_loop())
        guard_topics()
        heed_dimensions()
        log_groups.show_protection()
        log_groups.heed_patterns()
        self.functions.resume()
        await self.secrets_manager.resume()
        self._time = asyncio.create_task(self._keep_time())

    async def stop(self) -> None:
        """End what runs: the clock, and the functions' processes."""
        if self._time:
            self._time.cancel()
        await self.functions.close()
        self._ministack.time_passed()

    async def perform(self, call: Call, asked: Asked, request: Request) -> Response:
        """Let a proved caller's call happen or be refused, and record it either way."""
        try:
            done = await self._answer(call, asked, request)
        except AwsError as error:
            done = _refused(call, asked, error)
        except Exception as error:
            log.exception("%s.%s broke", call.service, call.operation)
            message = f"The sandbox broke on this ({type(error).__name__}): see its log."
            done = _refused(call, asked, AwsError("InternalFailure", message, status=500))
        self.trail.record_call(call, asked.operation, answer=done.body, error=done.error, resources=done.resources)
        return done.response

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_TICKS)
            await self.do_what_is_due()

    async def do_what_is_due(self) -> None:
        """Do what AWS does by itself at the present time, where nobody calls."""
        await self.secrets_manager.tick()
        await self._silent_alarms.tick()
        delete_due_keys(self._clock.now())
        self._ministack.time_passed()

    def _publish(self, record: Json) -> None:
        publish(record)
        self._ministack.published()

    async def _answer(self, call: Call, asked: Asked, request: Request) -> _Done:
        match call.service, call.operation:
            case "secretsmanager", _:
                body = await self.secrets_manager.handle(call)
            case "sts", _:
                body = await self.sts.handle(call)
            case "cloudtrail", "LookupEvents":
                body = lookup_events(self.trail.records, call)
            case "service-quotas", "GetServiceQuota" | "GetAWSDefaultServiceQuota":
                body = get_service_quota(call)
            case "logs", "PutLogGroupDeletionProtection":
                await self._authorize_passing(call)
                body = log_groups.protect(call)
                self.backend.called(call.service, call.operation)
            case "logs", "AssociateKmsKey" | "DisassociateKmsKey":
                await self._authorize_passing(call)
                body = log_groups.encrypt(call)
                self.backend.called(call.service, call.operation)
            case "logs", "TestMetricFilter":
                body = self._metric_filters.test(call)
            case "lambda", "Invoke":
                return _Done(await self.functions.invoke(call, request.body))
            case _:
                return await self._pass_on(call, asked, request)
        response = answer(asked.operation, body, protocol=asked.protocol, request_id=call.request_id)
        return _Done(response, body, resources=(call.parameters["RoleArn"],) if call.operation == "AssumeRole" else ())

    async def _pass_on(self, call: Call, asked: Asked, request: Request) -> _Done:
        """Let ministack answer, once every permission that the call needs is there."""
        requirements = await self._authorize_passing(call)
        log_groups.refuse_deletion(call)
        await self._key_policy_rules.check(call)
        await self._topic_rules.check(call)
        await self._metric_filters.check(call)
        response = await self.backend.send(request)
        self.backend.called(call.service, call.operation)
        try:
            body = parse_answer(response, asked.operation, protocol=asked.protocol)
        except AwsError as error:
            return _Done(response, error=error)
        resources = tuple(needed.resource for needed in requirements if needed.action.startswith(call.service))
        if call.service == "iam":
            self._follow_iam(call, body)
        await follow_up.complete(call, body, self.backend)
        log_groups.protect_new(call)
        await self._metric_filters.follow(call)
        return _Done(response, body, resources=resources)

    async def _authorize_passing(self, call: Call) -> list[Requirement]:
        """Ask for every permission that a call needs of a service that ministack answers."""
        requirements = [*await self._requirements.of(call), *await self._permissions.of(call)]
        for needed in requirements:
            await self.authorize(call, action=needed.action, resource=needed.resource, context=needed.context)
        return requirements

    async def _authorize_secrets_manager(
        self,
        call: Call,
        *,
        action: str,
        resource: str,
        context: Mapping[str, str | list[str]] | None = None,
        resource_policy: Json | None = None,
    ) -> None:
        """Authorize, and record what Secrets Manager asks of KMS for its caller, as KMS does."""
        refused = None
        try:
            await self.authorize(
                call, action=action, resource=resource, context=context, resource_policy=resource_policy
            )
        except AwsError as error:
            refused = error
            raise
        finally:
            if action.startswith("kms:"):
                self.trail.record_use_of_key(call, action, resource, _encryption_context(context or {}), refused)

    def _follow_iam(self, call: Call, body: Json) -> None:
        if not call.operation.startswith(("Get", "List")):
            self.identities.forget()
        if call.operation == "CreateAccessKey":
            self.identities.remember_key(body)


def _encryption_context(context: Mapping[str, str | list[str]]) -> dict[str, str]:
    prefix = "kms:EncryptionContext:"
    return {key.removeprefix(prefix): str(value) for key, value in context.items() if key.startswith(prefix)}


def _refused(call: Call, asked: Asked, error: AwsError) -> _Done:
    model = asked.operation.service_model
    return _Done(refusal(model, error, protocol=asked.protocol, request_id=call.request_id), error=error)
