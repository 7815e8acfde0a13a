"""The entry of a role's rotator: Secrets Manager calls `handler` for each step of a rotation; operators, the auditor
and a static rule for an action."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from klaviyo_access.klaviyo.probes import Prober
from klaviyo_access.klaviyo.transport import send
from rotation.actions.adoption import adopt
from rotation.actions.death import discard, prove_dead
from rotation.actions.disabling import begin_disable, retire
from rotation.actions.fall_back import canary, first_canary, roll_back
from rotation.actions.healing import heal
from rotation.actions.leak import mark_leaked
from rotation.actions.promotion import create_secret, finish_secret, set_secret, test_secret
from rotation.actions.wedge import unstick
from rotation.canary_findings import tell_at_once
from rotation.errors import DeadEndError
from rotation.events import (
    ActionRequest,
    Adopt,
    BeginDisable,
    Canary,
    Discard,
    FirstCanary,
    Leak,
    ProveDead,
    Retire,
    RollBack,
    Step,
    StepRequest,
    Unstick,
    read_event,
)
from rotation.keys.role_keys import RoleKeys
from rotation.report import Report
from rotation.runtime.entry import LambdaContext, now, only_own_errors, secrets_manager
from rotation.serving import seconds_left, serve, take_step
from rotation.settings import Settings
from rotation.store import SecretsManagerClient, StoredSecret

_STEPS: Final[Mapping[Step, Callable[[RoleKeys, str], Report]]] = {
    Step.CREATE: create_secret,
    Step.SET: set_secret,
    Step.TEST: test_secret,
    Step.FINISH: finish_secret,
}


_ACTIONS: Final[Mapping[type[ActionRequest], Callable[[RoleKeys, Any], Report]]] = {
    Canary: canary,
    FirstCanary: first_canary,
    RollBack: roll_back,
    BeginDisable: begin_disable,
    Retire: retire,
    ProveDead: prove_dead,
    Discard: discard,
    Leak: mark_leaked,
    Unstick: unstick,
    Adopt: adopt,
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

    def run(self, request: StepRequest | ActionRequest) -> Report:
        """Take one step or do one action; doing it again changes nothing more.

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
        if isinstance(request, StepRequest):
            return take_step(keys.key, request.token, lambda: _step(keys, request), hopeless=(DeadEndError,))
        return _act(keys, request)


def handler(event: object, context: LambdaContext) -> dict[str, object]:
    """Take one step of a rotation, or do one action.

    Args:
        event: as `rotation.events` says.
        context: tells how much time is left.

    Returns:
        The answer: ``action``, ``outcome`` and what `rotation.report.Report` says beside them.

    Raises:
        RotationError: the only kind of error that leaves, with a fixed text; Secrets Manager counts it as a failure.
    """
    with only_own_errors(role=os.environ.get("ROLE", "")) as progress:
        settings = Settings.of(os.environ)
        request = read_event(event, key_secret_arn=settings.key_secret_arn)
        answer = serve(progress, request, do=lambda: _rotator(settings, context).run(request))
        if isinstance(request, Canary | FirstCanary):
            tell_at_once(os.environ.get("ENVIRONMENT", ""), settings.role, answer, now())
        return answer


def _step(keys: RoleKeys, request: StepRequest) -> Report:
    heal(keys)
    return _STEPS[request.step](keys, request.token)


def _act(keys: RoleKeys, request: ActionRequest) -> Report:
    if not isinstance(request, Unstick):  # which heals once it has looked at the clock
        heal(keys)
    return _ACTIONS[type(request)](keys, request)


def _rotator(settings: Settings, context: LambdaContext) -> Rotator:
    klaviyo = Prober(
        url=settings.klaviyo_url,
        revision=settings.klaviyo_revision,
        transport=send,
        sleep=time.sleep,
        time_left=lambda: seconds_left(context),
    )
    return Rotator(settings, secrets_manager(), klaviyo, now)
