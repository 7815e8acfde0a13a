"""The account's data: resources by type and identifier, and the links between them."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sandbox.klaviyo.kinds import related_kind
from sandbox.klaviyo.problems import not_found
from sandbox.memory.sources import Watched


class Ref(NamedTuple):
    """What JSON:API calls a resource identifier."""

    type: str
    id: str


@dataclass(kw_only=True)
class Resource:
    """One resource.

    Attributes:
        ref: its type and identifier.
        attributes: what a caller may see of it.
        hidden: what is never shown, as a webhook's ``secret_key``.
        links: what it is related to, and since when.
    """

    ref: Ref
    attributes: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)
    links: dict[Ref, str] = field(default_factory=dict)

    def related(self, relationship: str) -> list[Ref]:
        """What a relationship leads to, in the order of linking."""
        kind = related_kind(relationship)
        return [ref for ref in self.links if ref.type == kind]


class Store:
    """Resources of one account. Identifiers follow from type and order of making, so that runs can be compared.

    Args:
        clock: the time in seconds since the epoch, for what the store itself dates.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._resources: dict[str, dict[str, Resource]] = {}
        self._made = {"resources": 0}

    @property
    def tables(self) -> dict[str, dict[Any, Any]]:
        """All that it holds, by type, and how many it made."""
        return {**self._resources, "": self._made}

    def table(self, name: str) -> dict[Any, Any]:
        """One of ``tables``, made where there is none of the name."""
        return self._resources.setdefault(name, Watched({})) if name else self._made

    def empty(self) -> None:
        """Forget everything."""
        self._resources.clear()

    def now(self) -> str:
        """The time as Klaviyo writes it."""
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")

    def add(self, kind: str, attributes: Mapping[str, Any], *, identifier: str | None = None) -> Resource:
        """Keep a new resource; without ``identifier`` it gets one."""
        self._made["resources"] += 1
        chosen = identifier or hashlib.sha256(f"{kind} {self._made['resources']}".encode()).hexdigest()[:12]
        resource = Resource(ref=Ref(kind, chosen), attributes=dict(attributes))
        self.table(kind)[chosen] = resource
        return resource

    def get(self, ref: Ref) -> Resource:
        """The resource.

        Raises:
            Problem: 404, there is none.
        """
        try:
            return self._resources[ref.type][ref.id]
        except KeyError:
            raise not_found(f"A {ref.type} with id {ref.id} does not exist.") from None

    def has(self, ref: Ref) -> bool:
        """Whether there is such a resource."""
        return ref.id in self._resources.get(ref.type, {})

    def all(self, kind: str) -> list[Resource]:
        """Every resource of a type, oldest first."""
        return list(self._resources.get(kind, {}).values())

    def find(self, kind: str, attribute: str, value: object) -> Resource | None:
        """The first resource of a type whose attribute has this value."""
        return next((one for one in self.all(kind) if one.attributes.get(attribute) == value), None)

    def delete(self, ref: Ref) -> None:
        """Forget a resource and every link to it.

        Raises:
            Problem: 404, there is none.
        """
        self.unrelate(ref, list(self.get(ref).links))
        del self._resources[ref.type][ref.id]

    def relate(self, ref: Ref, others: Iterable[Ref]) -> None:
        """Link a resource to others, and each of them back to it.

        Raises:
            Problem: 404, one of them does not exist; nothing is linked.
        """
        one = self.get(ref)
        for other in [self.get(other) for other in others]:
            one.links.setdefault(other.ref, self.now())
            other.links.setdefault(ref, self.now())

    def unrelate(self, ref: Ref, others: Iterable[Ref]) -> None:
        """Take links away on both sides; a link that is not there is no error.

        Raises:
            Problem: 404, one of them does not exist; nothing is changed.
        """
        one = self.get(ref)
        for other in [self.get(other) for other in others]:
            one.links.pop(other.ref, None)
            other.links.pop(ref, None)
