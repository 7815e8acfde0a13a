"""ministack's application in this process: its settings, and a client that calls it past the wire.

ministack stores and answers most services; the gateway stands in front of it, verifies and authorizes. It therefore
runs with its own authorization off and believes whoever reaches it, which is the gateway alone.
"""

import importlib
import os
from collections.abc import Callable
from dataclasses import replace
from typing import cast
from urllib.parse import urlencode

import botocore.awsrequest
import botocore.parsers
import botocore.serialize
from botocore.model import OperationModel

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.http import Application, Request, Response, call_application
from sandbox.aws.models import service_model

ACCOUNT = "000000000000"
_PRESIGNING = {
    f"X-Amz-{name}"
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token")
}


def load_ministack(port: int) -> Application:
    """Import ministack with the settings it reads at import; later calls return the same application.

    Args:
        port: the gateway's port, which ministack puts into the URLs that it makes.
    """
    os.environ.update(
        BIND_HOST="127.0.0.1",
        MINISTACK_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        AUTH="false",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        PERSIST_STATE="0",
        LOG_LEVEL="WARNING",
    )
    return cast("Application", importlib.import_module("ministack.app").app)


class Backend:
    """Calls ministack: raw requests as they came, or operations by name.

    Args:
        application: what ``load_ministack`` returned.
        called: told the service and the operation of each call, once it has happened.
    """

    def __init__(self, application: Application, called: Callable[[str, str], None] = lambda *_: None) -> None:
        self.application = application
        self.called = called

    async def send(self, request: Request) -> Response:
        """Hand over a request as it is, but for a presigned one's signature: ministack would look for its key."""
        if "X-Amz-Signature" in request.query:
            request = _signed_in_header(request)
        return await call_application(self.application, request)

    async def reset(self) -> None:
        """Forget all: ministack's state belongs to the process, which may have had an account before."""
        await self.send(Request(method="POST", raw_path="/_ministack/reset", query_string="", raw_headers=(), body=b""))

    async def call(self, service: str, operation: str, parameters: Json, *, region: str) -> Json:
        """Call an operation and return its parsed answer.

        Raises:
            AwsError: what ministack refuses with.
        """
        model = service_model(service)
        shape = model.operation_model(operation)
        serializer = botocore.serialize.create_serializer(model.resolved_protocol, include_validation=False)
        prepared = serializer.serialize_to_request(parameters, shape)
        botocore.awsrequest.prepare_request_dict(prepared, endpoint_url="http://127.0.0.1")
        sent = botocore.awsrequest.create_request_object(prepared).prepare()
        path, _, query = sent.url.removeprefix("http://127.0.0.1").partition("?")
        headers = {**dict(sent.headers.items()), "Authorization": _authorization(region, model.signing_name)}
        response = await self.send(
            Request(
                method=sent.method,
                raw_path=path,
                query_string=query,
                raw_headers=tuple((_bytes(name), _bytes(value)) for name, value in headers.items()),
                body=_bytes(sent.body or b""),
            )
        )
        self.called(service, operation)
        return parse_answer(response, shape, protocol=str(model.resolved_protocol))


def parse_answer(response: Response, operation: OperationModel, *, protocol: str) -> Json:
    """Read a response as boto3 would.

    Raises:
        AwsError: the response is an error.
    """
    parser = botocore.parsers.create_parser(protocol)
    raw = {
        "headers": botocore.awsrequest.HeadersDict(response.headers),
        "status_code": response.status,
        "body": response.body,
    }
    parsed: Json = parser.parse(raw, operation.output_shape)  # type: ignore[arg-type]  # no output: None
    if response.status >= 300:
        error = parsed.get("Error", {})
        raise AwsError(error.get("Code") or "Unknown", error.get("Message") or "", status=response.status)
    parsed.pop("ResponseMetadata", None)
    return parsed


def _authorization(region: str, service: str) -> str:
    """Names the account, the region and the service to ministack; proves nothing, since nothing is asked."""
    credential = f"{ACCOUNT}/20260101/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"


def _signed_in_header(request: Request) -> Request:
    _, _, region, service, _ = request.query["X-Amz-Credential"][0].split("/")
    kept = [(name, value) for name, values in request.query.items() if name not in _PRESIGNING for value in values]
    header = (b"authorization", _authorization(region, service).encode())
    return replace(request, query_string=urlencode(kept), raw_headers=(*request.raw_headers, header))


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)
