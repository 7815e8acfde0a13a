"""The account's data: resources by type and identifier, and the links between them. In memory only."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sandbox.klaviyo.problems import not_found

_HIDDEN: Final = frozenset({"secret_key"})


class Ref(NamedTuple):
    """What JSON:API calls a resource identifier."""

    type: str
    id: str


@dataclass(kw_only=True)
class Resource:
    """One resource; ``links`` holds what it is related to, by the relationship's name, and since when.

    ``hidden`` holds what a caller sends and is never shown again, as a webhook's ``secret_key``.
    """

    ref: Ref
    attributes: dict[str, Any] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)
    links: dict[str, dict[Ref, str]] = field(default_factory=dict)

    def change(self, attributes: Mapping[str, Any]) -> None:
        """Set these attributes and keep the others."""
        for name, value in attributes.items():
            (self.hidden if name in _HIDDEN else self.attributes)[name] = value


class Store:
    """Resources of one account. Identifiers follow from type and order of making, so that runs can be compared.

    Args:
        clock: the time in seconds since the epoch, for what the store itself dates.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._resources: dict[str, dict[str, Resource]] = {}
        self._made = 0

    def now(self) -> str:
        """The time as Klaviyo writes it."""
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")

    def add(self, kind: str, attributes: Mapping[str, Any], *, identifier: str | None = None) -> Resource:
        """Keep a new resource; without ``identifier`` it gets one."""
        self._made += 1
        chosen = identifier or hashlib.sha256(f"{kind} {self._made}".encode()).hexdigest()[:12]
        resource = Resource(ref=Ref(kind, chosen))
        resource.change(attributes)
        self._resources.setdefault(kind, {})[chosen] = resource
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
        resource = self.get(ref)
        for name in list(resource.links):
            self.unrelate(ref, name, list(resource.links[name]))
        del self._resources[ref.type][ref.id]

    def relate(self, ref: Ref, name: str, others: Iterable[Ref]) -> None:
        """Link a resource to others, and each of them back to it.

        Raises:
            Problem: 404, one of them does not exist; nothing is linked.
        """
        one = self.get(ref)
        for other in [self.get(other) for other in others]:
            one.links.setdefault(name, {}).setdefault(other.ref, self.now())
            other.links.setdefault(plural(ref.type), {}).setdefault(ref, self.now())

    def unrelate(self, ref: Ref, name: str, others: Iterable[Ref]) -> None:
        """Take links away on both sides; a link that is not there is no error."""
        one = self.get(ref)
        for other in [self.get(other) for other in others]:
            one.links.get(name, {}).pop(other.ref, None)
            back = plural(ref.type) if plural(ref.type) in other.links else ref.type
            other.links.get(back, {}).pop(ref, None)


def plural(kind: str) -> str:
    """The collection of a type: ``catalog-category`` is found under ``catalog-categories``."""
    if kind.endswith("y"):
        return f"{kind[:-1]}ies"
    return kind if kind.endswith("content") else f"{kind}s"


def singular(collection: str) -> str:
    """The type of a collection's resources."""
    if collection.endswith("ies"):
        return f"{collection[:-3]}y"
    return collection.removesuffix("s")
