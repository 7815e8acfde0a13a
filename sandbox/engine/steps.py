"""The operations on one resource: each marks what it begins, asks the provider, and records what came of it."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import grpc
from pulumi.runtime.proto import provider_pb2

from sandbox.engine import urns
from sandbox.engine.autonaming import Naming
from sandbox.engine.goals import Goal, Outcome, Report
from sandbox.engine.providers import Provider, ProviderError, Providers, ask
from sandbox.engine.state import Resource, State, in_order
from sandbox.engine.values import keep, plain, recorded, struct
from sandbox.provider.wire import UNKNOWN_TEXT, Properties


class ProtectedError(Exception):
    """A resource that the program protects would be removed."""


class Steps:
    """Creates, updates, replaces and deletes, one resource at a time; safe to call from several threads.

    Args:
        state: what is deployed; a preview is given a copy of its own.
        providers: the providers to call.
        report: is told what is done.
        preview: say what would be done, and do nothing.
        draw_seed: draws what makes a name unique.
        naming: what the provider is told of names.
    """

    def __init__(
        self,
        state: State,
        *,
        providers: Providers,
        report: Report,
        preview: bool,
        draw_seed: Callable[[], bytes],
        naming: Naming,
    ) -> None:
        self._state = state
        self._providers = providers
        self._report = report
        self._preview = preview
        self._draw_seed = draw_seed
        self._naming = naming
        self._making_way: set[str] = set()

    def check(self, goal: Goal, provider: Provider, old: Resource | None) -> Properties:
        """The goal's inputs, made whole by the provider.

        Raises:
            ProviderError: the provider refuses some of them.
        """
        olds = old.inputs if old else {}
        request = provider_pb2.CheckRequest(
            urn=goal.urn,
            name=urns.name_of(goal.urn),
            type=goal.type,
            olds=struct(olds),
            news=struct(keep(olds, goal.inputs, goal.ignore_changes) if old else goal.inputs),
            randomSeed=self._draw_seed(),
            autonaming=self._naming(goal.urn),
        )
        answer = ask(provider.Check, request)
        if answer.failures:
            raise _refused("; ".join(f"{each.property}: {each.reason}" for each in answer.failures))
        return plain(answer.inputs)

    def diff(self, goal: Goal, provider: Provider, old: Resource, inputs: Properties) -> provider_pb2.DiffResponse:
        """How the resource differs from ``inputs``."""
        request = provider_pb2.DiffRequest(
            id=old.id,
            urn=goal.urn,
            olds=struct(old.outputs),
            old_inputs=struct(old.inputs),
            news=struct(inputs),
            ignoreChanges=goal.ignore_changes,
        )
        answer: provider_pb2.DiffResponse = ask(provider.Diff, request)
        return answer

    def create(self, goal: Goal, provider: Provider, *, instead_of: Resource | None = None) -> Resource:
        """Make a resource, which takes the place of another where there is one."""
        inputs = self.check(goal, provider, None)
        self._state.begin("creating", goal.urn, recorded(inputs))
        request = provider_pb2.CreateRequest(urn=goal.urn, properties=struct(inputs), preview=self._preview)
        try:
            answer = ask(provider.Create, request)
        except ProviderError as error:
            self._record_incomplete(goal, inputs, error)
            raise
        if instead_of and goal.urn in self._state.resources:
            self._state.put(replace(instead_of, condemned=True))
        outcome: Outcome = "replaced" if instead_of or goal.urn in self._making_way else "created"
        return self.finish(outcome, goal, answer.id, inputs=inputs, outputs=plain(answer.properties))

    def update(self, goal: Goal, provider: Provider, old: Resource, inputs: Properties) -> Resource:
        """Change a resource in place."""
        self._state.begin("updating", goal.urn, recorded(inputs))
        request = provider_pb2.UpdateRequest(
            id=old.id,
            urn=goal.urn,
            olds=struct(old.outputs),
            old_inputs=struct(old.inputs),
            news=struct(inputs),
            ignoreChanges=goal.ignore_changes,
            preview=self._preview,
        )
        outputs = plain(ask(provider.Update, request).properties)
        return self.finish("updated", goal, old.id, inputs=inputs, outputs=outputs)

    def replace(self, goal: Goal, provider: Provider, old: Resource, *, delete_first: bool) -> Resource:
        """Make a resource anew; the old one goes before, or at the end of the run."""
        self.refuse_protected([old])
        if delete_first:
            for resource in (*self._replaced_with(old), old):
                self._making_way.add(resource.urn)
                self.delete(resource)
        return self.create(goal, provider, instead_of=old)

    def take_over(self, goal: Goal, provider: Provider, *, instead_of: Resource | None = None) -> Resource:
        """A resource that exists, as an import records it; what it takes the place of goes, even if it is protected.

        Source: Pulumi's `NewImportReplacementStep` and `DeleteStep`, which asks for `protect` only where nothing
        takes a resource's place.
        """
        answer = ask(provider.Read, provider_pb2.ReadRequest(id=goal.import_id, urn=goal.urn))
        if not answer.id:
            raise _refused(f"a {goal.type} '{goal.import_id}' does not exist, so it cannot be imported.")
        imported = goal.reached(resource_id=answer.id, inputs=plain(answer.inputs), outputs=plain(answer.properties))
        if instead_of:
            self._state.put(replace(instead_of, condemned=True))
        self._state.put(imported)
        return imported

    def look_at(self, goal: Goal, provider: Provider, resource_id: str) -> Resource:
        """A resource that is somebody else's, recorded as such.

        Raises:
            ProviderError: it does not exist.
        """
        looked_up = provider_pb2.ReadRequest(id=resource_id, urn=goal.urn, properties=struct(goal.inputs))
        answer = ask(provider.Read, looked_up)
        if not answer.id:
            raise _refused(f"There is no {goal.type} '{resource_id}' to look at.")
        found = goal.reached(resource_id=answer.id, inputs=plain(answer.inputs), outputs=plain(answer.properties))
        found = replace(found, external=True)
        self._state.put(found)
        return found

    def delete(self, resource: Resource) -> None:
        """Remove a resource; one that is somebody else's is only forgotten."""
        if resource.external:
            self._state.drop(resource)
            return
        is_provider = resource.type.startswith(urns.PROVIDER_PREFIX)
        if resource.custom and not is_provider and not self._preview:
            if not resource.condemned:
                self._state.begin("deleting", resource.urn, resource.inputs)
            request = provider_pb2.DeleteRequest(
                id=resource.id,
                urn=resource.urn,
                properties=struct(resource.outputs),
                old_inputs=struct(resource.inputs),
            )
            ask(self._providers.get(resource.provider).Delete, request)
        self._state.drop(resource)
        if resource.urn not in self._making_way and not resource.condemned:  # what is replaced is told once
            self._report.done("deleted", resource)

    def finish(
        self, outcome: Outcome, goal: Goal, resource_id: str = "", *, inputs: Properties, outputs: Properties
    ) -> Resource:
        """Record and report that the goal is reached."""
        resource = goal.reached(resource_id=resource_id, inputs=inputs, outputs=outputs)
        self._state.put(resource)
        self._report.done(outcome, resource)
        return resource

    def refuse_protected(self, doomed: Iterable[Resource]) -> None:
        """Raise ``ProtectedError`` if any of the resources is protected."""
        if protected := [resource.urn for resource in doomed if resource.protect]:
            raise ProtectedError(
                f"Protected resources are never removed or replaced: {', '.join(protected)}. Deploy them once with "
                "protect=False if that is what you want."
            )

    def _replaced_with(self, root: Resource) -> list[Resource]:
        """What must be replaced because ``root`` is: whatever a changed value of its would replace, last first."""
        doomed = [root]
        for resource in in_order(self._state.resources.values()):
            gone = {each.urn for each in doomed}
            unknown = {
                name: UNKNOWN_TEXT for name, needed in resource.property_dependencies.items() if gone & set(needed)
            }
            if not resource.custom or not unknown:
                continue
            goal = Goal(urn=resource.urn, type=resource.type, custom=True, inputs={})
            provider = self._providers.get(resource.provider)
            if self.diff(goal, provider, resource, {**resource.inputs, **unknown}).replaces:
                doomed.append(resource)
        self.refuse_protected(doomed)
        return doomed[:0:-1]

    def _record_incomplete(self, goal: Goal, inputs: Properties, error: ProviderError) -> None:
        """Record what exists although its creation failed, so that the next run completes it."""
        if isinstance(error.incomplete, provider_pb2.ErrorResourceInitFailed):
            outputs = plain(error.incomplete.properties)
            made = goal.reached(resource_id=error.incomplete.id, inputs=inputs, outputs=outputs)
            self._state.put(replace(made, init_errors=tuple(error.incomplete.reasons)))


def _refused(message: str) -> ProviderError:
    return ProviderError(grpc.StatusCode.INVALID_ARGUMENT, message)
