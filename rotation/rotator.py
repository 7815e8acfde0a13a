"""The rotator's entry: Secrets Manager calls `handler` once for each step of a rotation of its role's key."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, Protocol

import boto3
from botocore.config import Config

from klaviyo_access.keys.labels import AwsLabel
from klaviyo_access.klaviyo.probes import Prober, send
from rotation.errors import DeadEndError, EventRefusedError, RotationError, RotatorFailedError
from rotation.events import Step, StepRequest, read_event
from rotation.healing import heal
from rotation.log import Report, log_failure, log_report
from rotation.promotion import create_secret, finish_secret, set_secret, test_secret
from rotation.role_keys import RoleKeys
from rotation.settings import Settings
from rotation.store import SecretsManagerClient, StoredSecret

SECONDS_FOR_LABELS: Final = 15.0
"""Kept back from the function's time when Klaviyo is waited for: the labels still have to be written."""

_STEPS: Final[Mapping[Step, Callable[[RoleKeys, str], Report]]] = {
    Step.CREATE: create_secret,
    Step.SET: set_secret,
    Step.TEST: test_secret,
    Step.FINISH: finish_secret,
}


class LambdaContext(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int: ...


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
        _require_under_way(keys, request.token)
        heal(keys)
        try:
            return _STEPS[request.step](keys, request.token)
        except DeadEndError:
            keys.abandon(request.token)
            raise


def handler(event: object, context: LambdaContext) -> None:
    """Run one step of a rotation.

    Args:
        event: ``Step``, ``SecretId`` and ``ClientRequestToken``, as Secrets Manager sends them.
        context: tells how much time is left.

    Raises:
        RotationError: the only kind of error that leaves, with a fixed text; Secrets Manager counts it as a failure.
    """
    role, action = os.environ.get("ROLE", ""), "read event"
    try:
        settings = Settings.of(os.environ)
        request = read_event(event, key_secret_arn=settings.key_secret_arn)
        action = request.step.value
        report = Rotator(settings, _secrets_manager(), _prober(settings, context), _now).run(request)
    except RotationError as error:
        log_failure(error, role=role, action=action)
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its text could hold a value
        failed = RotatorFailedError(action, type(error).__name__)
        log_failure(failed, role=role, action=action)
        raise failed from None
    log_report(report, role=role, action=action, token=request.token)


def _require_under_way(keys: RoleKeys, token: str) -> None:
    """Refuse a token that names no version of a rotation under way, or of one just finished."""
    if not keys.key.rotates():
        raise EventRefusedError("Rotation of this secret is switched off: switch it on before its steps are run.")
    version = keys.key.labels().version(token)
    if version is None or not (version.has(AwsLabel.PENDING) or version.has(AwsLabel.CURRENT)):
        raise EventRefusedError("The ClientRequestToken names no version that is pending or current.")


@cache
def _secrets_manager() -> SecretsManagerClient:
    config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 4, "mode": "standard"})
    client: SecretsManagerClient = boto3.client("secretsmanager", config=config)
    return client


def _prober(settings: Settings, context: LambdaContext) -> Prober:
    return Prober(
        url=settings.klaviyo_url,
        revision=settings.klaviyo_revision,
        transport=send,
        sleep=time.sleep,
        time_left=lambda: context.get_remaining_time_in_millis() / 1000 - SECONDS_FOR_LABELS,
    )


def _now() -> datetime:
    return datetime.now(UTC)
