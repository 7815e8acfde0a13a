"""URNs: how Pulumi names a resource, and the names that it had before."""

from collections.abc import Iterator, Mapping, Sequence

from pulumi.runtime.proto import alias_pb2

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


def urn(*, stack: str, project: str, parent: str, type_and_name: tuple[str, str]) -> str:
    """The URN of a resource below ``parent`` (a URN, or empty)."""
    resource_type, name = type_and_name
    parent_type = parent.split("::")[2] if parent else ""
    prefix = f"{parent_type}$" if parent_type and parent_type != STACK_TYPE else ""
    return f"urn:pulumi:{stack}::{project}::{prefix}{resource_type}::{name}"


def name_of(resource: str) -> str:
    """The name in a URN."""
    return resource.split("::", 3)[3]


def former(
    current: str, *, parent: str, aliases: Sequence[alias_pb2.Alias], inherited: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """URNs that a resource may be recorded under: by its own aliases, and by those of its parent.

    Args:
        current: the resource's URN now.
        parent: its parent's URN.
        aliases: what the program says of it.
        inherited: the former URNs of every resource before it.
    """
    head, project, qualified, name = current.split("::", 3)
    resource_type = qualified.rpartition("$")[2]
    parents = (parent, *inherited.get(parent, ()))
    for alias in (alias_pb2.Alias(spec=alias_pb2.Alias.Spec()), *aliases):
        if alias.urn:
            yield alias.urn
            continue
        spec = alias.spec
        for before in _parents(spec, parents):
            yield urn(
                stack=spec.stack or head.rpartition(":")[2],
                project=spec.project or project,
                parent=before,
                type_and_name=(spec.type or resource_type, spec.name or _renamed(name, parent, before)),
            )


def _parents(spec: alias_pb2.Alias.Spec, parents: Sequence[str]) -> Sequence[str]:
    if spec.noParent:
        return ("",)
    return (spec.parentUrn,) if spec.parentUrn else parents


def _renamed(name: str, parent: str, before: str) -> str:
    """A child that bears its parent's name bore its parent's former name."""
    if parent and before and name.startswith(name_of(parent)):
        return name_of(before) + name[len(name_of(parent)) :]
    return name
