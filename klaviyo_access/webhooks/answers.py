"""How an endpoint answers Klaviyo: the same in every framework.

Klaviyo takes 200, 201 and 202 for received and sends everything else again
(https://developers.klaviyo.com/en/docs/working_with_system_webhooks).
"""

import json
from dataclasses import dataclass

from klaviyo_access.errors import WebhookError, WebhookRefused, WebhookRepeated


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body; neither says more to a forger than that he was refused."""

    status: int
    body: str


RECEIVED = Answer(200, json.dumps({"status": "received"}))
TOO_LARGE = Answer(413, json.dumps({"error": "Body too large"}))


def answer_to(error: WebhookError) -> Answer:
    """The answer to a delivery that was not handed over."""
    match error:
        case WebhookRefused():
            return Answer(401, json.dumps({"error": "Webhook refused"}))
        case WebhookRepeated(handled=True):
            return Answer(200, json.dumps({"status": "received before"}))
        case WebhookRepeated():
            return Answer(409, json.dumps({"error": "This delivery is being handled"}))
        case _:
            return Answer(503, json.dumps({"error": "Webhooks cannot be verified now"}))
