"""A Secrets Manager on a bench: its clock, IAM, Lambda and trail are in the test's hands."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from sandbox.aws.calls import AwsError, Call, Caller, Json
from sandbox.aws.secrets_manager import SecretsManager
from sandbox.aws.secrets_manager.readings import Readings
from sandbox.aws.secrets_manager.rotation import Retry
from sandbox.aws.secrets_manager.state import DAY

ACCOUNT = "000000000000"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:rotator"
NOON = 20_000 * DAY + 12 * 3600
"""2024-10-04 12:00 UTC."""
ALICE = Caller(
    kind="AssumedRole",
    account=ACCOUNT,
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/alice/session",
    principal_arn=f"arn:aws:iam::{ACCOUNT}:role/alice",
)

Step = Callable[["Bench", Json], Awaitable[None] | None]


async def rotations_ended() -> None:
    """Wait for the rotations in this loop, and raise what one of them broke on."""
    while under_way := [task for task in asyncio.all_tasks() if task.get_name().startswith("rotation of ")]:
        await asyncio.gather(*under_way)


def token(number: int) -> str:
    """A version id of 32 characters."""
    return f"{number:032d}"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question to IAM."""

    action: str
    resource: str
    principal: str
    context: Mapping[str, str | list[str]]
    policy: Json | None


@dataclass
class Bench:
    """``call`` answers, ``refusal`` gives the code of a refusal; ``asked``, ``events`` and ``steps`` record."""

    readings: Readings = field(default_factory=Readings)
    now: float = NOON
    asked: list[Asked] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Json] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    denies: Callable[[Asked], bool] = lambda _asked: False
    step: Step = lambda _bench, _event: None
    _uuids: int = 0

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self.manager = SecretsManager(
            account=ACCOUNT,
            clock=lambda: self.now,
            authorize=self._authorize,
            invoke=self._invoke,
            record=self._record,
            readings=self.readings,
            retry=Retry(attempts=3, pause=1.5, sleep=self._pause),
            new_uuid=self._new_uuid,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()

    def call(self, operation: str, *, region: str = "us-east-1", **parameters: Any) -> Json:
        """One call by Alice."""
        return self._runner.run(self.calling(operation, region=region, **parameters))

    async def calling(self, operation: str, *, region: str = "us-east-1", **parameters: Any) -> Json:
        """The same from within a step of the Lambda."""
        return await self.manager.handle(
            Call(
                service="secretsmanager",
                operation=operation,
                parameters=parameters,
                caller=ALICE,
                region=region,
                request_id="request",
            )
        )

    def refusal(self, operation: str, **parameters: Any) -> AwsError:
        """The error that a call must end in."""
        try:
            answer = self.call(operation, **parameters)
        except AwsError as error:
            return error
        raise AssertionError(f"{operation} was answered: {answer}")

    def rotated(self) -> None:
        """Let every rotation under way come to its end."""
        self._runner.run(rotations_ended())

    def tick(self) -> None:
        """Start what is due and let it come to its end."""
        self._runner.run(self.manager.tick())
        self.rotated()

    def secret(self, name: str = "s", **parameters: Any) -> str:
        """Create a secret without a value; its ARN."""
        arn: str = self.call("CreateSecret", Name=name, **parameters)["ARN"]
        return arn

    def put(self, number: int, *stages: str, value: str | None = None, name: str = "s") -> Json:
        """Put a version under a token; its labels are AWSCURRENT if none are named."""
        asked: Json = {"VersionStages": list(stages)} if stages else {}
        value = value or f"value {number}"
        return self.call("PutSecretValue", SecretId=name, ClientRequestToken=token(number), SecretString=value, **asked)

    def stages(self, name: str = "s") -> dict[int, set[str]]:
        """The labels of each version, by the number of its token."""
        found = self.call("DescribeSecret", SecretId=name).get("VersionIdsToStages", {})
        return {int(version): set(stages) for version, stages in found.items()}

    async def _authorize(
        self,
        call: Call,
        *,
        action: str,
        resource: str,
        context: Mapping[str, str | list[str]] | None = None,
        resource_policy: Json | None = None,
    ) -> None:
        question = Asked(
            action=action,
            resource=resource,
            principal=call.caller.principal_arn,
            context=context or {},
            policy=resource_policy,
        )
        self.asked.append(question)
        await asyncio.sleep(0)
        if self.denies(question):
            raise AwsError("AccessDeniedException", f"User: {call.caller.arn} is not authorized to perform: {action}")

    async def _invoke(self, function_arn: str, event: Json, *, caller: Caller) -> None:
        assert caller.kind == "AWSService"
        assert caller.principal_arn == "secretsmanager.amazonaws.com"
        assert function_arn == FUNCTION
        self.steps.append(event)
        answer = self.step(self, event)
        if answer is not None:
            await answer

    def _record(self, event_name: str, details: Json, *, region: str) -> None:
        assert region == "us-east-1"
        self.events.append((event_name, details["SecretId"]))

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def _new_uuid(self) -> uuid.UUID:
        self._uuids += 1
        return uuid.UUID(int=self._uuids)
