"""One audit entry: who did what, with which key, and how it ended; frozen, with one form in JSON."""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args

from klaviyo_access.audit.asker import bound
from klaviyo_access.keys.secret import KEY_PATTERN

Scalar: TypeAlias = str | int | float | bool | None
Result: TypeAlias = Literal["allowed", "denied", "succeeded", "failed"]
RESULTS: Final = get_args(Result)

LONGEST_ENTRY: Final = 128 * 1024
"""Characters of an entry in JSON; from a longer one all metadata is left out, and how long it was is said instead."""

_LONGEST_TEXT: Final = 8 * 1024
_LARGEST_INT: Final = 2**63


def _bound(name: str) -> Any:
    return field(default_factory=partial(bound, name))


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """What somebody did, or was refused.

    Who that was stands in ``user_id``, ``role``, ``ip_address`` and ``request_id``; what is not given of these is taken
    from `asked_by` around, where a request binds it once.

    Attributes:
        timestamp: when; an aware time (a naive one is taken for this machine's local time). Without it now.
        user_id: who, as the application knows people; a pseudonym where `Pseudonyms` says so.
        role: the role that the user acted in, as in access.yaml; empty where none was assigned.
        action: what was done: a permission's name where there is one, else the application's own word.
        resource: what it was done to, as in ``profiles/01H…`` or a route.
        result: ``allowed``, ``denied``, ``succeeded`` or ``failed``.
        klaviyo_endpoint: Klaviyo's path that was called, as in ``POST /api/events``; empty where none was.
        ip_address: where the request came from.
        metadata: what else is worth knowing, flat. Values are text, numbers, truth values or None; of anything else
            ``str()`` is kept.
        key_fingerprint: 12 hex digits that name the Klaviyo key; never the key.
        request_id: what ties the entry to the application's other logs.

    Raises:
        ValueError: a result that is none of the four, or nobody is named, neither here nor around.
    """

    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    user_id: str = _bound("user_id")
    role: str = _bound("role")
    action: str
    resource: str
    result: Result
    klaviyo_endpoint: str = ""
    ip_address: str = _bound("ip_address")
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    key_fingerprint: str = ""
    request_id: str = _bound("request_id")

    def __post_init__(self) -> None:
        if self.result not in RESULTS:
            raise ValueError(
                f"An audit entry's result is one of {', '.join(RESULTS)}, because what is suspicious is told by it; "
                f"given: {self.result!r}."
            )
        # A copy: what the caller changes afterwards is no part of the entry.
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))


TEXT_FIELDS: Final = (
    "user_id",
    "role",
    "action",
    "resource",
    "result",
    "klaviyo_endpoint",
    "ip_address",
    "key_fingerprint",
    "request_id",
)

_texts = attrgetter(*TEXT_FIELDS)


def weight_of(entry: AuditEntry) -> int:
    """The bytes of memory that the entry's texts take; of a value that is no scalar its own part alone."""
    weight = sum(map(sys.getsizeof, _texts(entry)))
    if entry.metadata:
        weight += sum(sys.getsizeof(name) + sys.getsizeof(value) for name, value in entry.metadata.items())
    return weight


def document_of(entry: AuditEntry) -> dict[str, Any]:
    """The entry as plain values: every field, the time in UTC with microseconds."""
    document: dict[str, Any] = {name: _text(getattr(entry, name)) for name in TEXT_FIELDS}
    document["timestamp"] = format_time(entry.timestamp)
    document["metadata"] = {_text(name): _scalar(value) for name, value in entry.metadata.items()}
    return document


def bounded(document: dict[str, Any]) -> dict[str, Any]:
    """``document``, without its metadata where it would be longer than `LONGEST_ENTRY`."""
    length = len(canonical(document))
    return document if length <= LONGEST_ENTRY else document | {"metadata": {"omitted_characters": length}}


def format_time(time: datetime) -> str:
    """``2026-11-22T12:15:30.123456Z``."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical(value: Any) -> str:
    """The one form of ``value`` in JSON: keys sorted, no spaces, ASCII alone, so that no line can break inside it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _text(value: object) -> str:
    """``value`` as text of bearable length in which no Klaviyo key stands."""
    text = "" if value is None else value if isinstance(value, str) else str(value)
    text = KEY_PATTERN.sub("pk_…", text) if "pk_" in text else text  # before the cut, which could leave most of a key
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _scalar(value: object) -> Scalar:
    if isinstance(value, int) and not -_LARGEST_INT < value < _LARGEST_INT:
        return _text(f"{value:#x}")
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _text(value)
