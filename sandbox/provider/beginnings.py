"""What the provider has begun to make and the engine may not know of, so that a kill loses nothing.

A mark is written before the call that makes a resource, and gets the resource's id with AWS's answer. It goes when AWS
refuses, when the engine shows that it has the resource on record, and when the provider ends in order. A mark that is
left is of a run that was killed, or of a call whose answer was lost: the next creation under the same URN goes on from
there.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

from sandbox.home import Home
from sandbox.provider.wire import ARCHIVE, SIGNATURE, Archive, Properties, decode, encode


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A resource that was begun: its inputs, when (seconds since the epoch), and its id where AWS has answered."""

    inputs: Properties
    at: float
    id: str = ""
    others: frozenset[str] = field(default=frozenset())
    """Ids that belong to other URNs."""


class Beginnings:
    """The marks, a file each.

    Args:
        folder: where they lie; made when needed.
        clock: seconds since the epoch.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._made: dict[str, str] = {}
        self._on_record: set[str] = set()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Beginnings":
        """The marks beside the states of the stacks, in the folder of the sandbox that the environment names."""
        return cls(Home.of(environ).state / "begun")

    def begin(self, urn: str, inputs: Properties) -> None:
        """Mark a resource as begun."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = {name: _known_by_hash(value) for name, value in inputs.items()}
        self._write(urn, {"inputs": MessageToDict(encode(known)), "at": self._clock()})

    def made(self, urn: str, resource_id: str) -> None:
        """Note AWS's answer: the engine is told next."""
        self._made[urn] = resource_id
        self._write(urn, self._read(urn) | {"id": resource_id})

    def left(self, urn: str) -> Beginning | None:
        """What was begun under a URN and never came to an end."""
        mark = self._read(urn)
        if not mark:
            return None
        others = self._on_record | {resource_id for other, resource_id in self._made.items() if other != urn}
        inputs = decode(ParseDict(mark["inputs"], Struct()))
        return Beginning(inputs=inputs, at=mark["at"], id=mark.get("id", ""), others=frozenset(others))

    def forget(self, urn: str) -> None:
        """Drop a mark: the resource was refused, or is gone."""
        self._made.pop(urn, None)
        self._path(urn).unlink(missing_ok=True)

    def on_record(self, urn: str, resource_id: str) -> None:
        """The engine speaks of a resource by its id, so it has it on record."""
        self._on_record.add(resource_id)
        if self._read(urn).get("id") == resource_id:
            self.forget(urn)

    def close(self) -> None:
        """Drop the marks of all that was made: a run that ends in order has recorded it."""
        for urn in list(self._made):
            self.forget(urn)

    def _path(self, urn: str) -> Path:
        return self._folder / f"{hashlib.sha256(urn.encode()).hexdigest()[:32]}.json"

    def _read(self, urn: str) -> dict[str, Any]:
        try:
            mark: dict[str, Any] = json.loads(self._path(urn).read_text())
        except FileNotFoundError:
            return {}
        return mark

    def _write(self, urn: str, mark: Mapping[str, Any]) -> None:
        draft = self._path(urn).with_suffix(".draft")
        draft.write_text(json.dumps(mark))
        draft.replace(self._path(urn))


def _known_by_hash(value: Any) -> Any:
    return Archive(value.hash, {SIGNATURE: ARCHIVE, "hash": value.hash}) if isinstance(value, Archive) else value
