"""The smallest arguments that the official SDK's own models accept for an operation."""

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from klaviyo_access.klaviyo.operations import Operation
from sandbox.klaviyo.kinds import singular

_ONE_OF = re.compile(r"one of (?:enum values )?\(('[^']*'|\d+)")
_ROUNDS = 30


def arguments(operation: Operation, method: Callable[..., Any], known: Mapping[str, str]) -> list[Any]:
    """Positional arguments for an operation.

    Args:
        operation: what is called.
        method: the SDK's method.
        known: an identifier that exists, by type of resource.
    """
    needed = [one for one in inspect.signature(method).parameters.values() if one.default is inspect.Parameter.empty]
    return [_argument(operation, one, known) for one in needed]


def _argument(operation: Operation, parameter: inspect.Parameter, known: Mapping[str, str]) -> Any:
    collection = operation.path.split("/")[2]
    if f"{{{parameter.name}}}" in operation.path:
        return known.get(singular(collection), "unknown")
    if parameter.name == "filter":
        return f'equals(coupon.id,"{known["coupon"]}")'
    if parameter.name == "file":
        return b"GIF89a"
    return body_of(_model(parameter.annotation), known, identifier=known.get(singular(collection), "unknown"))


def body_of(model: type[BaseModel], known: Mapping[str, str], *, identifier: str = "unknown") -> Any:
    """The smallest body that a model accepts; resources it names exist, and its own is ``identifier``."""
    schema = model.model_json_schema()
    body = _smallest(schema, schema.get("$defs", {}))
    for _ in range(_ROUNDS):
        try:
            model.model_validate(body)
            break
        except ValidationError as refused:
            for error in refused.errors():
                _mend(body, error["loc"], error["msg"])
    _name_existing(body, known)
    data = body["data"]
    if isinstance(data, dict) and "id" in data:
        data["id"] = known.get(data["type"].removesuffix("-clone"), identifier)
        if "id" in data.get("attributes", {}):
            data["attributes"]["id"] = data["id"]
    return body


_PLAIN: Final[Mapping[str, Any]] = {
    "date-time": "2026-01-05T09:00:00+00:00",
    "date": "2026-01-05",
    "string": "text",
    "integer": 1,
    "number": 1,
    "boolean": True,
}


def _smallest(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    for choice in ("anyOf", "oneOf", "allOf"):
        schema = schema[choice][0] if choice in schema else schema
    if "$ref" in schema:
        return _smallest(parts[schema["$ref"].rsplit("/")[-1]], parts)
    if values := schema.get("enum") or [schema[name] for name in ["const"] if name in schema]:
        return values[0]
    if schema.get("type") == "array":
        return [_smallest(schema.get("items", {}), parts)]
    wanted = {*schema.get("required", ()), "data"}
    members = {name: _smallest(part, parts) for name, part in schema.get("properties", {}).items() if name in wanted}
    return _PLAIN.get(schema.get("format", schema.get("type")), members)


def _mend(body: Any, location: tuple[Any, ...], message: str) -> None:
    """Put the first of the values that a validator allows where it refused another."""
    allowed = _ONE_OF.search(message)
    if allowed is None:
        return
    *path, last = location
    for part in path:
        body = body[part]
    value = ast.literal_eval(allowed[1])
    body[last] = [value] if isinstance(body[last], list) else value


def _name_existing(part: Any, known: Mapping[str, str]) -> None:
    for child in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        if isinstance(child, dict) and child.keys() >= {"type", "id"} and child["type"] in known:
            child["id"] = known[child["type"]]
        _name_existing(child, known)


def _model(annotation: Any) -> type[BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(_model(argument) for argument in get_args(annotation))
