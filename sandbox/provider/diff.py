"""The difference between a resource's recorded inputs and those of the program."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from sandbox.provider.table import ResourceType, same_document
from sandbox.provider.wire import UNKNOWN, Properties

Kind = provider_pb2.PropertyDiff.Kind

_REPLACING = {Kind.ADD: Kind.ADD_REPLACE, Kind.DELETE: Kind.DELETE_REPLACE, Kind.UPDATE: Kind.UPDATE_REPLACE}


def changed(kind: ResourceType, old: Properties, new: Properties) -> frozenset[str]:
    """Names of the inputs that differ; JSON documents differ only in what they mean."""
    names = old.keys() | new.keys()
    return frozenset(name for name in names if not _same(kind, name, old.get(name), new.get(name)))


def response(
    kind: ResourceType, old: Properties, new: Properties, *, ignored: frozenset[str], delete_first: bool
) -> provider_pb2.DiffResponse:
    """What ``Diff`` answers: the inputs that differ, in detail, and which of them make a new resource."""
    names = {name for name in changed(kind, old, new) if name not in ignored}
    replaces = sorted(name for name in names if kind.forces_replacement(name))
    detailed = {
        path: provider_pb2.PropertyDiff(kind=_REPLACING[what] if name in replaces else what, inputDiff=True)
        for name in sorted(names)
        for path, what in _differences(name, old.get(name), new.get(name))
    }
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if names else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted(names),
        replaces=replaces,
        detailedDiff=detailed,
        hasDetailedDiff=True,
        deleteBeforeReplace=bool(replaces) and delete_first,
    )


def _same(kind: ResourceType, name: str, old: Any, new: Any) -> bool:
    if new is None and name in kind.computed:
        return True  # what the program leaves to AWS is as AWS has it
    if old is UNKNOWN or new is UNKNOWN:
        return False
    return same_document(old, new) if name in kind.documents else bool(old == new)


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Kind.ValueType]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(
                f"{path}.{name}" if name.isidentifier() else f'{path}["{name}"]', old.get(name), new.get(name)
            )
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _differences(f"{path}[{index}]", _at(old, index), _at(new, index))
    elif old != new:
        yield path, Kind.ADD if old is None else Kind.DELETE if new is None else Kind.UPDATE


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None
