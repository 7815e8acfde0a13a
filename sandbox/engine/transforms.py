"""Stack-wide transforms: functions of the program that see every resource before it is made, and may change it."""

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from sandbox.engine.urns import STACK_TYPE
from sandbox.engine.values import UnsupportedFeatureError


class Transforms:
    """The transforms that the program has registered, called in the program's own process."""

    def __init__(self) -> None:
        self._callbacks: list[callback_pb2.Callback] = []

    def register(self, callback: callback_pb2.Callback) -> None:
        """Add a transform; it sees what is registered from now on."""
        self._callbacks.append(callback)

    def apply(self, request: resource_pb2.RegisterResourceRequest) -> None:
        """Give a registration the properties that the transforms make of its own, one after the other.

        Raises:
            UnsupportedFeatureError: a transform changes options.
        """
        if request.type == STACK_TYPE:
            return
        for callback in self._callbacks:
            asked = _question(request)
            with grpc.insecure_channel(callback.target) as channel:
                invoke = callback_pb2_grpc.CallbacksStub(channel).Invoke
                message = callback_pb2.CallbackInvokeRequest(token=callback.token, request=asked.SerializeToString())
                answer = resource_pb2.TransformResponse.FromString(invoke(message).response)
            answer.options.depends_on.sort()
            if answer.options != asked.options:
                raise UnsupportedFeatureError("a transform that changes a resource's options")
            request.object.CopyFrom(answer.properties)


def _question(request: resource_pb2.RegisterResourceRequest) -> resource_pb2.TransformRequest:
    options = resource_pb2.TransformResourceOptions(
        depends_on=sorted(request.dependencies),
        ignore_changes=request.ignoreChanges,
        version=request.version,
        aliases=request.aliases,
        provider=request.provider,
        providers=request.providers,
        hooks=request.hooks,  # the SDK answers with them even where there are none
    )
    setattr(options, "import", request.importId)  # a word of Python's own
    if request.HasField("protect"):
        options.protect = request.protect
    return resource_pb2.TransformRequest(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        properties=request.object,
        options=options,
    )
