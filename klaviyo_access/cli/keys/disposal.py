"""The end of a key: marked by its rotator, disabled by the auditor or by a person, and proved dead."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.access_model.dashboard import KEYS_PAGE, dashboard_steps
from klaviyo_access.cli.clock import utc_now
from klaviyo_access.cli.console import note, results
from klaviyo_access.cli.errors import CommandError, ExitCode, StoppedError
from klaviyo_access.cli.keys.auditor import Auditor
from klaviyo_access.cli.keys.rotators import Answer, Where
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.cli.times import in_utc
from klaviyo_access.cli.troubles import Troubles
from klaviyo_access.keys.labels import REFUSED, SecretLabels

_PAUSE_SECONDS: Final = 5.0
_NO_KEY: Final = frozenset({"malformed", "undecryptable"})
"""Why no key can be read in what was staged."""

Timeout = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0,
        help="How long to wait for an auditor that is busy, and until Klaviyo refuses the key.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Doomed:
    """A key that is to be disabled: a version of one of a role's secrets.

    Attributes:
        role: whose key it is.
        where: which of the role's secrets.
        version: the version's id.
        fingerprint: the key's.
        waits_since: when it was staged, where it still waits as a spare.
    """

    role: str
    where: Where
    version: str
    fingerprint: str
    waits_since: datetime | None = None


class Disposal:
    """Ends keys.

    Args:
        work: the environment, its secrets and its rotators.
        seconds: how long Klaviyo is asked until it refuses the key.
        pause: waits between two questions; the argument is seconds.
        clock: the time in UTC.
    """

    def __init__(
        self,
        work: Operations,
        *,
        seconds: float,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._work = work
        self._seconds = seconds
        self._pause = pause
        self._clock = clock

    def end(self, keys: Sequence[Doomed]) -> None:
        """Let keys be disabled now, and see them dead. One key may be in several places, and fit Klaviyo's list in one.

        Raises:
            CommandError: one is in use somewhere or might be, or is not proved dead when the time is over.
        """
        troubles, marked = Troubles(), dict[Doomed, Answer]()
        every = self._work.secrets.of_roles(self._work.workspace.roles)
        self._refuse_unnamed(every)
        for key in keys:
            with troubles.kept():
                self._refuse_live(key, every)
                marked[key] = self._begin(key)
        try:
            with troubles.kept():
                self._see_dead(marked, troubles)
        except KeyboardInterrupt:
            raise self._not_yet(marked, StoppedError) from None
        troubles.end()

    def _refuse_unnamed(self, roles: Iterable[RoleSecrets]) -> None:
        unnamed = [role.role for role in roles if role.key.labels.current and not role.key.labels.current.holds_key]
        if unnamed:
            raise CommandError(
                f"The current key of {', '.join(unnamed)} has no label: somebody put it by hand, and it may be any. "
                "Nothing is disabled that might be in use.",
                cure=f"Name it first: {'; '.join(self._work.command(f'keys adopt {role}') for role in unnamed)}. Then "
                "run this again.",
            )

    def _refuse_live(self, key: Doomed, roles: Iterable[RoleSecrets]) -> None:
        if places := live_in(key.fingerprint, roles):
            raise CommandError(
                f"A key that services use is never disabled; {key.fingerprint} is in use in {', '.join(places)}.",
                cure=f"Rotate first: {self._work.command(f'keys rotate {places[0]}')}.",
            )

    def _see_dead(self, marked: Mapping[Doomed, Answer], troubles: Troubles) -> None:
        waited_for = [key for key, answer in marked.items() if answer.ends_with or not self._is_let_go(key)]
        if not waited_for:
            return
        auditor = Auditor(self._work.session, self._work.workspace.environment, pause=self._pause, clock=self._clock)
        audited = auditor.audit([key.role for key in waited_for], seconds=self._seconds)
        if waited_for := self._alive(waited_for, troubles):
            if audited:
                note("The auditor did not disable it; its log says why.")
            for key in {key.fingerprint: key for key in waited_for}.values():
                note(by_hand(self._work.workspace.role(key.role), key.fingerprint, marked[key].ends_with))
            self._wait(waited_for, troubles)

    def _is_let_go(self, key: Doomed) -> bool:
        if not self._discard(key):
            return False
        results().print(f"{key.role}: no key can be read in what was staged as {key.fingerprint}; it is let go.")
        return True

    def _alive(self, keys: Iterable[Doomed], troubles: Troubles) -> list[Doomed]:
        """Those that Klaviyo accepts still, or is silent about; of the others it is said what they are."""
        alive = []
        for key in keys:
            with troubles.kept():
                if self._is_dead(key):
                    results().print(f"{key.role}: {key.fingerprint} is disabled, and Klaviyo refuses it.")
                else:
                    alive.append(key)
        return alive

    def _discard(self, key: Doomed) -> bool:
        """Whether no key can be read in what was staged, so that nothing dies, and it was let go."""
        secrets = self._work.secrets.of_role(key.role)
        asked = self._work.rotators.prove_dead(secrets, key.where, key.version)
        if key.where == "key" or asked.outcome != "no answer" or asked.reason not in _NO_KEY:
            return False
        return self._work.rotators.discard(secrets, key.version).outcome == "discarded"

    def _begin(self, key: Doomed) -> Answer:
        secrets = self._work.secrets.of_role(key.role)
        rotators = self._work.rotators
        if key.where == "key":
            answer = rotators.retire(secrets, key.version)
        else:
            answer = rotators.begin_disable(secrets, key.where, key.version)
        if answer.outcome == "disabling":
            return answer
        until = f" before {in_utc(answer.until)}" if answer.until else ""
        raise CommandError(
            f"The rotator of {key.role} does not let {key.fingerprint} be disabled{until}: {answer.outcome}.",
            cure=f"'{self._work.command('keys status')}' shows what the key is in use for.",
        )

    def _wait(self, keys: Sequence[Doomed], troubles: Troubles) -> None:
        deadline = self._clock() + timedelta(seconds=self._seconds)
        while self._clock() < deadline:
            self._pause(_PAUSE_SECONDS)
            keys = self._alive(keys, troubles)
            if not keys:
                return
        raise self._not_yet(keys, CommandError)

    def _is_dead(self, key: Doomed) -> bool:
        """Whether its labels are gone, or the rotator finds that Klaviyo refuses it; silence and a full desk say no."""
        secrets = self._work.secrets.of_role(key.role)
        if not _names(secrets, key):
            return True
        try:
            answer = self._work.rotators.prove_dead(secrets, key.where, key.version)
        except CommandError as error:
            if error.exit_code is ExitCode.UNREACHABLE:
                return False
            raise
        if answer.outcome == "no answer" and answer.reason == REFUSED:
            raise self._unproved(key)
        return answer.outcome == "dead"

    def _unproved(self, key: Doomed) -> CommandError:
        return CommandError(
            f"Klaviyo answers 401 to {key.fingerprint}, and knows no other key of {key.role}: so nothing tells whether "
            "it is dead, or whether Klaviyo refuses everybody just now. It stays marked, and nothing uses it.",
            cure=f"Stage another key, '{self._work.command(f'keys stage {key.role}')}', if {key.role} has none that "
            "works. The same command again, or the daily audit, then sees this one dead.",
        )

    def _not_yet(self, keys: Iterable[Doomed], kind: type[CommandError]) -> CommandError:
        named = ", ".join(f"{key.fingerprint} of {key.role}" for key in keys)
        return kind(
            f"Klaviyo still accepts {named}, or gave no answer; it is marked as being disabled.",
            cure="Disable it as said above. The same command again, or the daily audit, then sees it dead.",
        )


def live_in(fingerprint: str, roles: Iterable[RoleSecrets]) -> list[str]:
    """The roles whose current or pending key has this fingerprint."""
    return [secrets.role for secrets in roles if fingerprint in secrets.key.labels.live_fingerprints]


def by_hand(role: RoleAccess, fingerprint: str, ends_with: str) -> str:
    """How a person disables a key in Klaviyo's dashboard."""
    ending = f"ends in {ends_with}" if ends_with else f"has [{fingerprint}] in its name"
    return (
        f"In the Klaviyo account of {role.environment} open {KEYS_PAGE} and disable the one key that {ending}; it was "
        f'made as "{dashboard_steps(role).key_name}". Where two are alike, compare the dates of creation with '
        "'keys status', and disable none that you are not sure of: disabling is at once, and can be undone there."
    )


def _names(secrets: RoleSecrets, key: Doomed) -> bool:
    labels: SecretLabels = secrets.key.labels if key.where == "key" else secrets.reserve.labels
    version = labels.version(key.version)
    return version is not None and bool(version.ours)
