"""Rotations asked for and watched: what is in their way, how far they are, and why one failed."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.cli.clock import utc_now
from klaviyo_access.cli.errors import ExitCode, explain
from klaviyo_access.cli.secrets_manager import RoleSecrets, Secrets
from klaviyo_access.keys.labels import LABEL_LIMIT, ROTATION_LABELS, AwsLabel, Rejected, SecretLabels

_LOOKS_UNTIL_GONE: Final = 3
_LOOKS_BETWEEN_TRAIL: Final = 10
_PAUSE_SECONDS: Final = 1.0

Phase = Literal["running", "rotated", "gone"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one role's rotation ended, or that it goes on.

    Attributes:
        role: the role's name.
        result: ``started`` and ``running`` are no ends: AWS goes on by itself.
        detail: the new key's fingerprint, or why there is none.
        exit_code: what this outcome alone would make of the command.
    """

    role: str
    result: Literal["rotated", "started", "running", "refused", "failed"]
    detail: str
    exit_code: ExitCode = ExitCode.FAILED


def obstacle(secrets: RoleSecrets, *, stack: str) -> str:
    """Why a rotation of the role would fail, as its labels show it; empty where nothing is in the way."""
    if not secrets.key.rotator_arn:
        return "rotation is not set up on its secret: deploy the stack."
    if is_under_way(secrets):
        return (
            "a rotation is under way, or one failed and left AWSPENDING behind: wait for it; if it stays, end it "
            f"(klaviyo-access keys unstick {secrets.role} --stack {stack}); {where_to_look(secrets.key.rotator_arn)}"
        )
    if not secrets.reserve.labels.spares:
        return f"it has no spare: stage one first (klaviyo-access keys stage {secrets.role} --stack {stack})."
    return ""


def is_under_way(secrets: RoleSecrets) -> bool:
    """Whether a rotation of the role is at work, or died and left AWSPENDING behind: no other one can start."""
    pending = secrets.key.labels.pending
    return pending is not None and not pending.has(AwsLabel.CURRENT)


def phase_of(labels: SecretLabels, version: str, *, finished: bool) -> Phase:
    """Where the rotation that makes ``version`` stands, by the labels of the key secret.

    AWS may make the first value of a secret current while it is pending still: current alone is no end.

    Args:
        labels: of the key secret, as they are now.
        version: id of the version that the rotation makes.
        finished: whether AWS has noted the end of a rotation since this one was asked for.
    """
    made = labels.version(version)
    if made is None or made.verdict:
        return "gone"
    if made.has(AwsLabel.CURRENT) and (finished or not made.has(AwsLabel.PENDING)):
        return "rotated"
    return "running" if made.has(AwsLabel.PENDING) else "gone"


def newly_rejected(before: RoleSecrets, after: RoleSecrets) -> list[Rejected]:
    """The verdicts that were passed between two looks at a role's secrets."""
    return sorted(_rejected(after) - _rejected(before), key=lambda verdict: verdict.time)


def _on_the_way(before: RoleSecrets, after: RoleSecrets) -> str:
    """The spares that a rotation used up before it found a good one; empty where there are none."""
    if not (verdicts := newly_rejected(before, after)):
        return ""
    named = ", ".join(f"{verdict.fingerprint} ({verdict.reason})" for verdict in verdicts)
    return f"; rejected on the way: {named}" + ("" if after.reserve.labels.spares else "; no spare left, stage one")


def _crowded(labels: SecretLabels) -> str:
    """Why the labels of a key secret leave no room for a rotation; empty where they do."""
    needed = ROTATION_LABELS + (labels.pending is None)
    if labels.free >= needed:
        return ""
    return (
        f"a rotation needs {needed} free labels on the key secret, and {labels.free} of AWS's {LABEL_LIMIT} are free, "
        "since every superseded key keeps two until it is proved dead: wait for their grace, or retire those that no "
        "service reads any more"
    )


def where_to_look(rotator_arn: str) -> str:
    """Where the rotator says why it failed."""
    return f"the log group /aws/lambda/{rotator_arn.rpartition(':')[2]} says why."


def _rejected(secrets: RoleSecrets) -> set[Rejected]:
    versions = (*secrets.key.labels, *secrets.reserve.labels)
    return {label for version in versions for label in version.labels if isinstance(label, Rejected)}


@dataclass(kw_only=True)
class _Rotation:
    """One rotation that was asked for; ``before`` is what the labels said then."""

    before: RoleSecrets
    version: str
    looks: int = 0
    looks_when_gone: int = 0


class Rotations:
    """Rotations of several roles at once.

    Args:
        secrets: the environment's secrets.
        pause: waits between two looks at the labels; the argument is seconds.
        clock: the time in UTC.
    """

    def __init__(
        self,
        secrets: Secrets,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._secrets = secrets
        self._pause = pause
        self._clock = clock
        # The trail's times are whole seconds.
        self._asked_at = clock().replace(microsecond=0)
        self._watched: dict[str, _Rotation] = {}
        self.outcomes: list[Outcome] = []

    @property
    def under_way(self) -> list[str]:
        """The roles whose rotation was asked for and has not ended."""
        return list(self._watched)

    def start(self, roles: Iterable[str]) -> None:
        """Ask for the rotation of each role that has nothing in its way."""
        for before in self._secrets.of_roles(roles):
            if why := obstacle(before, stack=self._secrets.stack):
                self._end(Outcome(role=before.role, result="refused", detail=why))
                continue
            try:
                version = self._secrets.rotate(before.role)
            except (ClientError, BotoCoreError) as error:
                self._end_by_error(before.role, error)
            else:
                self._watched[before.role] = _Rotation(before=before, version=version)

    def watch(self, *, seconds: float, ended: Callable[[Outcome], None]) -> None:
        """Look at the labels until every rotation ended or ``seconds`` are over; ``ended`` hears of each end."""
        deadline = self._clock() + timedelta(seconds=seconds)
        while self._watched and self._clock() < deadline:
            before = len(self.outcomes)
            for rotation in list(self._watched.values()):
                self._look(rotation)
            for outcome in self.outcomes[before:]:
                ended(outcome)
            if self._watched:
                self._pause(_PAUSE_SECONDS)

    def leave(self, result: Literal["started", "running"], detail: str, *, exit_code: ExitCode) -> None:
        """Give what is still under way an outcome that says so."""
        for role in self.under_way:
            self._end(Outcome(role=role, result=result, detail=detail, exit_code=exit_code))

    def _look(self, rotation: _Rotation) -> None:
        role = rotation.before.role
        try:
            after = self._secrets.of_role(role)
            key = after.key
            labels, finished = key.labels, key.last_rotated != rotation.before.key.last_rotated
            phase = phase_of(labels, rotation.version, finished=finished)
            rotation.looks += 1
            # AWS shows AWSPENDING a moment after it answers, so one look without it is no end.
            rotation.looks_when_gone = rotation.looks_when_gone + 1 if phase == "gone" else 0
            if phase == "rotated":
                made = labels.version(rotation.version)
                fingerprint = (made.fingerprint if made else None) or "a key without a label"
                detail = fingerprint + _on_the_way(rotation.before, after)
                self._end(Outcome(role=role, result="rotated", detail=detail, exit_code=ExitCode.FINE))
            elif rotation.looks_when_gone >= _LOOKS_UNTIL_GONE or self._trail_says_failed(rotation):
                self._end(Outcome(role=role, result="failed", detail=self._why(rotation)))
        except (ClientError, BotoCoreError) as error:
            self._end_by_error(role, error)

    def _trail_says_failed(self, rotation: _Rotation) -> bool:
        """Asked now and then only: AWS answers two such questions a second."""
        if rotation.looks % _LOOKS_BETWEEN_TRAIL:
            return False
        return self._secrets.failed_rotation(rotation.before.role, since=self._asked_at) is not None

    def _why(self, rotation: _Rotation) -> str:
        role = rotation.before.role
        after = self._secrets.of_role(role)
        if verdicts := newly_rejected(rotation.before, after):
            named = "; ".join(f"{verdict.fingerprint}: {verdict.reason}" for verdict in verdicts)
            return f"no spare was good enough ({named}): stage a better one."
        if crowded := _crowded(after.key.labels):
            return f"{crowded} (klaviyo-access keys status --stack {self._secrets.stack} names them)."
        said = self._secrets.failed_rotation(role, since=self._asked_at)
        return said or f"the rotator gave up; {where_to_look(rotation.before.key.rotator_arn)}"

    def _end_by_error(self, role: str, error: Exception) -> None:
        explanation = explain(error)
        detail = f"{explanation.cause} {explanation.cure}"
        self._end(Outcome(role=role, result="failed", detail=detail, exit_code=explanation.exit_code))

    def _end(self, outcome: Outcome) -> None:
        self._watched.pop(outcome.role, None)
        self.outcomes.append(outcome)
