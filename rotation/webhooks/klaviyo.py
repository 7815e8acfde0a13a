"""Tells Klaviyo a webhook's new secret, and says whether it took it."""

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.answers import Answer, Meaning, read_answer
from klaviyo_access.klaviyo.transport import REQUEST_TIMEOUT
from klaviyo_access.webhooks.secret import SigningSecret
from rotation.errors import ChangeRefusedError, KlaviyoSilentError

PAUSE: Final = 5.0
"""Seconds between two tries, where Klaviyo does not say how long."""

_REFUSALS: Final = frozenset({Meaning.KEY_REFUSED, Meaning.SCOPES_MISSING, Meaning.FORBIDDEN, Meaning.INVALID})


class Transport(Protocol):
    """Sends one request and returns status, headers and body; follows no redirect; raises OSError on no answer."""

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]: ...


@dataclass(frozen=True, kw_only=True)
class KlaviyoWebhooks:
    """Klaviyo's webhooks, of which the secret alone is changed.

    Args:
        url: Klaviyo's base URL without a trailing slash.
        revision: the API revision to ask for.
        transport: sends one request.
        sleep: waits that many seconds.
        time_left: seconds that may still be spent.
    """

    url: str
    revision: str
    transport: Transport
    sleep: Callable[[float], None]
    time_left: Callable[[], float]

    def change_secret(self, webhook_id: str, secret: SigningSecret, *, key: Key) -> None:
        """Make Klaviyo sign with ``secret`` from now on; doing it again changes nothing more.

        Without a definite answer it is tried again while time is left.

        Args:
            webhook_id: the webhook's id at Klaviyo.
            secret: the new secret.
            key: a key with the scope ``webhooks:write``.

        Raises:
            ChangeRefusedError: Klaviyo definitely did not take it now.
            KlaviyoSilentError: no definite answer; Klaviyo may sign with it or not.

        Source: https://developers.klaviyo.com/en/reference/update_webhook (1 request a second, 15 a minute).
        """
        never_taken = True
        while True:
            answer = self._patch(webhook_id, secret, key)
            if answer.meaning is Meaning.ACCEPTED:
                return
            if reason := _refusal(answer):
                raise ChangeRefusedError(reason, answer.status, never_taken=never_taken)
            never_taken = never_taken and answer.meaning is Meaning.RATE_LIMITED
            self._wait(answer)

    def _patch(self, webhook_id: str, secret: SigningSecret, key: Key) -> Answer:
        timeout = max(1.0, min(REQUEST_TIMEOUT, self.time_left()))
        attributes = {"secret_key": secret.reveal()}
        headers = {
            "Authorization": f"Klaviyo-API-Key {key.reveal()}",
            "revision": self.revision,
            "Accept": "application/vnd.api+json",
            "Content-Type": "application/vnd.api+json",
        }
        body = json.dumps({"data": {"type": "webhook", "id": webhook_id, "attributes": attributes}}).encode()
        try:
            answered = self.transport("PATCH", f"{self.url}/api/webhooks/{webhook_id}", headers, timeout, body)
        except (OSError, http.client.HTTPException):
            return Answer(meaning=Meaning.SERVER_ERROR, status=0)
        return read_answer(*answered)

    def _wait(self, answer: Answer) -> None:
        seconds = answer.retry_after or PAUSE
        if seconds >= self.time_left():
            raise KlaviyoSilentError(
                f"Klaviyo gave no definite answer ({answer.meaning.value}, {answer.status}) to the webhook's new "
                "secret, and no time is left to ask again: the next rotation does. Receivers take both secrets."
            )
        self.sleep(seconds)


def _refusal(answer: Answer) -> str | None:
    """Why Klaviyo did not take the secret, where it definitely did not."""
    if answer.meaning in _REFUSALS:
        return str(answer.meaning.value)
    return "no such webhook" if answer.status in {404, 410} and answer.detail else None
