"""Webhooks in Flask: ``@app.post(path)`` over ``@webhook(receiver)``."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import update_wrapper
from inspect import isawaitable

from flask import Response, current_app, request

from klaviyo_access.authorization.marks import GuardedBy, marked
from klaviyo_access.errors import WebhookError
from klaviyo_access.webhooks.answers import RECEIVED, TOO_LARGE, Answer, answer_to
from klaviyo_access.webhooks.handlers import Handler, require_delivery_alone
from klaviyo_access.webhooks.receiver import LARGEST_BODY, WebhookReceiver


def webhook(
    receiver: WebhookReceiver, *, largest_body: int = LARGEST_BODY
) -> Callable[[Handler], Callable[[], Response]]:
    """Make a view of a function that takes a verified delivery.

    Answers as `klaviyo_access.webhooks.starlette.webhook` does. An asynchronous function needs Flask's extra ``async``.
    `klaviyo_access.authorization` counts the view as guarded, by Klaviyo's signature.

    Args:
        receiver: verifies, and remembers.
        largest_body: bytes that are read at most.

    Raises:
        TypeError: now, where the function takes more than the delivery.
    """

    def make_view(handle: Handler) -> Callable[[], Response]:
        require_delivery_alone(handle)

        def view() -> Response:
            # Whoever looked at the body before has read the stream to its end, and Flask kept what was in it.
            body = request.stream.read(largest_body + 1) or request.get_data()
            if len(body) > largest_body:
                return _response(TOO_LARGE)
            with ExitStack() as stack:
                try:
                    delivery = stack.enter_context(receiver.receive(body, dict(request.headers)))
                except WebhookError as error:
                    return _response(answer_to(error))
                done = handle(delivery)
                if isawaitable(done):
                    current_app.ensure_sync(_finish)(done)
            return _response(RECEIVED)

        return marked(update_wrapper(view, handle), GuardedBy.SIGNATURE)

    return make_view


async def _finish(handling: Awaitable[object]) -> None:
    await handling


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, mimetype="application/json")
