"""The webhook rotator's entry: Secrets Manager calls `handler` once for each step of a webhook's secret's rotation, and
a static rule for ``{"action": "unstick"}`` when a rotation has failed."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from klaviyo_access.klaviyo.transport import send
from klaviyo_access.webhooks.secret import SigningSecret
from rotation.errors import DeadEndError, EventRefusedError, KlaviyoSilentError
from rotation.events import Step, StepRequest, Unstick, read_event
from rotation.report import Report
from rotation.runtime.entry import LambdaContext, now, only_own_errors, secrets_manager
from rotation.serving import seconds_left, serve, take_step
from rotation.store import StoredSecret
from rotation.webhooks.change import SecretChange, create_secret, end_rotation, finish_secret, set_secret, test_secret
from rotation.webhooks.klaviyo import KlaviyoWebhooks
from rotation.webhooks.settings import WebhookSettings

SECRET_BYTES: Final = 48
"""Random bytes of a new secret, which make 64 characters."""

_STEPS: Final[Mapping[Step, Callable[[SecretChange, str], Report]]] = {
    Step.CREATE: create_secret,
    Step.SET: set_secret,
    Step.TEST: test_secret,
    Step.FINISH: finish_secret,
}


@dataclass(frozen=True)
class WebhookRotator:
    """The rotator of one webhook's secret.

    Args:
        change: what the steps work on.
    """

    change: SecretChange

    def run(self, request: StepRequest | Unstick) -> Report:
        """Do one step, or end a rotation that failed; doing it again changes nothing more.

        Raises:
            RotationError: what stood against it; see `rotation.errors`.
        """
        if isinstance(request, Unstick):
            return end_rotation(self.change)
        # Klaviyo may have taken it without saying so: its label OFFERED keeps the version readable all the same.
        return take_step(
            self.change.secret,
            request.token,
            lambda: _STEPS[request.step](self.change, request.token),
            hopeless=(DeadEndError, KlaviyoSilentError),
        )


def read_webhook_event(event: object, *, secret_arn: str) -> StepRequest | Unstick:
    """Read the event of a webhook's rotator.

    Raises:
        EventRefusedError: it is neither a step about this secret nor exactly ``{"action": "unstick"}``.
    """
    request = read_event(event, key_secret_arn=secret_arn)
    if not isinstance(request, StepRequest | Unstick):
        raise EventRefusedError("A webhook's rotator does one action, unstick; the event names another one.")
    return request


def handler(event: object, context: LambdaContext) -> dict[str, object]:
    """Run one step of a rotation, or end one that failed.

    Args:
        event: ``Step``, ``SecretId`` and ``ClientRequestToken``, as Secrets Manager sends them; or the action.
        context: tells how much time is left.

    Returns:
        The answer: ``action`` and ``outcome``.

    Raises:
        RotationError: the only kind of error that leaves, with a fixed text; Secrets Manager counts it as a failure.
    """
    with only_own_errors(webhook=os.environ.get("WEBHOOK", "")) as progress:
        settings = WebhookSettings.of(os.environ)
        request = read_webhook_event(event, secret_arn=settings.secret_arn)
        return serve(progress, request, do=lambda: WebhookRotator(_change(settings, context)).run(request))


def make_secret() -> SigningSecret:
    """A new random secret."""
    return SigningSecret(secrets.token_urlsafe(SECRET_BYTES))


def _change(settings: WebhookSettings, context: LambdaContext) -> SecretChange:
    client = secrets_manager()
    return SecretChange(
        settings=settings,
        secret=StoredSecret(settings.secret_arn, client),
        role_key=StoredSecret(settings.key_secret_arn, client),
        klaviyo=KlaviyoWebhooks(
            url=settings.klaviyo_url,
            revision=settings.klaviyo_revision,
            transport=send,
            sleep=time.sleep,
            time_left=lambda: seconds_left(context),
        ),
        make_secret=make_secret,
        clock=now,
        sleep=time.sleep,
    )
