"""Rotation: RotateSecret, CancelRotateSecret, the four steps in the background, and the schedule.

A rotation that fails is tried again. After the last attempt its AWSPENDING stays where it is, and so does
NextRotationDate, which may then be in the past.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sandbox.aws.calls import AwsError, Call, Caller, InvokeLambda, Json
from sandbox.aws.secrets_manager import rotation_state, versions
from sandbox.aws.secrets_manager.descriptions import identity
from sandbox.aws.secrets_manager.requests import refuse, token_of
from sandbox.aws.secrets_manager.state import CURRENT, Rotation, Secret
from sandbox.aws.secrets_manager.vault import Vault

STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")
SERVICE: Final = "secretsmanager.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often a failing rotation is begun in all, and the seconds between; AWS says "multiple times".

    A function that runs as often as it may is asked again ``throttled`` times a second apart, as AWS's SDKs do.
    """

    attempts: int = 3
    pause: float = 0.2
    throttled: int = 60
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Rotations:
    """Starts rotations when asked or when due, and drives each in a task of its own."""

    def __init__(self, vault: Vault, *, invoke: InvokeLambda, retry: Retry) -> None:
        self._vault = vault
        self._invoke = invoke
        self._retry = retry
        self._tasks: set[asyncio.Task[None]] = set()
        self._service = Caller(kind="AWSService", account=vault.account, arn=SERVICE, principal_arn=SERVICE)

    async def rotate(self, call: Call) -> Json:
        """Store the settings given, then rotate, or with RotateImmediately=false test them."""
        refuse(call, "ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn")
        secret = await self._vault.open(call)
        token, now = token_of(call), self._vault.clock()
        if secret.running == token:
            return {**identity(secret), "VersionId": token}
        settings = rotation_state.configured(secret, call.parameters, now)
        await self._require_function(call, secret, settings.lambda_arn)
        if call.parameters.get("RotateImmediately", True):
            self._rotate(secret.arn, token, settings)
            return {**identity(secret), "VersionId": token}
        self._test(secret.arn, token, settings)
        return identity(secret)

    async def cancel(self, call: Call) -> Json:
        """Switch rotation off; one under way stops before its next step."""
        secret = await self._vault.open(call)
        self._vault.change(secret.arn, rotation_state.cancelled)
        return identity(secret) | ({"VersionId": secret.running} if secret.running else {})

    async def tick(self) -> None:
        """Start the rotations that are due. One that cannot begin, as after a wedged one, fails its window."""
        now = self._vault.clock()
        for secret in self._vault.all():
            if secret.rotation is None or not rotation_state.is_due(secret, now):
                continue
            try:
                self._rotate(secret.arn, str(self._vault.new_uuid()), secret.rotation)
            except AwsError:
                self._vault.change(secret.arn, lambda found: rotation_state.attempted(found, now))
                self._record("RotationFailed", secret)

    async def resume(self) -> None:
        """Begin the rotations and tests again that an end of the process broke off, under their tokens."""
        for secret in list(self._vault.all()):
            if secret.rotation and secret.rotation.running:
                self._in_background(secret.arn, self._attempts(secret, secret.rotation.running))
            if secret.rotation and secret.rotation.tested:
                self._in_background(secret.arn, self._configuration_test(secret, secret.rotation.tested))

    async def _require_function(self, call: Call, secret: Secret, function_arn: str) -> None:
        """Ask whether the caller, and Secrets Manager itself, may invoke the rotation function."""
        await self._vault.authorize(call, action="lambda:InvokeFunction", resource=function_arn)
        try:
            await self._vault.authorize(
                replace(call, caller=self._service),
                action="lambda:InvokeFunction",
                resource=function_arn,
                context={"aws:SourceArn": secret.arn, "aws:SourceAccount": self._vault.account},
            )
        except AwsError as error:
            raise AwsError(
                "AccessDeniedException",
                "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
                f"access to the principal {SERVICE}.",
            ) from error

    def _rotate(self, arn: str, token: str, settings: Rotation) -> None:
        now = self._vault.clock()
        secret = self._vault.change(
            arn, lambda secret: rotation_state.begun(replace(secret, rotation=settings), token, now)
        )
        self._in_background(arn, self._rotation(secret, token))

    def _test(self, arn: str, token: str, settings: Rotation) -> None:
        now = self._vault.clock()

        def begin(secret: Secret) -> Secret:
            rotation_state.require_idle(secret, token)
            announced = versions.announce(replace(secret, rotation=replace(settings, tested=token)), token, now)
            current = secret.holder(CURRENT)
            if current and self._vault.readings.tested_version == "copy":
                return versions.with_value(announced, token, current.value)
            return announced

        self._in_background(arn, self._configuration_test(self._vault.change(arn, begin), token))

    def _in_background(self, arn: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"rotation of {arn}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _rotation(self, secret: Secret, token: str) -> None:
        self._record("RotationStarted", secret)
        await self._attempts(secret, token)

    async def _attempts(self, secret: Secret, token: str) -> None:
        steps: Sequence[str] = STEPS
        for attempt in range(self._retry.attempts):
            if attempt:
                await self._retry.sleep(self._retry.pause)
                token = self._renewed(secret, token)
            failed = await self._run(secret, steps, token)
            if failed is None:
                break
            if self._vault.readings.retry == "resumed":
                steps = STEPS[STEPS.index(failed) :]
        if not self._is_running(secret, token):
            return
        after = self._vault.change(
            secret.arn, lambda found: rotation_state.concluded(found, token, self._vault.clock())
        )
        succeeded = rotation_state.is_current(after, token)
        self._record("RotationSucceeded" if succeeded else "RotationFailed", secret)

    async def _run(self, secret: Secret, steps: Sequence[str], token: str) -> str | None:
        """Run steps while the rotation stands; the one that failed, if one did."""
        for step in steps:
            if not self._is_running(secret, token):
                break
            try:
                await self._step(secret, step, token)
            except AwsError:
                return step
        return None

    def _renewed(self, secret: Secret, token: str) -> str:
        """The token under which a rotation is tried again."""
        if self._vault.readings.retry != "renewed" or not self._is_running(secret, token):
            return token
        new, now = str(self._vault.new_uuid()), self._vault.clock()
        self._vault.change(secret.arn, lambda found: rotation_state.renewed(found, new, now))
        return new

    async def _configuration_test(self, secret: Secret, token: str) -> None:
        """Run testSecret on an AWSPENDING version made for it, and remove that version whatever comes."""
        self._record("TestRotationStarted", secret)
        try:
            await self._step(secret, "testSecret", token)
            outcome = "TestRotationSucceeded"
        except AwsError:
            outcome = "TestRotationFailed"
        if self._vault.find(secret.region, secret.arn):
            self._vault.change(secret.arn, lambda now: rotation_state.tested(now, token))
        self._record(outcome, secret)

    async def _step(self, secret: Secret, step: str, token: str) -> None:
        if secret.rotation is None:
            return
        event = {
            "Step": step if self._vault.readings.step_names == "camel" else _snake(step),
            "SecretId": secret.arn,
            "ClientRequestToken": token,
            "RotationToken": str(self._vault.new_uuid()),
        }
        for _ in range(self._retry.throttled):
            try:
                await self._invoke(secret.rotation.lambda_arn, event, caller=self._service)
            except AwsError as error:
                if error.code != "TooManyRequestsException":
                    raise
                await self._retry.sleep(1.0)
            else:
                return
        raise AwsError("TooManyRequestsException", "Rate Exceeded.", status=429)

    def _is_running(self, secret: Secret, token: str) -> bool:
        """Whether the rotation still stands: neither cancelled nor abandoned nor stopped with its secret."""
        found = self._vault.find(secret.region, secret.arn)
        return found is not None and found.running == token

    def _record(self, event: str, secret: Secret) -> None:
        self._vault.record(event, {"SecretId": secret.arn}, region=secret.region)


def _snake(step: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in step)
