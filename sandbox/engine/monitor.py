"""What the Pulumi SDK talks to: a monitor and an engine object in this process, with no gRPC server between."""
# ruff: noqa: N802 -- the methods are named by pulumirpc.ResourceMonitor and pulumirpc.Engine

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import callback_pb2, engine_pb2, provider_pb2, resource_pb2

from sandbox.engine.deployment import Deployment
from sandbox.engine.goals import Goal, Report
from sandbox.engine.providers import ProviderError, ask
from sandbox.engine.steps import ProtectedError
from sandbox.engine.transforms import Transforms
from sandbox.engine.values import RefusedError, UnsupportedFeatureError, plain, struct

UNSUPPORTED = {
    "remote": "a component of another process",
    "customTimeouts": "customTimeouts",
    "replaceOnChanges": "replaceOnChanges",
    "replacement_trigger": "replacementTrigger",
    "retainOnDelete": "retainOnDelete",
    "deleteBeforeReplaceDefined": "deleteBeforeReplace",
    "transforms": "transforms of one resource",
}
"""Fields of a registration that this engine does not honour, as a program spells them."""


class StoppedError(grpc.RpcError):
    """Tells the SDK that the run has ended: what is under way finishes, nothing new begins."""

    def code(self) -> grpc.StatusCode:
        """The status by which the SDK knows a monitor that has gone."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """Nothing: the failure itself has been reported."""
        return ""


class LookUpFailedError(grpc.RpcError):
    """The cloud refused a look-up: the program is told, and may go on without it."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self._said = said

    def code(self) -> grpc.StatusCode:
        """The status of a refusal."""
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        """What the cloud said."""
        return self._said


class Monitor:
    """The SDK's resource monitor.

    Args:
        deployment: applies what is registered.
        report: is told of failures.
    """

    def __init__(self, deployment: Deployment, report: Report) -> None:
        self._deployment = deployment
        self._report = report
        self._stopped = threading.Event()
        self._transforms = Transforms()

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopped.set()

    def goes_on(self) -> bool:
        """Whether nothing has failed and nobody has asked to stop."""
        return not self._stopped.is_set()

    @contextmanager
    def _reported(self, urn: str) -> Iterator[None]:
        """Within it, an expected error is reported and becomes the signal to stop; nothing begins after a stop."""
        if not self.goes_on():
            raise StoppedError
        try:
            yield
        except (ProviderError, RefusedError, ProtectedError) as error:
            self.stop()
            self._report.failed(urn, error)
            raise StoppedError from error

    def GetDeploymentInfo(self, _request: Empty) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(
            supportedFeatures=[
                resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
                resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
                resource_pb2.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
            ]
        )

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        urn = self._deployment.urn(request.type, request.name, request.parent)
        with self._reported(urn):
            self._transforms.apply(request)
            resource = self._deployment.apply(self._goal(request, urn))
            secret = set(request.additionalSecretOutputs) & resource.outputs.keys()
            if secret:
                raise UnsupportedFeatureError(f"secret outputs ({', '.join(sorted(secret))})")
            outputs = resource.outputs if resource.custom else {}
            return resource_pb2.RegisterResourceResponse(urn=urn, id=resource.id, object=struct(outputs))

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> resource_pb2.ReadResourceResponse:
        """A resource that is not this stack's."""
        urn = self._deployment.urn(request.type, request.name, request.parent)
        with self._reported(urn):
            package = request.type.partition(":")[0]
            goal = Goal(
                urn=urn,
                type=request.type,
                custom=True,
                inputs=plain(request.properties),
                parent=request.parent,
                provider=request.provider or self._deployment.default_provider(package, request.version),
                dependencies=tuple(sorted(request.dependencies)),
            )
            found = self._deployment.look_at(goal, request.id)
            return resource_pb2.ReadResourceResponse(urn=urn, properties=struct(found.outputs))

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> Empty:
        with self._reported(request.urn):
            self._deployment.record_outputs(request.urn, plain(request.outputs))
        return Empty()

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:
        with self._reported(request.tok):
            package = request.tok.partition(":")[0]
            reference = request.provider or self._deployment.default_provider(package, request.version)
            provider = self._deployment.provider(reference)
            try:
                answer = ask(provider.Invoke, provider_pb2.InvokeRequest(tok=request.tok, args=request.args))
            except ProviderError as error:
                if error.code is grpc.StatusCode.UNKNOWN:
                    raise LookUpFailedError(str(error)) from error
                raise
            found = getattr(answer, "return")
            return resource_pb2.ResourceInvokeResponse(**{"return": found}, failures=answer.failures)

    def RegisterStackTransform(self, callback: callback_pb2.Callback) -> Empty:
        self._transforms.register(callback)
        return Empty()

    def SignalAndWaitForShutdown(self, _request: Empty) -> Empty:
        return Empty()

    def __getattr__(self, name: str) -> Callable[[Any], NoReturn]:
        if name.startswith("_"):
            raise AttributeError(name)

        def refuse(_request: Any) -> NoReturn:
            with self._reported(name):
                raise UnsupportedFeatureError(f"'{name}' of Pulumi's resource monitor")
            raise AssertionError("what is refused never returns")

        return refuse

    def _goal(self, request: resource_pb2.RegisterResourceRequest, urn: str) -> Goal:
        given = {field.name for field, _ in request.ListFields()}
        if refused := [spelled for name, spelled in UNSUPPORTED.items() if name in given]:
            raise UnsupportedFeatureError(", ".join(refused))
        package = request.type.partition(":")[0]
        needs_provider = request.custom and package != "pulumi"
        return Goal(
            urn=urn,
            type=request.type,
            custom=request.custom,
            inputs=plain(request.object),
            parent=request.parent,
            provider=(request.provider or self._deployment.default_provider(package, request.version))
            if needs_provider
            else "",
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                name: sorted(needed.urns) for name, needed in request.propertyDependencies.items() if needed.urns
            },
            protect=request.protect,
            ignore_changes=list(request.ignoreChanges),
            import_id=request.importId,
            aliases=request.aliases,
        )


class Engine:
    """The SDK's engine: takes the program's own log lines."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def Log(self, request: engine_pb2.LogRequest) -> Empty:
        if request.severity == engine_pb2.ERROR:
            self._report.failed(request.urn, RuntimeError(request.message))
        elif request.severity != engine_pb2.DEBUG:
            sys.stderr.write(f"{request.message}\n")
        return Empty()

    def RequirePulumiVersion(
        self, _request: engine_pb2.RequirePulumiVersionRequest
    ) -> engine_pb2.RequirePulumiVersionResponse:
        raise UnsupportedFeatureError("a required version of the Pulumi CLI")
