"""The providers of a deployment, called in process with the requests that the Pulumi CLI sends."""

import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.message import Message
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from sandbox.engine.values import UnsupportedFeatureError, known, struct
from sandbox.provider.answers import STATUS_DETAILS
from sandbox.provider.wire import Properties

Provider = provider_pb2_grpc.ResourceProviderServicer
MakeProvider = Callable[[], Provider]
Answer = TypeVar("Answer")


class ProviderError(Exception):
    """A provider refused a request.

    Attributes:
        code: the status; UNKNOWN where the cloud said no.
        unreachable: whether the cloud could not be reached.
        incomplete: tells of a resource that exists nevertheless.
    """

    def __init__(self, code: grpc.StatusCode, message: str, incomplete: Message | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.unreachable = code is grpc.StatusCode.FAILED_PRECONDITION
        self.incomplete = incomplete


class Call:
    """The context of one request: all that a provider uses of gRPC's."""

    def __init__(self) -> None:
        self._details = b""

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        self._details = dict(metadata).get(STATUS_DETAILS, b"")

    def abort(self, code: grpc.StatusCode, message: str) -> NoReturn:
        incomplete = None
        if self._details:
            incomplete = provider_pb2.ErrorResourceInitFailed()
            status_pb2.Status.FromString(self._details).details[0].Unpack(incomplete)
        raise ProviderError(code, message, incomplete)


def ask(method: Callable[[Any, Any], Any], request: Message) -> Any:
    """Call a provider's method; raises ``ProviderError`` where it refuses."""
    return method(request, Call())


class Providers:
    """One servicer for each provider resource, by its reference ``<urn>::<id>``."""

    def __init__(self, make: MakeProvider) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._configured: dict[str, Provider | None] = {}

    def check(self, urn: str, settings: Properties) -> None:
        """Let the provider refuse its settings."""
        request = provider_pb2.CheckRequest(urn=urn, news=struct(settings))
        answer = ask(self._make().CheckConfig, request)
        if answer.failures:
            raise ProviderError(grpc.StatusCode.INVALID_ARGUMENT, "; ".join(each.reason for each in answer.failures))

    def configure(self, reference: str, settings: Properties) -> None:
        """Start the provider of a reference; one whose settings are not known yet stays unconfigured."""
        with self._lock:
            if reference in self._configured:
                return
            provider = self._make()
            if known(settings):
                ask(provider.Configure, provider_pb2.ConfigureRequest(args=struct(settings)))
            self._configured[reference] = provider

    def get(self, reference: str) -> Provider:
        """The provider of a reference."""
        provider = self._configured.get(reference)
        if provider is None:
            raise UnsupportedFeatureError(f"the provider '{reference}', which is no part of the program")
        return provider
