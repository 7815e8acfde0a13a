"""``refresh``: what is on record is read from AWS, so that the next ``up`` sees what was changed by hand."""

from dataclasses import replace

from pulumi.runtime.proto import provider_pb2

from sandbox.engine import urns
from sandbox.engine.deployment import start_recorded
from sandbox.engine.goals import Report
from sandbox.engine.providers import Providers, ask
from sandbox.engine.state import State, in_order
from sandbox.engine.values import plain, recorded, struct


def refresh(state: State, providers: Providers, report: Report) -> None:
    """Record every resource as AWS has it now; what is gone there is forgotten, and so are interrupted operations.

    A resource that could be read counts as complete: what its creation left open shows as a difference.

    Raises:
        ProviderError: AWS refuses to be read.
    """
    start_recorded(state, providers)
    for resource in list(in_order(state.resources.values())):
        if not resource.custom or resource.type.startswith(urns.PROVIDER_PREFIX):
            report.done("unchanged", resource)
            continue
        request = provider_pb2.ReadRequest(
            id=resource.id,
            urn=resource.urn,
            properties=struct(resource.outputs),
            inputs=struct(resource.inputs),
        )
        answer = ask(providers.get(resource.provider).Read, request)
        if not answer.id:
            state.drop(resource)
            report.done("deleted", resource)
            continue
        found = replace(
            resource, inputs=recorded(plain(answer.inputs)), outputs=plain(answer.properties), init_errors=()
        )
        state.put(found)
        report.done("unchanged" if found == resource else "updated", found)
    state.pending.clear()
