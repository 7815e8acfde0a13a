"""Property values as the engine keeps them: JSON, with Pulumi's signatures left in place."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct

from sandbox.provider.wire import ARCHIVE, SECRET, SIGNATURE, UNKNOWNS, Properties, scalar


class RefusedError(Exception):
    """The program asks for something that must not be; the message says what, why and what to do."""


class UnsupportedFeatureError(RefusedError):
    """The program uses something of Pulumi that this engine does not have.

    Args:
        feature: its name.
    """

    def __init__(self, feature: str) -> None:
        super().__init__(f"This engine does not support {feature}. Leave it out, or deploy with the Pulumi CLI.")


def plain(message: Struct) -> Properties:
    """A struct as JSON: whole numbers are integers, nulls are left out, and no secret passes.

    Raises:
        RefusedError: a value is marked secret.
    """
    return {
        name: _plain(value, name)
        for name, value in sorted(message.fields.items())
        if value.WhichOneof("kind") != "null_value"
    }


def struct(properties: Mapping[str, Any]) -> Struct:
    """JSON as a struct."""
    message = Struct()
    message.update(properties)
    return message


def known(properties: Properties) -> bool:
    """Whether every value is known."""
    return not any(value in UNKNOWNS for value in _texts(properties))


def recorded(properties: Properties) -> Properties:
    """As kept in the state: an archive by its hash alone."""
    return {name: _recorded(value) for name, value in properties.items()}


def keep(old: Properties, new: Properties, paths: list[str]) -> Properties:
    """``new``, in which the properties at ``paths`` are as in ``old``: what ``ignoreChanges`` means.

    Raises:
        UnsupportedFeatureError: a path with a wildcard or an index.
    """
    kept = dict(new)
    for path in paths:
        if not re.fullmatch(r"\w+(\.[\w-]+|\[\"[^\"]+\"\])*", path):
            raise UnsupportedFeatureError(f"ignoreChanges with the path '{path}', only names")
        _keep(old, kept, re.findall(r"[\w-]+|(?<=\[\")[^\"]+", path))
    return kept


def _keep(old: Any, new: Properties, steps: list[str]) -> None:
    name, *rest = steps
    if not isinstance(old, Mapping) or name not in old:
        if not rest:
            new.pop(name, None)
    elif rest and isinstance(new.get(name), Mapping):
        new[name] = dict(new[name])
        _keep(old[name], new[name], rest)
    else:
        new[name] = old[name]


def _plain(value: Any, path: str) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value.list_value.values)]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET:
            raise RefusedError(
                f"No secret passes through a deployment, since it would end up in the state; property '{path}' is a "
                "secret. Put the value into AWS Secrets Manager with the operators' commands instead."
            )
        return {
            name: _plain(item, f"{path}.{name}")
            for name, item in sorted(fields.items())
            if item.WhichOneof("kind") != "null_value"
        }
    return scalar(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _recorded(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == ARCHIVE:
            return {SIGNATURE: ARCHIVE, "hash": value.get("hash", "")}
        return {name: _recorded(item) for name, item in value.items()}
    return [_recorded(item) for item in value] if isinstance(value, list) else value
