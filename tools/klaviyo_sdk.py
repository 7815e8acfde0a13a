"""Reads Klaviyo's operations, with the scopes and limits each needs, out of the installed ``klaviyo-api`` package.

The package is generated from Klaviyo's OpenAPI: for each operation a public method, whose docstring names limits and
scopes, and a private ``_<operation>_serialize``, whose last call holds method and path. Both are read as syntax,
without importing the package: its modules take seconds to load.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BURST = re.compile(r"Burst: `([^`]+)`")
_STEADY = re.compile(r"Steady: `([^`]+)`")
_REVISION = re.compile(r"_REVISION = [\"'](\d{4}-\d{2}-\d{2})[\"']")
_SCOPES = re.compile(r"\*\*Scopes:\*\*((?:\s+`[^`]+`)+)")


class SdkFormError(RuntimeError):
    """The installed ``klaviyo-api`` does not have the form that this module reads."""


@dataclass(frozen=True, order=True, kw_only=True)
class Operation:
    """One operation of Klaviyo's API; limits are requests in a fixed window, as in ``10/s`` and ``150/m``."""

    path: str
    method: str
    operation_id: str
    scopes: tuple[str, ...]
    burst: str
    steady: str


@cache
def installed_operations() -> tuple[Operation, ...]:
    """Every operation of the installed ``klaviyo-api``, sorted by path and method.

    Raises:
        SdkFormError: the package is not installed, or an operation lacks what every operation has.
    """
    operations = sorted(
        operation for source in _sources() for operation in _operations_of(ast.parse(source.read_text("utf-8")))
    )
    if not operations:
        raise SdkFormError("klaviyo-api holds no operation in the form this tool reads: look at openapi_client/api.")
    return tuple(operations)


def installed_revision() -> str:
    """The API revision that the installed ``klaviyo-api`` asks for, as in ``2026-10-15``.

    Raises:
        SdkFormError: the package is not installed, or names no revision.
    """
    spec = importlib.util.find_spec("klaviyo_api")
    wrapper = Path(spec.origin).parent / "wrapper.py" if spec and spec.origin else None
    found = _REVISION.search(wrapper.read_text("utf-8")) if wrapper and wrapper.is_file() else None
    if found is None:
        raise SdkFormError("klaviyo-api names no revision in klaviyo_api/wrapper.py: look how it sends the header.")
    return found[1]


def _sources() -> list[Path]:
    spec = importlib.util.find_spec("openapi_client")
    if spec is None or spec.origin is None:
        raise SdkFormError("klaviyo-api is not installed here: install requirements-dev.txt.")
    return sorted((Path(spec.origin).parent / "api").glob("*_api.py"))


def _operations_of(module: ast.Module) -> Iterator[Operation]:
    for api in (node for node in module.body if isinstance(node, ast.ClassDef)):
        functions = {node.name: node for node in api.body if isinstance(node, ast.FunctionDef)}
        for name, function in functions.items():
            serializer = functions.get(f"_{name}_serialize")
            if serializer is not None:
                yield _operation(name, documentation=ast.get_docstring(function) or "", serializer=serializer)


def _operation(name: str, *, documentation: str, serializer: ast.FunctionDef) -> Operation:
    request = _request(serializer)
    burst, steady = _BURST.search(documentation), _STEADY.search(documentation)
    if burst is None or steady is None or not {"method", "resource_path"} <= request.keys():
        raise SdkFormError(f"klaviyo-api's operation {name} states no method, path or rate limit where others do.")
    scopes = _SCOPES.search(documentation)
    return Operation(
        path=request["resource_path"],
        method=request["method"],
        operation_id=name,
        scopes=tuple(sorted(scopes[1].replace("`", " ").split())) if scopes else (),
        burst=burst[1],
        steady=steady[1],
    )


def _request(serializer: ast.FunctionDef) -> dict[str, str]:
    return {
        keyword.arg: keyword.value.value
        for call in ast.walk(serializer)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "param_serialize"
        for keyword in call.keywords
        if keyword.arg and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    }
