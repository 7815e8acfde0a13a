"""How the provider's failures reach the engine: a gRPC status with a message, never a traceback."""

import functools
from collections.abc import Callable
from typing import NoReturn, TypeVar

import grpc
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError
from google.protobuf.any_pb2 import Any as AnyMessage
from pulumi.runtime.proto import provider_pb2, status_pb2

from sandbox.provider.cloud import IncompleteError
from sandbox.provider.configuration import ConfigurationError
from sandbox.provider.wire import UnsupportedValueError, encode

STATUS_DETAILS = "grpc-status-details-bin"
"""The trailing metadata in which gRPC carries a structured status."""

Service = TypeVar("Service")
Request = TypeVar("Request")
Response = TypeVar("Response")


class UnsupportedError(LookupError):
    """What the engine asks for is nothing that the resource table has; the message names it."""


def answering(
    method: Callable[[Service, Request], Response],
) -> Callable[[Service, Request, grpc.ServicerContext], Response]:
    """Make a gRPC method of one that raises: every expected error becomes a status."""

    @functools.wraps(method)
    def answer(service: Service, request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return method(service, request)
        except IncompleteError as error:
            _abort_incomplete(context, _described(method.__name__, request, error.cause), error)
        except (EndpointConnectionError, NoCredentialsError) as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, _described(method.__name__, request, error))
        except (BotoCoreError, ClientError, ConfigurationError, OSError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, _described(method.__name__, request, error))
        except (UnsupportedError, UnsupportedValueError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, _described(method.__name__, request, error))
        raise AssertionError("abort never returns")

    return answer


def _described(operation: str, request: object, error: Exception) -> str:
    """``<urn>: <operation>: <what AWS said>``."""
    urn = getattr(request, "urn", "") or getattr(request, "tok", "")
    said = str(error)
    if isinstance(error, ClientError):
        details = error.response["Error"]
        said = f"{error.operation_name} was refused with {details['Code']}: {details.get('Message', '')}"
    elif isinstance(error, EndpointConnectionError):
        said = f"{said} Is the sandbox running? Start it with: python -m sandbox start"
    return ": ".join(part for part in (urn, operation, said) if part)


def _abort_incomplete(context: grpc.ServicerContext, message: str, error: IncompleteError) -> NoReturn:
    """Report a resource that exists but is not complete, so that the engine records it and completes it later."""
    details = AnyMessage()
    details.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.resource_id, properties=encode(error.outputs), inputs=encode(error.inputs), reasons=[message]
        )
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[details])
    context.set_trailing_metadata(((STATUS_DETAILS, status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
