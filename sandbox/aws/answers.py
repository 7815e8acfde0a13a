"""Writes answers and errors in the wire protocol of the service that gives them."""

import json
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import OperationModel, ServiceModel

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.http import Response


def answer(operation: OperationModel, body: Json, *, protocol: str, request_id: str) -> Response:
    """Write an operation's answer.

    Raises:
        NotImplementedError: the service speaks a protocol in which the sandbox itself answers nothing.
    """
    model = operation.service_model
    if protocol == "query":
        name = operation.name
        content = f"<{name}Result>{_xml(body)}</{name}Result>" if operation.output_shape else ""
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        text = f'<{name}Response xmlns="{model.metadata["xmlNamespace"]}">{content}{metadata}</{name}Response>'
        return _response(200, text, "text/xml", request_id)
    if protocol == "json":
        return _response(200, json.dumps(body, default=_plain), _json_type(model), request_id)
    raise NotImplementedError(f"The sandbox writes no answers in {protocol}.")


def refusal(model: ServiceModel | None, error: AwsError, *, protocol: str, request_id: str) -> Response:
    """Write an error as the protocol shows it."""
    message = escape(error.message)
    match protocol:
        case "query":
            text = (
                f'<ErrorResponse xmlns="{model.metadata["xmlNamespace"] if model else ""}"><Error><Type>Sender</Type>'
                f"<Code>{error.code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )
            return _response(error.status, text, "text/xml", request_id)
        case "ec2":
            text = (
                f"<Response><Errors><Error><Code>{error.code}</Code><Message>{message}</Message></Error></Errors>"
                f"<RequestID>{request_id}</RequestID></Response>"
            )
            return _response(error.status, text, "text/xml", request_id)
        case "rest-xml":
            content = f"<Code>{error.code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId>"
            text = f"<Error>{content}</Error>"
            return _response(error.status, text, "application/xml", request_id)
    text = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
    response = _response(error.status, text, _json_type(model) if model else "application/json", request_id)
    response.headers["x-amzn-errortype"] = error.code
    return response


def _response(status: int, text: str, content_type: str, request_id: str) -> Response:
    return Response(
        status=status, body=text.encode(), headers={"content-type": content_type, "x-amzn-requestid": request_id}
    )


def _json_type(model: ServiceModel) -> str:
    return (
        f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.1')}"
        if "jsonVersion" in model.metadata
        else "application/json"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"An answer holds a {type(value).__name__}, which JSON has not.")


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(item)}</{name}>" for name, item in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape(str(value))
