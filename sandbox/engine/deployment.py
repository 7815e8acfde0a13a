"""One run: what the program registers is compared with what is deployed, and made so."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pulumi.runtime.proto import provider_pb2

from sandbox.engine import urns
from sandbox.engine.autonaming import naming
from sandbox.engine.goals import Goal, Outcome, Report
from sandbox.engine.project import Project
from sandbox.engine.providers import Provider, ProviderError, Providers
from sandbox.engine.state import Resource, State, in_order
from sandbox.engine.steps import Steps
from sandbox.engine.values import RefusedError, UnsupportedFeatureError
from sandbox.provider.plugin import VERSION
from sandbox.provider.wire import Properties

PROVIDER_TYPE: Final = f"{urns.PROVIDER_PREFIX}aws"


class Deployment:
    """Compares and applies, resource by resource; called from the SDK's worker threads.

    Args:
        project: the stack and its configuration.
        state: what is deployed; a preview is given a copy of its own.
        providers: the providers to call.
        report: is told what happens.
        preview: say what would be done, and do nothing.
        draw_seed: draws what makes a name unique; where it draws nothing, names follow from URNs.
    """

    def __init__(
        self,
        project: Project,
        *,
        state: State,
        providers: Providers,
        report: Report,
        preview: bool = False,
        draw_seed: Callable[[], bytes] = lambda: uuid.uuid4().bytes,
    ) -> None:
        self._project = project
        self._state = state
        self._providers = providers
        self._report = report
        self._naming = naming(project.configuration)
        self._steps = Steps(
            state, providers=providers, report=report, preview=preview, draw_seed=draw_seed, naming=self._naming
        )
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._former: dict[str, list[str]] = {}

    def urn(self, resource_type: str, name: str, parent: str = "") -> str:
        """The URN of a resource of this stack."""
        project = self._project
        return urns.urn(stack=project.stack, project=project.name, parent=parent, type_and_name=(resource_type, name))

    def apply(self, goal: Goal) -> Resource:
        """Make one resource as the program wants it."""
        self._claim(goal.urn)
        old = self._recorded(goal)
        if old and old.external:
            old = None  # looked at so far, and now to be made
        if not goal.custom:
            outputs = old.outputs if old else {}
            return self._steps.finish("unchanged" if old else "created", goal, inputs=goal.inputs, outputs=outputs)
        if goal.type.startswith(urns.PROVIDER_PREFIX):
            return self._apply_provider(goal, old)
        provider = self.provider(goal.provider)
        if goal.import_id and (old is None or goal.import_id != (old.import_id or old.id)):
            taken_over = self._steps.take_over(goal, provider, instead_of=old)
            return self._apply_change(goal, provider, taken_over, imported="replaced" if old else "imported")
        if old is None:
            return self._steps.create(goal, provider)
        return self._apply_change(goal, provider, old)

    def look_at(self, goal: Goal, resource_id: str) -> Resource:
        """A resource that is not this stack's: recorded as external, never made, changed or removed."""
        self._claim(goal.urn)
        recorded = self._recorded(goal)
        if recorded and not recorded.external:
            raise UnsupportedFeatureError(f"letting go of '{goal.urn}', which this stack has made, to only look at it")
        return self._steps.look_at(goal, self.provider(goal.provider), resource_id)

    def record_outputs(self, urn: str, outputs: Properties) -> None:
        """Record what a component, or the stack, says it gives."""
        self._state.put(replace(self._state.resources[urn], outputs=outputs))

    def default_provider(self, package: str, version: str) -> str:
        """The reference of the provider that the stack's configuration describes, made at its first use."""
        if package != "aws":
            raise UnsupportedFeatureError(f"a provider of the package '{package}', only of 'aws'")
        urn = self.urn(PROVIDER_TYPE, f"default_{(version or VERSION).replace('.', '_')}")
        with self._lock:
            if urn not in self._seen:
                self._seen.add(urn)
                settings = {
                    key.removeprefix("aws:"): value
                    for key, value in self._project.configuration.items()
                    if key.startswith("aws:")
                }
                goal = Goal(urn=urn, type=PROVIDER_TYPE, custom=True, inputs=settings)
                self._apply_provider(goal, self._state.resources.get(urn))
        return _reference(urn)

    def provider(self, reference: str) -> Provider:
        """The provider behind a reference."""
        return self._providers.get(reference)

    def remove_the_rest(self, may_go_on: Callable[[], bool]) -> None:
        """Remove what the program no longer has, and what was replaced, in reverse order of need."""
        doomed = [each for each in self._state.resources.values() if each.urn not in self._seen]
        self._steps.refuse_protected(doomed)
        start_recorded(self._state, self._providers)
        still_needed: set[str] = set()
        for resource in reversed(list(in_order((*doomed, *self._state.condemned.values())))):
            if not may_go_on():
                return
            if resource.urn in still_needed:
                still_needed |= resource.needs()
                continue
            try:
                self._steps.delete(resource)
            except ProviderError as error:
                self._report.failed(resource.urn, error)
                still_needed |= resource.needs()

    def _claim(self, urn: str) -> None:
        with self._lock:
            if urn in self._seen:
                raise RefusedError(f"There are two resources with the URN '{urn}': give one of them another name.")
            self._seen.add(urn)

    def _recorded(self, goal: Goal) -> Resource | None:
        """The resource as recorded, under its URN or under one of its aliases, from which it is then renamed."""
        names = urns.former(goal.urn, parent=goal.parent, aliases=goal.aliases, inherited=self._former)
        self._former[goal.urn] = [urn for urn in names if urn != goal.urn]
        with self._lock:
            for urn in (goal.urn, *self._former[goal.urn]):
                old = self._state.resources.get(urn)
                if old is not None and (urn == goal.urn or urn not in self._seen):
                    if urn != goal.urn:
                        old = replace(old, urn=goal.urn)
                        self._state.rename(urn, old)
                    return old
        return None

    def _apply_provider(self, goal: Goal, old: Resource | None) -> Resource:
        self._providers.check(goal.urn, goal.inputs)
        self._providers.configure(_reference(goal.urn), goal.inputs)
        outcome: Outcome = "created" if old is None else "unchanged" if old.inputs == goal.inputs else "updated"
        resource_id = _reference(goal.urn).rpartition("::")[2]
        return self._steps.finish(outcome, goal, resource_id, inputs=goal.inputs, outputs=goal.inputs)

    def _apply_change(
        self, goal: Goal, provider: Provider, old: Resource, *, imported: Outcome | None = None
    ) -> Resource:
        inputs = self._steps.check(goal, provider, old)
        answer = self._steps.diff(goal, provider, old, inputs)
        if answer.replaces and goal.import_id:
            raise RefusedError(
                f"'{goal.import_id}' is imported, and its {', '.join(answer.replaces)} would replace it: make the "
                "program like it, or leave the import out once it is on record."
            )
        if answer.replaces:
            delete_first = answer.deleteBeforeReplace or self._naming(goal.urn) is not None
            return self._steps.replace(goal, provider, old, delete_first=delete_first)
        if answer.changes == provider_pb2.DiffResponse.DIFF_NONE and not old.init_errors:
            return self._steps.finish(imported or "unchanged", goal, old.id, inputs=inputs, outputs=old.outputs)
        if imported:
            self._report.done(imported, old)
        return self._steps.update(goal, provider, old, inputs)


def start_recorded(state: State, providers: Providers) -> None:
    """Start every provider that is on record."""
    for urn, resource in state.resources.items():
        if resource.type == PROVIDER_TYPE:
            providers.configure(_reference(urn), resource.inputs)


def _reference(urn: str) -> str:
    """How a resource names its provider; the id is drawn from the URN, so that it is the same in every run."""
    return f"{urn}::{uuid.uuid5(uuid.NAMESPACE_URL, urn)}"
