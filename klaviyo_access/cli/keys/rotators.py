"""What an operator asks of a role's rotator, and what it answers: never a key."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
from botocore.config import Config

from klaviyo_access.cli.console import note
from klaviyo_access.cli.errors import CommandError, ExitCode, StoppedError
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.cli.workspace import Workspace

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_lambda.type_defs import InvocationResponseTypeDef

_WHILE_IT_RUNS: Final = Config(connect_timeout=3, read_timeout=310, retries={"total_max_attempts": 1})
"""A rotator has 300 s."""

_PAUSE_SECONDS: Final = 3.0
_TIMES_TURNED_AWAY: Final = 60
"""A rotator runs one at a time, and turns away whoever comes meanwhile."""

_SILENT: Final = frozenset({"KlaviyoSilentError", "StoreError"})
"""Errors of a rotator by which it could not reach Klaviyo or Secrets Manager."""

Where = Literal["key", "reserve"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a rotator did.

    Attributes:
        outcome: in a word or two, as ``rolled back``.
        fingerprint: of the key that it is about; empty where it is about none.
        reason: what stands against that key; empty where nothing does.
        ends_with: how the key ends in Klaviyo's dashboard; empty where that is not said.
        until: when to ask again.
        unproved: scopes for which Klaviyo gave no proof.
    """

    outcome: str
    fingerprint: str = ""
    reason: str = ""
    ends_with: str = ""
    until: datetime | None = None
    unproved: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Answer":
        """Read the JSON object that a rotator returns."""
        until = document.get("until")
        return cls(
            outcome=str(document["outcome"]),
            fingerprint=str(document.get("fingerprint", "")),
            reason=str(document.get("reason", "")),
            ends_with=str(document.get("ends_with", "")),
            until=datetime.fromisoformat(until) if until else None,
            unproved=tuple(map(str, document.get("unproved", ()))),
        )


class Rotators:
    """The rotators of one environment, in the identity that ``session`` carries.

    Args:
        session: the operators'.
        workspace: says which environment.
        pause: waits between two tries of a rotator that is busy; the argument is seconds.
    """

    def __init__(
        self, session: boto3.Session, workspace: Workspace, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._pause = pause
        self._client: LambdaClient = session.client("lambda", config=_WHILE_IT_RUNS)
        self._workspace = workspace

    def roll_back(self, secrets: RoleSecrets, version: str) -> Answer:
        """Back from this current version of the key secret to the previous one."""
        return self._ask(secrets, "rollback", version=version)

    def unstick(self, secrets: RoleSecrets) -> Answer:
        """End a rotation that nobody finishes."""
        return self._ask(secrets, "unstick")

    def retire(self, secrets: RoleSecrets, version: str) -> Answer:
        """Mark a superseded key as being disabled, without waiting for its grace."""
        return self._ask(secrets, "retire", version=version)

    def begin_disable(self, secrets: RoleSecrets, where: Where, version: str) -> Answer:
        """Mark a key with a verdict as being disabled."""
        return self._ask(secrets, "begin-disable", secret=where, version=version)

    def prove_dead(self, secrets: RoleSecrets, where: Where, version: str) -> Answer:
        """Ask whether Klaviyo knows the key no more, and if so let it go."""
        return self._ask(secrets, "prove-dead", secret=where, version=version)

    def discard(self, secrets: RoleSecrets, version: str) -> Answer:
        """Let go of what was staged and is no key."""
        return self._ask(secrets, "discard", version=version)

    def mark_leaked(self, secrets: RoleSecrets, fingerprint: str) -> Answer:
        """Never use the key with this fingerprint again."""
        return self._ask(secrets, "leaked", fingerprint=fingerprint)

    def adopt(self, secrets: RoleSecrets) -> Answer:
        """Manage the key that somebody else put."""
        return self._ask(secrets, "adopt")

    def _ask(self, secrets: RoleSecrets, action: str, **fields: str) -> Answer:
        role, command = secrets.role, self._workspace.command
        if not secrets.key.rotator_arn:
            raise CommandError(
                f"Only the rotator of {role!r} can do this, and the role's secret has none.",
                cure="Let a deployer run 'pulumi up'; 'klaviyo-access doctor' says what is missing.",
            )
        payload = json.dumps({"action": action, **fields})
        try:
            answer = self._invoke(secrets, payload)
        except KeyboardInterrupt:
            raise StoppedError(
                f"Stopped waiting for the rotator of {role}; it may have done what it was asked for.",
                cure=f"'{command('keys status')}' shows where it stands.",
            ) from None
        document = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise self._failure(secrets, document)
        return Answer.of(document)

    def _invoke(self, secrets: RoleSecrets, payload: str) -> "InvocationResponseTypeDef":
        """Ask until it is free: it may be at a step of a rotation, or at the look that follows one."""
        for turned_away in range(_TIMES_TURNED_AWAY):
            try:
                return self._client.invoke(FunctionName=secrets.key.rotator_arn, Payload=payload)
            except self._client.exceptions.TooManyRequestsException:
                if not turned_away:
                    note(f"The rotator of {secrets.role} is busy; waiting for it.")
                self._pause(_PAUSE_SECONDS)
        raise CommandError(
            f"A rotator does one thing at a time, and that of {secrets.role} stays busy. Nothing was changed.",
            cure=f"Try again; '{self._workspace.command('keys status')}' shows whether a rotation is under way.",
            exit_code=ExitCode.UNREACHABLE,
        )

    def _failure(self, secrets: RoleSecrets, document: Mapping[str, Any]) -> CommandError:
        name = secrets.key.rotator_arn.rpartition(":")[2]
        said = str(document.get("errorMessage") or "it does not say why").rstrip(".")
        return CommandError(
            f"The rotator of {secrets.role} did not do it: {said}.",
            cure=f"Look at '{self._workspace.command('keys status')}' and, for more, at the log group "
            f"/aws/lambda/{name}; asking again does no harm.",
            exit_code=ExitCode.UNREACHABLE if document.get("errorType") in _SILENT else ExitCode.FAILED,
        )
