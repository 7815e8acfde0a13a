"""Parameters against the service's own model: required, unknown, types, lengths, ranges, patterns and enumerations.

botocore's validator checks minima alone, since it leaves the rest to the service, which this is.
"""

import base64
import binascii
import re
from typing import Any, Final

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.models import service_model

TYPES: Final[dict[str, type]] = {
    "structure": dict,
    "list": list,
    "string": str,
    "blob": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}


def operation_model(operation: str) -> OperationModel:
    """The model of one operation.

    Raises:
        AwsError: UnknownOperationException, there is none of that name.
    """
    model = service_model("secretsmanager")
    if operation not in model.operation_names:
        raise AwsError("UnknownOperationException", f"Secrets Manager has no operation {operation}.")
    return model.operation_model(operation)


def check(operation: str, parameters: Json) -> None:
    """Refuse parameters that the operation's model does not allow.

    Raises:
        AwsError: ValidationException, with every constraint that failed; no sensitive value is quoted.
    """
    shape = operation_model(operation).input_shape
    problems = _problems(shape, parameters, "") if shape else []
    if problems:
        noun = "error" if len(problems) == 1 else "errors"
        raise AwsError("ValidationException", f"{len(problems)} validation {noun} detected: {'; '.join(problems)}")


def _problems(shape: Shape, value: Any, path: str) -> list[str]:
    if not _is_of_type(shape, value):
        return [f"Value at '{path}' failed to satisfy constraint: Member must be of type {shape.type_name}"]
    problems = [
        f"{_quoted(shape, value)} at '{path}' failed to satisfy constraint: {rule}" for rule in _broken(shape, value)
    ]
    if isinstance(shape, StructureShape):
        return [*problems, *_in_structure(shape, value, path)]
    if isinstance(shape, ListShape):
        members = enumerate(value, start=1)
        return problems + [text for n, item in members for text in _problems(shape.member, item, f"{path}.{n}.member")]
    return problems


def _in_structure(shape: StructureShape, value: Json, path: str) -> list[str]:
    where = f"{path}." if path else ""
    problems = [
        f"Value null at '{where}{_spelled(name)}' failed to satisfy constraint: Member must not be null"
        for name in shape.required_members
        if name not in value
    ]
    for name, item in value.items():
        if name in shape.members:
            problems += _problems(shape.members[name], item, f"{where}{_spelled(name)}")
        else:
            known = ", ".join(shape.members)
            problems.append(f"Unknown parameter '{where}{name}': must be one of {known}")
    return problems


def _broken(shape: Shape, value: Any) -> list[str]:
    """The constraints of the shape that the value itself, not its members, does not satisfy."""
    rules = shape.metadata
    if shape.type_name in {"structure", "boolean"}:
        return []
    if shape.type_name in {"integer", "long"}:
        size, noun = value, "value"
    elif shape.type_name == "blob":
        try:
            size, noun = len(base64.b64decode(value, validate=True)), "length"
        except binascii.Error:
            return ["Member must be base64"]
    else:
        size, noun = len(value), "length"
    broken = []
    if size < rules.get("min", size):
        broken.append(f"Member must have {noun} greater than or equal to {rules['min']}")
    if size > rules.get("max", size):
        broken.append(f"Member must have {noun} less than or equal to {rules['max']}")
    if "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        broken.append(f"Member must satisfy regular expression pattern: {rules['pattern']}")
    if "enum" in rules and value not in rules["enum"]:
        broken.append(f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]")
    return broken


def _is_of_type(shape: Shape, value: Any) -> bool:
    expected = TYPES[shape.type_name]
    return isinstance(value, expected) and isinstance(value, bool) == (expected is bool)


def _quoted(shape: Shape, value: Any) -> str:
    if shape.metadata.get("sensitive") or not isinstance(value, str | int) or len(str(value)) > 256:
        return "Value"
    return f"Value '{value}'"


def _spelled(name: str) -> str:
    return name[0].lower() + name[1:]
