"""What the gateway hands to a service: one API call, who makes it, and how it is refused."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who makes a call, after its signature was verified.

    ``arn`` is what CloudTrail shows (``…:assumed-role/NAME/SESSION``, ``…:user/NAME``); ``principal_arn`` is what
    ``aws:PrincipalArn`` holds (the role's or the user's ARN with its path). For a service principal both are its name.
    """

    kind: Literal["AssumedRole", "IAMUser", "AWSService"]
    account: str
    arn: str
    principal_arn: str
    principal_id: str = ""
    access_key_id: str = ""
    session_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One AWS API call, parsed from the wire: ``parameters`` are spelled as in botocore's service model."""

    service: str
    operation: str
    parameters: Json
    caller: Caller
    region: str
    request_id: str
    source_ip: str = "127.0.0.1"
    user_agent: str = ""


class AwsError(Exception):
    """An error as AWS reports it: goes on the wire as ``code`` with ``message``, and into the trail as errorCode."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class Authorize(Protocol):
    """Raises ``AwsError('AccessDeniedException', …)`` unless IAM allows ``action`` on ``resource`` for the caller.

    ``context`` holds the service's own condition keys (``secretsmanager:VersionStage``, ``kms:ViaService`` …); the
    global ones are added from the call. A condition key that the request does not carry must be absent from it.
    """

    async def __call__(
        self,
        call: Call,
        *,
        action: str,
        resource: str,
        context: Mapping[str, str | list[str]] | None = None,
        resource_policy: Json | None = None,
    ) -> None: ...


class InvokeLambda(Protocol):
    """Runs the deployed function synchronously as ``caller`` and returns its answer.

    Raises ``AwsError`` when the caller may not invoke it, when it is throttled (TooManyRequestsException) and when
    the handler raised (code ``Unhandled``, message: the error's type and text).
    """

    def __call__(self, function_arn: str, event: Json, *, caller: Caller) -> Awaitable[Any]: ...


class RecordEvent(Protocol):
    """Writes an ``AwsServiceEvent`` (RotationStarted …) into the trail; ``details`` go to additionalEventData."""

    def __call__(self, event_name: str, details: Json, *, region: str) -> None: ...
