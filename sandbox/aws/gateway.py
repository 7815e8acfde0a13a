"""The ASGI application on the AWS port: proves who calls, reads what is asked, and hands it to the account."""

import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from botocore.model import ServiceModel

from sandbox.aws.answers import refusal
from sandbox.aws.calls import AwsError, Call
from sandbox.aws.cloud import Cloud
from sandbox.aws.http import Receive, Request, Response, Scope, Send, read_request, send_response
from sandbox.aws.identity.signatures import scope_of
from sandbox.aws.models import service_model, service_of_scope
from sandbox.aws.wire import guess_protocol, protocol_of, read_call

CONTROL_PREFIX = "/_sandbox/"
Control = Callable[[Request], Awaitable[Response]]

_JSON_CODES = {
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "ExpiredToken": "ExpiredTokenException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
}
"""How services that speak JSON name what STS and IAM name otherwise."""
_S3_CODES = {"InvalidClientTokenId": "InvalidAccessKeyId", "MissingAuthenticationToken": "AccessDenied"}


class Gateway:
    """The application.

    Args:
        cloud: the account behind it.
        control: answers the sandbox's own commands, below ``/_sandbox/``.
        before_answer: called before each answer, when the cloud's sources hold what it tells.
    """

    def __init__(self, *, cloud: Cloud, control: Control, before_answer: Callable[[], None]) -> None:
        self._cloud = cloud
        self._control = control
        self._before_answer = before_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http":
            request = await read_request(scope, receive)
            serve = self._control if request.path.startswith(CONTROL_PREFIX) else self._serve
            response = await serve(request)
            self._before_answer()
            await send_response(send, response, head=request.method == "HEAD")
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let ministack start and stop its own loops, and the account open before the first request."""

        async def follow(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self._cloud.start()
            elif message["type"] == "lifespan.shutdown.complete":
                await self._cloud.stop()
            await send(message)

        await self._cloud.backend.application(scope, receive, follow)

    async def _serve(self, request: Request) -> Response:
        request_id = str(uuid.uuid4())
        model, protocol = None, guess_protocol(request)
        try:
            scope = scope_of(request)
            model = _model_of(scope.service)
            protocol = protocol_of(request, model)
            caller = await self._cloud.signatures.verify(request)
            asked = read_call(request, model, protocol)
        except AwsError as error:
            return refusal(model, _as_service_says(model, protocol, error), protocol=protocol, request_id=request_id)
        call = Call(
            service=model.service_name,
            operation=asked.operation.name,
            parameters=asked.parameters,
            caller=caller,
            region=scope.region,
            request_id=request_id,
            source_ip=request.client,
            user_agent=request.headers.get("user-agent", ""),
        )
        return await self._cloud.perform(call, asked, request)


def _model_of(scope: str) -> ServiceModel:
    try:
        return service_model(service_of_scope(scope))
    except KeyError as error:
        raise AwsError("UnknownService", f"The sandbox knows no AWS service that signs as {scope!r}.") from error


def _as_service_says(model: ServiceModel | None, protocol: str, error: AwsError) -> AwsError:
    if model is None:
        return error
    codes = _S3_CODES if model.service_name == "s3" else _JSON_CODES if "json" in protocol else {}
    return AwsError(codes.get(error.code, error.code), error.message, status=error.status)
