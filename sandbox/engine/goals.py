"""What the program wants of a resource, and who is told what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pulumi.runtime.proto import alias_pb2

from sandbox.engine.state import Resource
from sandbox.engine.values import recorded
from sandbox.provider.wire import Properties

Outcome = Literal["created", "imported", "updated", "replaced", "deleted", "unchanged"]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What the program wants of one resource."""

    urn: str
    type: str
    custom: bool
    inputs: Properties
    parent: str = ""
    provider: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    protect: bool = False
    ignore_changes: list[str] = field(default_factory=list)
    import_id: str = ""
    aliases: Sequence[alias_pb2.Alias] = ()

    def reached(self, *, resource_id: str, inputs: Properties, outputs: Properties) -> Resource:
        """The resource as recorded once the goal is reached."""
        return Resource(
            urn=self.urn,
            type=self.type,
            custom=self.custom,
            id=resource_id,
            inputs=recorded(inputs),
            outputs=outputs,
            parent=self.parent,
            dependencies=self.dependencies,
            property_dependencies=self.property_dependencies,
            provider=self.provider,
            protect=self.protect,
            import_id=self.import_id,
        )


class Report(Protocol):
    """Is told of every resource that is done, and of every one that failed."""

    def done(self, outcome: Outcome, resource: Resource) -> None:
        """A resource is as the program wants it."""

    def failed(self, urn: str, error: Exception) -> None:
        """A resource could not be made so."""
