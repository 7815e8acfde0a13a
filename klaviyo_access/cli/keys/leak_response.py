"""What is done about a leaked key: marked wherever it is, rotated away where services use it, then disabled."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from klaviyo_access.cli.console import note, results
from klaviyo_access.cli.errors import CommandError, ExitCode, StoppedError
from klaviyo_access.cli.keys.disposal import Disposal, Doomed, by_hand, live_in
from klaviyo_access.cli.keys.leaks import Leak, Place, names
from klaviyo_access.cli.keys.rotations import Outcome, Rotations, is_under_way
from klaviyo_access.cli.keys.rotators import Where
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.cli.times import in_utc
from klaviyo_access.cli.troubles import Troubles
from klaviyo_access.keys.labels import SecretLabels

_SECONDS_TO_ROTATE: Final = 300.0


class LeakResponse:
    """Ends a leaked key. What fails in one role keeps no other from its turn.

    Args:
        work: the environment, its secrets and its rotators.
        leak: what is known of the key.
        seconds: how long Klaviyo is asked until it refuses the key.
    """

    def __init__(self, work: Operations, leak: Leak, *, seconds: float) -> None:
        self._work = work
        self._leak = leak
        self._seconds = seconds
        self._troubles = Troubles()
        self._marked: list[str] = []

    def carry_out(self, places: Iterable[Place]) -> None:
        """Mark the key in every place before anything else is done: a rotation could take it into use meanwhile.

        Raises:
            CommandError: what went wrong, of all roles.
        """
        for place in places:
            with self._troubles.kept():
                self._mark(place)
        with self._troubles.kept():
            self._rotate_away()
        with self._troubles.kept():
            self._dispose()
        self._troubles.end()

    def _mark(self, place: Place) -> None:
        if place.is_live and is_under_way(place.secrets):
            with self._troubles.kept():  # before the mark, which is a change: a dead rotation is one without changes
                self._work.rotators.unstick(place.secrets)
        answer = self._work.rotators.mark_leaked(place.secrets, self._leak.fingerprint)
        if answer.outcome != "marked":
            note(f"{place.role}: has not {self._leak.fingerprint}.")  # its key had no label, and is another one
            return
        self._leak = replace(self._leak, ends_with=self._leak.ends_with or answer.ends_with)
        results().print(f"{place.role}: {self._leak.fingerprint} is marked as leaked.")
        self._marked.append(place.role)

    def _rotate_away(self) -> None:
        ready = []
        for secrets in self._work.secrets.of_roles(self._marked):
            with self._troubles.kept():
                if self._is_to_rotate(secrets):
                    ready.append(secrets.role)
        self._rotate(ready)

    def _is_to_rotate(self, secrets: RoleSecrets) -> bool:
        """Whether services use the key, and a rotation can start.

        Raises:
            CommandError: services use it, and none can.
        """
        role, until = secrets.role, None
        if is_under_way(secrets):
            until = self._work.rotators.unstick(secrets).until
            secrets = self._work.secrets.of_role(role)
        if self._leak.fingerprint not in secrets.key.labels.live_fingerprints:
            return False
        if is_under_way(secrets):
            raise self._blocked(role, until)
        if not secrets.reserve.labels.spares:
            raise self._outage(role)
        return True

    def _rotate(self, roles: list[str]) -> None:
        rotations = Rotations(self._work.secrets)
        try:
            rotations.start(roles)
            rotations.watch(seconds=_SECONDS_TO_ROTATE, ended=lambda _: None)
        except KeyboardInterrupt:
            raise StoppedError(
                f"Stopped watching the rotation of {', '.join(roles)}, which goes on. The leaked key is marked and not "
                "disabled yet.",
                cure="Run the same command again.",
            ) from None
        rotations.leave("running", "the rotation has not ended yet.", exit_code=ExitCode.FAILED)
        for outcome in rotations.outcomes:
            if outcome.result == "rotated":
                results().print(f"{outcome.role}: rotated: {outcome.detail}", markup=False, soft_wrap=True)
                continue
            with self._troubles.kept():
                raise self._still_used(outcome)

    def _dispose(self) -> None:
        """Have it disabled, unless it is known already why services use it still."""
        secrets = self._work.secrets
        users = live_in(self._leak.fingerprint, secrets.of_roles(self._work.workspace.roles))
        if self._troubles and users:
            note(f"{self._leak.fingerprint} is not disabled yet, since {', '.join(users)} has it in use.")
            return
        marked = secrets.of_roles(self._marked)
        doomed = [key for role in marked for key in _doomed(role, self._leak.fingerprint)]
        Disposal(self._work, seconds=self._seconds).end(doomed)

    def _still_used(self, outcome: Outcome) -> CommandError:
        return CommandError(
            f"Services of {outcome.role} still use the leaked key, since it could not be rotated away: "
            f"{outcome.detail}",
            cure=f"Stage a good key ({self._work.command(f'keys stage {outcome.role}')}) and run the same command "
            "again.",
        )

    def _blocked(self, role: str, until: datetime | None) -> CommandError:
        later = f", or after {in_utc(until)}, when a dead one can be ended" if until else ""
        return CommandError(
            f"Services of {role} still use the leaked key: a rotation is under way, or died, and no other can start.",
            cure=f"Run the same command again when that rotation has ended{later}; it goes on from here. "
            f"'{self._work.command('keys status')}' shows where the rotation stands.",
        )

    def _outage(self, role: str) -> CommandError:
        leak, command = self._leak, self._work.command
        return CommandError(
            f"{leak.fingerprint} is in use and alive until you disable it. {role} has no other key.",
            cure=f"{by_hand(self._work.workspace.role(role), leak.fingerprint, leak.ends_with)} Then stage a new key "
            f"and take it into use: {command(f'keys stage {role}')}; {command(f'keys rotate {role}')}.",
        )


def _doomed(secrets: RoleSecrets, fingerprint: str) -> list[Doomed]:
    """The versions of both secrets that hold the key, which is in use no more."""
    both: tuple[tuple[Where, SecretLabels], ...] = (("key", secrets.key.labels), ("reserve", secrets.reserve.labels))
    return [
        Doomed(role=secrets.role, where=where, version=version.id, fingerprint=fingerprint)
        for where, labels in both
        for version in labels
        if names(version, fingerprint)
    ]
