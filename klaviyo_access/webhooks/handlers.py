"""The function that a service writes for its deliveries: what it takes."""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from klaviyo_access.webhooks.delivery import Delivery

Handler: TypeAlias = Callable[[Delivery], Any]
"""Does what there is to do with a delivery, async or not; an error makes Klaviyo send it again."""

_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def require_delivery_alone(handle: Handler) -> None:
    """Refuse a function that a framework would have to give more than the delivery.

    Raises:
        TypeError: it has other parameters, which nobody would fill, or none.
    """
    parameters = [one for one in inspect.signature(handle).parameters.values() if one.kind not in _MANY]
    bound = getattr(handle, "keywords", {})  # of functools.partial
    others = [one.name for one in parameters[1:] if one.name not in bound]
    if others or not inspect.signature(handle).parameters:
        raise TypeError(
            "A webhook's function takes the delivery alone, since frameworks fill no other parameter, no Depends "
            f"either; {getattr(handle, '__qualname__', handle)!r} has {', '.join(others) or 'none'}. Get what it needs "
            "inside it, or bind it with functools.partial."
        )
