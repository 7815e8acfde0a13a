"""Webhooks in Starlette and FastAPI: ``@app.post(path)`` over ``@webhook(receiver)``."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from starlette.requests import Request
from starlette.responses import Response

from klaviyo_access.authorization.marks import GuardedBy, marked
from klaviyo_access.errors import WebhookError
from klaviyo_access.webhooks.answers import RECEIVED, TOO_LARGE, Answer, answer_to
from klaviyo_access.webhooks.handlers import Handler, require_delivery_alone
from klaviyo_access.webhooks.receiver import LARGEST_BODY, WebhookReceiver


def webhook(
    receiver: WebhookReceiver, *, largest_body: int = LARGEST_BODY
) -> Callable[[Handler], Callable[[Request], Awaitable[Response]]]:
    """Make an endpoint of a function that takes a verified delivery.

    Answers 200 once the function is done, 401 to what is not Klaviyo's, 200 to a delivery that was handled before, 409
    to one that is being handled, 413 to too large a body, and 503 while there are no secrets to verify with.
    `klaviyo_access.authorization` counts the endpoint as guarded, by Klaviyo's signature.

    Args:
        receiver: verifies, and remembers.
        largest_body: bytes that are read at most.

    Raises:
        TypeError: now, where the function takes more than the delivery.
    """

    def make_endpoint(handle: Handler) -> Callable[[Request], Awaitable[Response]]:
        require_delivery_alone(handle)
        is_async = inspect.iscoroutinefunction(handle)

        async def endpoint(request: Request) -> Response:
            body = await _read(request, largest_body)
            if body is None:
                return _response(TOO_LARGE)
            with ExitStack() as stack:
                try:
                    # In a thread, since a reading of the secrets may be due, which waits for AWS.
                    received = receiver.receive(body, request.headers)
                    delivery = await asyncio.to_thread(stack.enter_context, received)
                except WebhookError as error:
                    return _response(answer_to(error))
                done = handle(delivery) if is_async else await asyncio.to_thread(handle, delivery)
                if inspect.isawaitable(done):
                    await done
            return _response(RECEIVED)

        # Frameworks read name and documentation; the signature must stay the endpoint's own.
        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(endpoint, name, getattr(handle, name, getattr(endpoint, name)))
        return marked(endpoint, GuardedBy.SIGNATURE)

    return make_endpoint


async def _read(request: Request, most: int) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type="application/json")
