"""Reads AWS's wire protocols as a service does: from an HTTP request to an operation and its parameters."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.http import Request
from sandbox.aws.models import service_model

_SCALARS = {"integer": int, "long": int, "float": float, "double": float}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request asks for: parameters are spelled as in botocore's model."""

    operation: OperationModel
    parameters: Json
    protocol: str


def read_call(request: Request, model: ServiceModel, protocol: str) -> Asked:
    """Find the operation that a request asks for, and its parameters.

    Raises:
        AwsError: the request fits no operation of the service.
    """
    if protocol == "json":
        operation = _operation(model, request.headers.get("x-amz-target", "").rpartition(".")[2])
        return Asked(operation=operation, parameters=_json_object(request.body), protocol=protocol)
    if protocol in {"query", "ec2"}:
        fields = dict(parse_qsl(request.query_string or request.body.decode(), keep_blank_values=True))
        operation = _operation(model, fields.get("Action", ""))
        parameters = _from_query(operation.input_shape, fields, "") if operation.input_shape else {}
        return Asked(operation=operation, parameters=parameters or {}, protocol=protocol)
    operation, labels = _rest_operation(model, request)
    return Asked(operation=operation, parameters=_rest_parameters(operation, request, labels), protocol=protocol)


def guess_protocol(request: Request) -> str:
    """The protocol of a request whose service is not known, as far as its form shows it."""
    if _is_form(request):
        return "query"
    return "json" if "json" in request.headers.get("content-type", "") else "rest-xml"


def protocol_of(request: Request, model: ServiceModel) -> str:
    """The protocol in which a request is written and its answer is read; some services speak several.

    Raises:
        AwsError: the request is in CBOR, which the sandbox does not read.
    """
    if "smithy-protocol" in request.headers:
        raise AwsError("NotImplemented", "The sandbox reads no rpc-v2-cbor: use the service's JSON or query protocol.")
    if "x-amz-target" in request.headers:
        return "json"
    if _is_form(request):
        return "ec2" if model.protocol == "ec2" else "query"
    return str(model.resolved_protocol)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _operation(model: ServiceModel, name: str) -> OperationModel:
    if name not in model.operation_names:
        raise AwsError("UnknownOperationException", f"The sandbox finds no operation {name!r} in {model.service_name}.")
    return model.operation_model(name)


def _json_object(body: bytes) -> Json:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", "The request's body is no JSON.") from error
    if not isinstance(parsed, dict):
        raise AwsError("SerializationException", "The request's body is no JSON object.")
    return parsed


def _from_query(shape: Shape, fields: Mapping[str, str], prefix: str) -> Any:
    """Gather ``A.member.1.B=…`` fields into the value that a shape describes; None where there is no field."""
    if isinstance(shape, StructureShape):
        members = {
            name: _from_query(
                member, fields, f"{prefix}.{_query_name(name, member)}" if prefix else _query_name(name, member)
            )
            for name, member in shape.members.items()
        }
        return {name: value for name, value in members.items() if value is not None} or None
    if isinstance(shape, ListShape):
        return _list_from_query(shape, fields, prefix)
    if isinstance(shape, MapShape):
        return _map_from_query(shape, fields, prefix)
    return _scalar(shape, fields[prefix]) if prefix in fields else None


def _query_name(name: str, shape: Shape) -> str:
    return str(shape.serialization.get("queryName") or shape.serialization.get("name") or name)


def _list_from_query(shape: ListShape, fields: Mapping[str, str], prefix: str) -> list[Any] | None:
    member = "" if shape.serialization.get("flattened") else f".{shape.member.serialization.get('name', 'member')}"
    items: list[Any] = []
    while (item := _from_query(shape.member, fields, f"{prefix}{member}.{len(items) + 1}")) is not None:
        items.append(item)
    return items or None


def _map_from_query(shape: MapShape, fields: Mapping[str, str], prefix: str) -> Json | None:
    entry = "" if shape.serialization.get("flattened") else ".entry"
    key_name, value_name = (
        part.serialization.get("name", default) for part, default in ((shape.key, "key"), (shape.value, "value"))
    )
    items: Json = {}
    while (key := fields.get(f"{prefix}{entry}.{len(items) + 1}.{key_name}")) is not None:
        items[key] = _from_query(shape.value, fields, f"{prefix}{entry}.{len(items) + 1}.{value_name}")
    return items or None


def _scalar(shape: Shape, text: str) -> Any:
    if shape.type_name == "boolean":
        return text == "true"
    return _SCALARS.get(shape.type_name, str)(text)


def _rest_operation(model: ServiceModel, request: Request) -> tuple[OperationModel, dict[str, str]]:
    matches = [
        (len(constants) + len(required), operation, found)
        for operation, pattern, constants, required in _routes(model.service_name)
        if operation.http["method"] == request.method
        and (found := pattern.fullmatch(request.raw_path.rstrip("/") or "/"))
        and constants <= _query_items(request)
        and all(_is_present(member, request) for member in required)
    ]
    if not matches:
        raise AwsError(
            "UnknownOperationException",
            f"The sandbox finds no operation for {request.method} {request.path} in {model.service_name}.",
        )
    _, operation, found = max(matches, key=lambda match: match[0])
    return operation, {name: unquote(value) for name, value in found.groupdict().items()}


def _query_items(request: Request) -> set[tuple[str, str]]:
    """Every query field with its value and with none, since ``?policy`` names an operation by the key alone."""
    items = {(key, value) for key, values in request.query.items() for value in values}
    return items | {(key, "") for key, _ in items}


@cache
def _routes(service: str) -> tuple[tuple[OperationModel, re.Pattern[str], set[tuple[str, str]], list[Shape]], ...]:
    model = service_model(service)
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        pattern = re.sub(
            r"\\\{(\w+)(\\\+)?\\\}",
            lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})",
            re.escape(path.rstrip("/") or "/"),
        )
        constants = set(parse_qsl(query, keep_blank_values=True))
        shape = operation.input_shape
        required = [shape.members[name] for name in shape.required_members] if shape else []
        routes.append(
            (operation, re.compile(pattern), constants, [m for m in required if _where(m) in {"querystring", "header"}])
        )
    return tuple(routes)


def _where(shape: Shape) -> str | None:
    location = shape.serialization.get("location")
    return str(location) if location else None


def _is_present(member: Shape, request: Request) -> bool:
    source = request.query if _where(member) == "querystring" else request.headers
    name = member.serialization["name"]
    return (name if source is request.query else name.lower()) in source


def _rest_parameters(operation: OperationModel, request: Request, labels: Mapping[str, str]) -> Json:
    shape = operation.input_shape
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    in_body = {} if payload or operation.service_model.resolved_protocol == "rest-xml" else _json_object(request.body)
    parameters: Json = {}
    for name, member in shape.members.items():
        value = _rest_value(name, member, request, labels, in_body)
        if value is not None:
            parameters[name] = value
    return parameters


def _rest_value(name: str, member: Shape, request: Request, labels: Mapping[str, str], in_body: Json) -> Any:
    wire_name = str(member.serialization.get("name", name))
    match _where(member):
        case "uri":
            return labels.get(wire_name)
        case "querystring" if wire_name in request.query:
            values = request.query[wire_name]
            return values if member.type_name == "list" else _scalar(member, values[0])
        case "header" if wire_name.lower() in request.headers:
            return _scalar(member, request.headers[wire_name.lower()])
        case None:
            return in_body.get(wire_name)
    return None
