"""Starts a new deployment of a service on ECS whose key was injected when its tasks started, once the key has changed.

An EventBridge rule calls `handler` with a static event, ``{"action": "redeploy", "service": NAME}``; which services
there are, the deployment says.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from rotation.errors import EventRefusedError, RotationError, SettingsError
from rotation.runtime.clients import make_client
from rotation.runtime.entry import LambdaContext, only_own_errors
from rotation.runtime.log import write
from rotation.runtime.variables import required

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


class RedeploymentError(RotationError):
    """ECS started no new deployment; Lambda calls again."""

    def __init__(self, service: str, code: str) -> None:
        super().__init__(f"ECS started no new deployment of {service}: {code}. Start one by hand if it stays so.")


class ContainerServiceClient(Protocol):
    """The part of boto3's client for ECS that is used."""

    def update_service(self, **parameters: Any) -> Mapping[str, Any]: ...


def handler(event: object, context: LambdaContext) -> dict[str, object]:  # noqa: ARG001 - Lambda gives it to every one
    """Start a new deployment.

    Args:
        event: names one of the deployed services.
        context: not looked at.

    Raises:
        RotationError: the only kind of error that leaves, with a fixed text.
    """
    with only_own_errors() as progress:
        services = _services(required(os.environ, "ECS_SERVICES"))
        service = read_redeployment(event, services)
        progress.action = "redeploy"
        redeploy(container_service(), service, services[service])
        write("INFO", action="redeploy", service=service, outcome="started")
        return {"action": "redeploy", "outcome": "started", "service": service}


def read_redeployment(event: object, services: Mapping[str, object]) -> str:
    """The service that an event names.

    Raises:
        EventRefusedError: another form, or another service.
    """
    if not isinstance(event, dict) or event.keys() != {"action", "service"} or event["action"] != "redeploy":
        raise EventRefusedError("An event for a redeployment has the action redeploy and a service, and nothing else.")
    service = event["service"]
    if not isinstance(service, str) or service not in services:
        raise EventRefusedError("The event names a service that is not deployed anew here.")
    return service


def redeploy(client: ContainerServiceClient, name: str, place: Mapping[str, str]) -> None:
    """Start new tasks in place of the running ones.

    Raises:
        RedeploymentError: ECS did not.
    """
    try:
        client.update_service(cluster=place["cluster"], service=place["service"], forceNewDeployment=True)
    except ClientError as error:
        raise RedeploymentError(name, str(error.response["Error"]["Code"])) from None
    except BotoCoreError as error:
        raise RedeploymentError(name, type(error).__name__) from None


def _services(text: str) -> dict[str, dict[str, str]]:
    """Name of each service to its cluster and service on ECS."""
    try:
        services: dict[str, dict[str, str]] = json.loads(text)
        if all(_NAME.fullmatch(place[part]) for place in services.values() for part in ("cluster", "service")):
            return services
    except (ValueError, TypeError, LookupError, AttributeError):
        pass
    raise SettingsError("ECS_SERVICES does not list services with cluster and service: deploy it again.")


@cache
def container_service() -> ContainerServiceClient:
    """The function's client, made once."""
    client: ContainerServiceClient = make_client("ecs")
    return client
