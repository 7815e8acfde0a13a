"""The rotator's entry: Secrets Manager calls `handler` once for each step of a rotation of its role's key."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from klaviyo_access.klaviyo.probes import Prober, send
from rotation.entry import LambdaContext, now, only_own_errors, require_under_way, seconds_left, secrets_manager
from rotation.errors import DeadEndError
from rotation.events import Step, StepRequest, read_step
from rotation.healing import heal
from rotation.log import log_report
from rotation.promotion import create_secret, finish_secret, set_secret, test_secret
from rotation.report import Report
from rotation.role_keys import RoleKeys
from rotation.settings import Settings
from rotation.store import SecretsManagerClient, StoredSecret

_STEPS: Final[Mapping[Step, Callable[[RoleKeys, str], Report]]] = {
    Step.CREATE: create_secret,
    Step.SET: set_secret,
    Step.TEST: test_secret,
    Step.FINISH: finish_secret,
}


@dataclass(frozen=True)
class Rotator:
    """The rotator of one role.

    Args:
        settings: what the deployment says.
        secrets: a Secrets Manager client.
        klaviyo: asks Klaviyo about keys.
        clock: the time now, with its zone.
    """

    settings: Settings
    secrets: SecretsManagerClient
    klaviyo: Prober
    clock: Callable[[], datetime]

    def run(self, request: StepRequest) -> Report:
        """Do one step; doing it again changes nothing more.

        Raises:
            RotationError: what stood against it; see `rotation.errors`.
        """
        keys = RoleKeys(
            settings=self.settings,
            key=StoredSecret(self.settings.key_secret_arn, self.secrets),
            reserve=StoredSecret(self.settings.reserve_secret_arn, self.secrets),
            klaviyo=self.klaviyo,
            clock=self.clock,
        )
        require_under_way(keys.key, request.token)
        heal(keys)
        try:
            return _STEPS[request.step](keys, request.token)
        except DeadEndError:
            keys.key.abandon(request.token)
            raise


def handler(event: object, context: LambdaContext) -> None:
    """Run one step of a rotation.

    Args:
        event: ``Step``, ``SecretId`` and ``ClientRequestToken``, as Secrets Manager sends them.
        context: tells how much time is left.

    Raises:
        RotationError: the only kind of error that leaves, with a fixed text; Secrets Manager counts it as a failure.
    """
    role = os.environ.get("ROLE", "")
    with only_own_errors(role=role) as progress:
        settings = Settings.of(os.environ)
        request = read_step(event, key_secret_arn=settings.key_secret_arn)
        progress.action = request.step.value
        report = Rotator(settings, secrets_manager(), _prober(settings, context), now).run(request)
        log_report(report, role=role, action=progress.action, version=request.token)


def _prober(settings: Settings, context: LambdaContext) -> Prober:
    return Prober(
        url=settings.klaviyo_url,
        revision=settings.klaviyo_revision,
        transport=send,
        sleep=time.sleep,
        time_left=lambda: seconds_left(context),
    )
