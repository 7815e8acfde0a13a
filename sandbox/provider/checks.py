"""``Check``: the program's inputs made whole with defaults and a name, or refused property by property."""

from collections.abc import Iterator, Mapping

from pulumi.runtime.proto import provider_pb2

from sandbox.provider.plugin import VERSION
from sandbox.provider.schema import undeclared
from sandbox.provider.table import AutoName, ResourceType
from sandbox.provider.wire import Properties, encode

Mode = provider_pb2.CheckRequest.AutonamingOptions.Mode


def check(
    kind: ResourceType, request: provider_pb2.CheckRequest, *, olds: Properties, news: Properties
) -> provider_pb2.CheckResponse:
    """Answer a ``CheckRequest`` whose properties are ``olds`` and ``news``."""
    failures = dict(_failures(kind, news))
    inputs = {**kind.defaults, **news}
    naming = kind.auto_name
    if naming and naming.property not in inputs:
        name = _name(naming, request, olds)
        if name:
            inputs[naming.property] = name
        else:
            failures[naming.property] = f"{kind.aws_type} needs a '{naming.property}': automatic naming is disabled."
    return provider_pb2.CheckResponse(
        inputs=encode(inputs),
        failures=[provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures.items()],
    )


def _failures(kind: ResourceType, news: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    unknown = set(undeclared(kind.aws_type, news))
    for path in sorted(unknown):
        yield path, f"pulumi-aws {VERSION} declares no property '{path}' for {kind.aws_type}."
    for name in sorted(news.keys() - kind.inputs - unknown):
        taken = ", ".join(sorted(kind.inputs))
        yield name, f"The local aws provider does not take '{name}' of {kind.aws_type}; it takes {taken}."
    for name in sorted(kind.required - news.keys()):
        yield name, f"{kind.aws_type} needs '{name}'."


def _name(naming: AutoName, request: provider_pb2.CheckRequest, olds: Properties) -> str:
    """The physical name: the one it has, else as the engine's naming wants it, else proposed; empty if it must not."""
    if naming.property in olds:
        return str(olds[naming.property])
    if request.HasField("autonaming"):
        return "" if request.autonaming.mode == Mode.DISABLE else request.autonaming.proposed_name
    seed = request.randomSeed or request.urn.encode()
    return naming.propose(request.name or request.urn.rpartition("::")[2], seed)
