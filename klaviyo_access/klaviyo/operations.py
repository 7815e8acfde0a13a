"""Every operation of Klaviyo's official SDK with the scopes and limits that its documentation states.

The table beside this module is generated from the installed ``klaviyo-api`` and checked in.
"""

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Final

REVISION: Final = "2026-10-15"
"""The API revision that the table describes and that requests ask for: the one that klaviyo-api pins."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        name: the SDK's method, as in ``create_event``.
        method: the HTTP method, upper case.
        path: the path template, as in ``/api/lists/{id}``.
        scopes: the scopes that a key needs, all of them; sorted.
        burst: requests an account may make in one second.
        steady: requests an account may make in one minute.
    """

    name: str
    method: str
    path: str
    scopes: tuple[str, ...]
    burst: int
    steady: int


@cache
def operations() -> tuple[Operation, ...]:
    """All operations, in the order of their paths."""
    rows = json.loads(files(__package__).joinpath("operations.json").read_text())
    return tuple(
        Operation(
            name=row["operationId"],
            method=row["method"],
            path=row["path"],
            scopes=tuple(sorted(row["scopes"])),
            burst=int(row["burst"].removesuffix("/s")),
            steady=int(row["steady"].removesuffix("/m")),
        )
        for row in rows
    )


def scopes_for(operation: str) -> tuple[str, ...]:
    """The scopes that a key needs for an operation, sorted.

    Args:
        operation: the SDK's method, as in ``create_event``.

    Raises:
        ValueError: the SDK has no operation of that name; the message names the nearest.
    """
    by_name = {known.name: known.scopes for known in operations()}
    if operation not in by_name:
        nearest = ", ".join(get_close_matches(operation, by_name)) or "none is near"
        raise ValueError(
            f"An operation is named as klaviyo-api names its method; {operation!r} is none (nearest: {nearest})."
        )
    return by_name[operation]


def operation_name(method: str, path: str) -> str:
    """How to name a request in a message: as the SDK does, else by method and path.

    Args:
        method: the HTTP method, upper case.
        path: the path as sent, without the query, as in ``/api/lists/Xy12``.
    """
    found = (known.name for pattern, known in _routes() if known.method == method and pattern.fullmatch(path))
    return next(found, f"{method} {path}")


@cache
def _routes() -> tuple[tuple[re.Pattern[str], Operation], ...]:
    # Sorted, /api/x/y comes before /api/x/{id}.
    by_path = sorted(operations(), key=lambda operation: operation.path)
    return tuple((re.compile(re.sub(r"\{\w+\}", "[^/]+", known.path) + "/?"), known) for known in by_path)
