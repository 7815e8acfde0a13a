"""Webhooks in Flask: ``@app.post(path)`` over ``@webhook(receiver)``."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any

from flask import Response, request

from klaviyo_access.errors import WebhookError
from klaviyo_access.webhooks.answers import RECEIVED, TOO_LARGE, Answer, answer_to
from klaviyo_access.webhooks.delivery import Delivery
from klaviyo_access.webhooks.receiver import LARGEST_BODY, WebhookReceiver

Handler = Callable[[Delivery], Any]
"""Does what there is to do with a delivery; an error makes Klaviyo send it again."""


def webhook(
    receiver: WebhookReceiver, *, largest_body: int = LARGEST_BODY
) -> Callable[[Handler], Callable[[], Response]]:
    """Make a view of a function that takes a verified delivery.

    Answers as `klaviyo_access.webhooks.starlette.webhook` does.

    Args:
        receiver: verifies, and remembers.
        largest_body: bytes that are read at most.
    """

    def make_view(handle: Handler) -> Callable[[], Response]:
        @wraps(handle)
        def view() -> Response:
            body = request.stream.read(largest_body + 1)
            if len(body) > largest_body:
                return _response(TOO_LARGE)
            with ExitStack() as stack:
                try:
                    delivery = stack.enter_context(receiver.receive(body, dict(request.headers)))
                except WebhookError as error:
                    return _response(answer_to(error))
                handle(delivery)
            return _response(RECEIVED)

        return view

    return make_view


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, mimetype="application/json")
