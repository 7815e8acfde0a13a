"""Klaviyo's webhooks: deliveries verified over raw bytes, received once, with secrets that rotate by themselves.

Importing this package imports the standard library alone; what needs botocore or a web framework is imported when it is
asked for. The helpers for frameworks are in `klaviyo_access.webhooks.starlette` and `klaviyo_access.webhooks.flask`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from klaviyo_access.webhooks.delivery import Delivery, WebhookEvent
    from klaviyo_access.webhooks.receiver import WebhookReceiver
    from klaviyo_access.webhooks.replay import Claim, DeliveryMemory, LocalMemory
    from klaviyo_access.webhooks.secret import SigningSecret
    from klaviyo_access.webhooks.store import WebhookSecrets
    from klaviyo_access.webhooks.verifier import Verifier

__all__ = [
    "Claim",
    "Delivery",
    "DeliveryMemory",
    "LocalMemory",
    "SigningSecret",
    "Verifier",
    "WebhookEvent",
    "WebhookReceiver",
    "WebhookSecrets",
]

_HOMES = {
    "Claim": "replay",
    "Delivery": "delivery",
    "DeliveryMemory": "replay",
    "LocalMemory": "replay",
    "SigningSecret": "secret",
    "Verifier": "verifier",
    "WebhookEvent": "delivery",
    "WebhookReceiver": "receiver",
    "WebhookSecrets": "store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
