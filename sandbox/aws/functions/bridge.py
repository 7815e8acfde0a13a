"""Takes over where ministack would run functions by itself: EventBridge's and Scheduler's go the gateway's way.

ministack runs them in its own process's environment and asks nobody; what others would run is refused. This module
reaches into it; its version is pinned, and a test holds what is relied on.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.services import eventbridge, lambda_svc  # type: ignore[import-untyped]  # ministack has no types

from sandbox.aws.functions.invocation import Functions, Invocation

_sender: ContextVar[tuple[str, str | None]] = ContextVar("sender")
"""ARN of a rule; or of a schedule, and of the role in which it sends."""
_invoke_target = eventbridge._invoke_target  # noqa: SLF001 - see the module's docstring
log = logging.getLogger(__name__)


def take_over(functions: Functions, loop: asyncio.AbstractEventLoop) -> None:
    """Run functions that are targets of rules and schedules through ``functions``, on its loop."""

    def invoke_target(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        role = target.get("RoleArn") if ":scheduler:" in rule["Arn"] else None
        token = _sender.set((rule["Arn"], role))
        try:
            _invoke_target(target, event, rule, view)
        finally:
            _sender.reset(token)

    def dispatch_to_lambda(arn: str, payload: str) -> None:
        rule_arn, role_arn = _sender.get()
        invocation = Invocation(function_arn=arn, event=payload, rule_arn=rule_arn, role_arn=role_arn)
        loop.call_soon_threadsafe(functions.begin, functions.take(invocation))

    eventbridge._invoke_target = invoke_target  # noqa: SLF001 - the same
    eventbridge._dispatch_to_lambda = dispatch_to_lambda  # noqa: SLF001 - the same
    lambda_svc._execute_function = _refuse  # noqa: SLF001 - the same


def _refuse(function: Mapping[str, Any], _event: object) -> dict[str, Any]:
    name = (function.get("config") or function).get("FunctionName")
    message = f"The sandbox runs {name} for Invoke, Secrets Manager, EventBridge and Scheduler alone."
    log.error(message)
    return {"error": True, "body": {"errorType": "NotImplemented", "errorMessage": message}}
