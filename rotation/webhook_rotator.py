"""The webhook rotator's entry: Secrets Manager calls `handler` once for each step of a webhook's secret's rotation."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from klaviyo_access.klaviyo.probes import send
from klaviyo_access.webhooks.secret import SigningSecret
from rotation.entry import LambdaContext, now, only_own_errors, seconds_left, secrets_manager, take_step
from rotation.errors import DeadEndError, KlaviyoSilentError
from rotation.events import Step, StepRequest, read_step
from rotation.log import log_report
from rotation.report import Report
from rotation.store import StoredSecret
from rotation.webhook_change import SecretChange, create_secret, finish_secret, set_secret, test_secret
from rotation.webhook_klaviyo import KlaviyoWebhooks
from rotation.webhook_settings import WebhookSettings

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

    def run(self, request: StepRequest) -> Report:
        """Do one step; doing it again changes nothing more.

        Raises:
            RotationError: what stood against it; see `rotation.errors`.
        """
        # Klaviyo may have taken it without saying so: its label OFFERED keeps the version readable all the same.
        return take_step(
            self.change.secret,
            request.token,
            lambda: _STEPS[request.step](self.change, request.token),
            hopeless=(DeadEndError, KlaviyoSilentError),
        )


def handler(event: object, context: LambdaContext) -> None:
    """Run one step of a rotation.

    Args:
        event: ``Step``, ``SecretId`` and ``ClientRequestToken``, as Secrets Manager sends them.
        context: tells how much time is left.

    Raises:
        RotationError: the only kind of error that leaves, with a fixed text; Secrets Manager counts it as a failure.
    """
    webhook = os.environ.get("WEBHOOK", "")
    with only_own_errors(webhook=webhook) as progress:
        settings = WebhookSettings.of(os.environ)
        request = read_step(event, key_secret_arn=settings.secret_arn)
        progress.action = request.step.value
        report = WebhookRotator(_change(settings, context)).run(request)
        log_report(report, webhook=webhook, action=progress.action, version=request.token)


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
