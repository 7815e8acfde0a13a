"""What is deployed: a snapshot in the shape of ``pulumi stack export``, and a journal of what happened since.

Before each operation its mark goes into the journal, after it its result, so that a run which is killed leaves behind
what it had begun. A lock on the snapshot keeps a second run out.
"""

import fcntl
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal, TextIO

from sandbox.provider.wire import Properties

Operation = Literal["creating", "updating", "deleting"]


class StateLockedError(RuntimeError):
    """Another run works on the same stack."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource as recorded.

    ``condemned`` ones were replaced and wait for their removal; ``external`` ones are not the stack's, which only looks
    at them. ``import_id`` is what an import that the program still asks for called it.
    """

    urn: str
    type: str
    custom: bool
    id: str = ""
    import_id: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    parent: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    provider: str = ""
    protect: bool = False
    external: bool = False
    init_errors: tuple[str, ...] = ()
    condemned: bool = False

    def needs(self) -> set[str]:
        """URNs of what must exist as long as this does."""
        return {urn for urn in (*self.dependencies, self.parent, self.provider.rpartition("::")[0]) if urn}

    def export(self) -> dict[str, Any]:
        """As ``pulumi stack export`` spells it; what is empty is left out."""
        spelled = {
            "urn": self.urn,
            "custom": self.custom,
            "delete": self.condemned,
            "id": self.id,
            "importID": self.import_id,
            "type": self.type,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "parent": self.parent,
            "dependencies": sorted(self.dependencies),
            "propertyDependencies": {name: sorted(urns) for name, urns in sorted(self.property_dependencies.items())},
            "provider": self.provider,
            "protect": self.protect,
            "external": self.external,
            "initErrors": list(self.init_errors),
        }
        return {name: value for name, value in spelled.items() if value or name == "custom"}

    @classmethod
    def of(cls, export: dict[str, Any]) -> "Resource":
        """The resource that ``export`` spells."""
        return cls(
            urn=export["urn"],
            type=export["type"],
            custom=export["custom"],
            id=export.get("id", ""),
            import_id=export.get("importID", ""),
            inputs=export.get("inputs", {}),
            outputs=export.get("outputs", {}),
            parent=export.get("parent", ""),
            dependencies=tuple(export.get("dependencies", ())),
            property_dependencies=export.get("propertyDependencies", {}),
            provider=export.get("provider", ""),
            protect=export.get("protect", False),
            external=export.get("external", False),
            init_errors=tuple(export.get("initErrors", ())),
            condemned=export.get("delete", False),
        )


class State:
    """The resources of a stack, in memory."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.condemned: dict[tuple[str, str], Resource] = {}
        self.pending: dict[str, dict[str, Any]] = {}
        self._guard = threading.Lock()

    def copy(self) -> "State":
        """The same in memory alone, for a preview."""
        copied = State()
        copied.resources, copied.condemned = dict(self.resources), dict(self.condemned)
        return copied

    def begin(self, operation: Operation, urn: str, inputs: Properties) -> None:
        """Mark an operation as under way."""
        self._record({"pending": {"operation": operation, "urn": urn, "inputs": inputs}})

    def put(self, resource: Resource) -> None:
        """Record what an operation made of a resource."""
        self._record({"resource": resource.export()})

    def drop(self, resource: Resource) -> None:
        """Forget a resource that is gone."""
        self._record({"gone": {"urn": resource.urn, "id": resource.id, "delete": resource.condemned}})

    def rename(self, old: str, resource: Resource) -> None:
        """Record a resource under a new URN."""
        self._record({"renamed": old, "resource": resource.export()})

    def export(self) -> dict[str, Any]:
        """The whole as ``pulumi stack export`` shapes it; whatever is needed comes before what needs it."""
        resources = [resource.export() for resource in in_order((*self.resources.values(), *self.condemned.values()))]
        deployment: dict[str, Any] = {"manifest": {}, "resources": resources}
        if self.pending:
            deployment["pending_operations"] = list(self.pending.values())
        return {"version": 3, "deployment": deployment}

    def _record(self, entry: dict[str, Any]) -> None:
        with self._guard:
            self._apply(entry)
            self._keep(entry)

    def _keep(self, entry: dict[str, Any]) -> None:
        """Nothing: this state ends with the process."""

    def _apply(self, entry: dict[str, Any]) -> None:
        if "pending" in entry:
            self.pending[entry["pending"]["urn"]] = entry["pending"]
        elif "gone" in entry:
            gone = entry["gone"]
            self.pending.pop(gone["urn"], None)
            if gone["delete"]:
                self.condemned.pop((gone["urn"], gone["id"]), None)
            else:
                self.resources.pop(gone["urn"], None)
        else:
            if "renamed" in entry:
                self.resources.pop(entry["renamed"], None)
            self._apply_resource(Resource.of(entry["resource"]))

    def _apply_resource(self, resource: Resource) -> None:
        if resource.condemned:
            self.condemned[resource.urn, resource.id] = resource
            if resource.urn in self.resources and self.resources[resource.urn].id == resource.id:
                del self.resources[resource.urn]
        else:
            self.pending.pop(resource.urn, None)
            self.resources[resource.urn] = resource


class StateFile(State):
    """The resources of a stack on disk. A context manager: on leaving, the journal goes into the snapshot.

    Args:
        path: the snapshot; its folder is made when needed, for the owner alone.

    Raises:
        StateLockedError: another run holds the state.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = path.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise StateLockedError(f"Another run works on this stack ({path}): wait until it has ended.") from error
        self._load()
        self._journal: TextIO = self._journal_path.open("a")

    @property
    def _journal_path(self) -> Path:
        return self._path.with_suffix(".journal")

    def __enter__(self) -> "StateFile":
        return self

    def __exit__(self, *_: object) -> None:
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(self.export(), indent=2) + "\n")
        draft.replace(self._path)
        self._journal.close()
        self._journal_path.unlink(missing_ok=True)
        self._lock.close()

    def _load(self) -> None:
        if self._path.exists():
            deployment = json.loads(self._path.read_text())["deployment"]
            for export in deployment["resources"]:
                self._apply_resource(Resource.of(export))
            self.pending = {entry["urn"]: entry for entry in deployment.get("pending_operations", [])}
        if self._journal_path.exists():
            for line in self._journal_path.read_text().splitlines(keepends=True):
                if line.endswith("\n"):  # a kill can leave half a line, of something that was not done
                    self._apply(json.loads(line))

    def _keep(self, entry: dict[str, Any]) -> None:
        self._journal.write(json.dumps(entry) + "\n")
        self._journal.flush()


def in_order(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Resources so that each comes after what it needs, otherwise by URN; always the same order."""
    everything = sorted(resources, key=lambda resource: (resource.urn, not resource.condemned))
    by_urn: dict[str, list[Resource]] = {}
    for resource in everything:
        by_urn.setdefault(resource.urn, []).append(resource)
    sorter = TopologicalSorter(
        {urn: sorted(set().union(*(each.needs() for each in same)) & by_urn.keys()) for urn, same in by_urn.items()}
    )
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        for urn in ready:
            yield from by_urn[urn]
        sorter.done(*ready)
