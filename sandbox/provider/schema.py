"""What pulumi-aws declares, read off its installed SDK classes: no network, no plugin."""

import functools
import importlib
import inspect
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi import _types


class UnknownTypeError(LookupError):
    """The installed pulumi-aws has no such type."""


def declared_inputs(token: str) -> set[str]:
    """Names of the inputs that pulumi-aws declares for a resource type.

    Args:
        token: the type as in a URN, such as ``aws:s3/bucket:Bucket``, or ``pulumi:providers:aws``.

    Raises:
        UnknownTypeError: the SDK has no class for the token.
    """
    resource = _resource_class(token)
    names = _types.resource_pulumi_to_py_names(resource)
    spelled = {python: pulumi for pulumi, python in names.items()}
    parameters = list(inspect.signature(resource._internal_init).parameters)  # noqa: SLF001 -- its only typed list
    inputs = [name for name in parameters if name not in {"__self__", "resource_name", "opts", "__props__"}]
    return {spelled.get(name) or _camel(name) for name in inputs}


def undeclared(token: str, properties: Mapping[str, Any]) -> Iterator[str]:
    """Paths in ``properties``, such as ``rules[0].expiry``, that pulumi-aws does not declare."""
    declared = declared_inputs(token)
    types = _types.resource_types(_resource_class(token))
    for name, value in properties.items():
        if name not in declared:
            yield name
        else:
            yield from _undeclared_below(name, value, types.get(name))


def _undeclared_below(path: str, value: Any, declared: Any) -> Iterator[str]:
    declared = _types.unwrap_type(declared) if declared is not None else None
    if isinstance(value, list):
        item = next(iter(typing.get_args(declared)), None)
        for index, entry in enumerate(value):
            yield from _undeclared_below(f"{path}[{index}]", entry, item)
    elif isinstance(value, Mapping) and isinstance(declared, type) and _types.is_output_type(declared):
        types = _types.output_type_types(declared)
        for name, entry in value.items():
            if name not in types:
                yield f"{path}.{name}"
            else:
                yield from _undeclared_below(f"{path}.{name}", entry, types.get(name))


@functools.cache
def _resource_class(token: str) -> Any:
    if token == "pulumi:providers:aws":  # noqa: S105 -- a type's name
        return importlib.import_module("pulumi_aws").Provider
    package, _, rest = token.partition(":")
    module, _, name = rest.partition(":")
    folder = module.partition("/")[0]
    for candidate in (folder, f"{folder}_"):
        try:
            found = getattr(importlib.import_module(f"pulumi_{package}.{candidate}"), name, None)
        except ModuleNotFoundError:
            continue
        if found is not None and getattr(found, "pulumi_type", None) == token:
            return found
    raise UnknownTypeError(f"The installed pulumi-aws declares no resource type '{token}'.")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)
