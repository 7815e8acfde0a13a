"""``keys stage``: the operator's half of a rotation. A key made in Klaviyo's dashboard becomes a role's spare."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Final

import typer
from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.access_model.dashboard import dashboard_steps
from klaviyo_access.cli.clock import utc_now
from klaviyo_access.cli.console import messages, note, results
from klaviyo_access.cli.errors import CommandError, StoppedError, UsageError
from klaviyo_access.cli.identity import become_operator, open_session
from klaviyo_access.cli.keys.census import Census, places_of, take_census
from klaviyo_access.cli.keys.input import prompt_for_key, read_lines
from klaviyo_access.cli.keys.proof import check_known, prove
from klaviyo_access.cli.options import EveryRole, Project, Stack
from klaviyo_access.cli.scopes import print_ticks
from klaviyo_access.cli.secrets_manager import Secrets
from klaviyo_access.cli.workspace import Workspace, open_workspace
from klaviyo_access.keys.labels import LABEL_LIMIT, SecretLabels, Spare
from klaviyo_access.keys.secret import Key

MOST_LABELS: Final = 12
"""Labels on a reserve at which no more is staged: the rest of AWS's 20 is for the rotator's verdicts."""

TOMBSTONE: Final = json.dumps({"tombstone": True})
"""A reserve's first value, since AWS makes the first value of a secret current whatever labels are asked for."""

_UNTIL_ROTATED: Final = "Nothing that services read changes before 'keys rotate'."

GivenAlready = Annotated[
    bool, typer.Option("--yes", "-y", help="As with the other commands; here the key that you give is the yes.")
]


def check_not_taken(key: Key, census: Census) -> None:
    """Refuse a key that some role has already.

    Raises:
        CommandError: the fingerprint is taken; the message says where.
    """
    if place := census.places.get(key.fingerprint):
        raise CommandError(
            f"Every role has keys of its own; {key.fingerprint} is staged or used in {place} already.",
            cure="Create a new private key in Klaviyo's dashboard and stage that one.",
        )


def check_room(role: str, reserve: SecretLabels, *, stack: str, more: int = 1) -> None:
    """Refuse to stage ``more`` keys on a reserve that has no room for all of them.

    Raises:
        CommandError: the reserve would have more than 12 labels, its tombstone's among them.
    """
    used = LABEL_LIMIT - reserve.free
    if used + (reserve.current is None) + more > MOST_LABELS:
        raise CommandError(
            f"A reserve takes spares up to {MOST_LABELS} labels, since AWS allows {LABEL_LIMIT} and verdicts need "
            f"some; the reserve of {role!r} has {used}, and {more} more {'is' if more == 1 else 'are'} to be staged.",
            cure=f"Use spares up first (klaviyo-access keys rotate {role} --stack {stack}); "
            f"'klaviyo-access keys status --stack {stack}' lists what was rejected and is in the way.",
        )


def time_after(reserve: SecretLabels, now: datetime) -> datetime:
    """The time of a new spare: now, or a second after the newest; labels tell seconds, and the oldest is used first."""
    soon = now + timedelta(minutes=5)  # a label further ahead was put by hand: nothing is ordered by it
    newest = max((spare.time for _, spare in reserve.spares if spare.time < soon), default=None)
    return now if newest is None or newest < now.replace(microsecond=0) else newest + timedelta(seconds=1)


@dataclass(kw_only=True)
class Staging:
    """One run of the command: what is known, which role got which fingerprint so far, and which is to get one yet."""

    workspace: Workspace
    secrets: Secrets
    census: Census
    probe: bool
    clock: Callable[[], datetime] = utc_now
    done: list[tuple[str, str]] = field(default_factory=list)
    todo: list[tuple[str, str]] = field(default_factory=list)

    @property
    def so_far(self) -> str:
        """What was staged, and what of the announced was not."""
        left = [pair for pair in self.todo if pair not in self.done]
        return f"Staged before: {_named(self.done)}." + (f" Not staged: {_named(left)}." if left else "")

    def check_room(self, role: RoleAccess) -> None:
        """Refuse before a key is made for ``role`` that its reserve could not take: Klaviyo shows a key once.

        Raises:
            CommandError: its reserve is full.
        """
        check_room(role.name, self.secrets.of_role(role.name).reserve.labels, stack=self.workspace.environment.name)

    def announce(self, lines: list[tuple[RoleAccess, Key]]) -> list[tuple[RoleAccess, Key]]:
        """Check all lines before the first is staged, and say what will be; what is a spare of its role is left out.

        Raises:
            CommandError: what stands against a key, or a reserve has no room for all of its role's.
        """
        reserves = {role.name: self.secrets.of_role(role.name).reserve.labels for role, _ in lines}
        spares = {name: {spare.fingerprint for _, spare in reserve.spares} for name, reserve in reserves.items()}
        fresh = [(role, key) for role, key in lines if key.fingerprint not in spares[role.name]]
        for name, more in Counter(role.name for role, _ in fresh).items():
            check_room(name, reserves[name], stack=self.workspace.environment.name, more=more)
        for role, key in fresh:
            self.check(role, key)
        if there := [(role.name, key.fingerprint) for role, key in lines if (role, key) not in fresh]:
            note(f"Staged already, and left as they are: {_named(there)}.")
        self.todo = [(role.name, key.fingerprint) for role, key in fresh]
        if fresh:
            note(f"To stage: {', '.join(f'{mark} for {name}' for name, mark in self.todo)}. {_UNTIL_ROTATED}")
        return fresh

    def check(self, role: RoleAccess, key: Key) -> None:
        """Refuse a key that some role has, or that Klaviyo has something against.

        Raises:
            CommandError: what stands against the key.
        """
        check_not_taken(key, self.census)
        if self.probe:
            prove(key, role, self.workspace.environment)
        else:
            check_known(key, role, self.workspace.environment)

    def stage(self, role: RoleAccess, key: Key) -> None:
        """Make ``key`` a spare of ``role``; the checks of the label and of the fingerprint come first."""
        now = self.secrets.of_role(role.name)
        reserve = now.reserve.labels
        self.census.places.update(places_of(self.workspace.environment.name, [now]))
        check_not_taken(key, self.census)
        check_room(role.name, reserve, stack=self.workspace.environment.name)
        if reserve.current is None:
            self.secrets.put_on_reserve(role.name, TOMBSTONE)
        spare = Spare(time_after(reserve, self.clock()), key.fingerprint)
        self.secrets.put_on_reserve(role.name, json.dumps({"apiKey": key.reveal()}), label=str(spare))
        self.census.places[key.fingerprint] = f"role {role.name!r} of {self.workspace.environment.name}"
        self.done.append((role.name, key.fingerprint))
        results().print(f"Staged {key.fingerprint} for {role.name}; spares waiting: {len(reserve.spares) + 1}.")


def stage(
    role: Annotated[
        str | None, typer.Argument(metavar="ROLE", help="The role to stage a key for.", show_default=False)
    ] = None,
    stack: Stack = None,
    project: Project = None,
    *,
    everyone: EveryRole = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Ask Klaviyo for each scope of the role before the key is staged.")
    ] = False,
    yes: GivenAlready = False,  # noqa: ARG001 - the key is the answer; taken as by every command that changes something
) -> None:
    """Stage a key that you made in Klaviyo's dashboard: it becomes a spare that the next rotation takes into use.

    The key is asked for at a hidden prompt, or read from standard input: one key a line, and with --all 'ROLE KEY' a
    line. It is never an argument. The command says what it does with a key before it takes it; to give one is to agree,
    and Enter at the prompt skips. --all walks through the roles and shows for each which scopes to tick. Nothing that
    services read changes before 'keys rotate'. Refused are keys of another form or another Klaviyo account, keys that
    Klaviyo does not know or that a role in reach has already, and more than a reserve can hold.

    Example: klaviyo-access keys stage viewer --stack dev
    """
    if everyone == (role is not None):
        raise UsageError(
            "A key is staged for one role, or for every role in turn; "
            + ("both were asked for." if everyone else "neither was asked for."),
            cure="Name one role, or give --all.",
        )
    workspace = open_workspace(project, stack)
    chosen = workspace.role(role) if role else None
    lines = None if sys.stdin.isatty() else read_lines(sys.stdin, chosen, workspace.roles)
    staging = _prepare(workspace, probe=probe)
    try:
        if lines is None:
            note(f"What you give at a prompt becomes a spare of the role. {_UNTIL_ROTATED} Enter skips a role.")
            _walk(staging, [chosen] if chosen else list(workspace.roles.values()))
        else:
            for one, key in staging.announce(lines):
                staging.stage(one, key)
    except KeyboardInterrupt:
        raise StoppedError(
            f"Stopped. {staging.so_far}",
            cure=f"'{workspace.command('keys status')}' shows what is staged; run the command again for the rest.",
        ) from None
    except (CommandError, BotoCoreError, ClientError):
        if staging.done or staging.todo:
            note(f"{staging.so_far} Given again, what is staged already is left as it is.")
        raise
    _say_what_is_next(staging)


def _prepare(workspace: Workspace, *, probe: bool) -> Staging:
    session = open_session(workspace.environment)
    secrets = Secrets(become_operator(session, workspace.environment), workspace.environment)
    census = take_census(workspace, session, secrets)
    if census.unseen:
        note(f"Not looked at for the same key: {', '.join(census.unseen)} (elsewhere, not deployed, or not allowed).")
    return Staging(workspace=workspace, secrets=secrets, census=census, probe=probe)


def _walk(staging: Staging, roles: list[RoleAccess]) -> None:
    """Ask for a key of each role; one that is refused keeps no later role from its turn, and is told again at the end.

    Raises:
        CommandError: some role's key was refused, or could not be asked for.
    """
    refused = {}
    for role in roles:
        try:
            staging.check_room(role)
            page = dashboard_steps(role)
            note(f'\nIn Klaviyo\'s dashboard create the key "{page.key_name}" with exactly these:')
            print_ticks(page, messages())
            if key := prompt_for_key(role.name, partial(staging.check, role)):
                staging.stage(role, key)
        except CommandError as error:
            if len(roles) == 1:
                raise
            note(f"\nNo key is taken for {role.name}: {error.cause} {error.cure}")
            refused[role.name] = error
    if refused:
        raise CommandError(
            f"Not every role could take a key; skipped: {', '.join(refused)}, as said above.",
            cure=f"Do what is said there, then: {staging.workspace.command(f'keys stage {next(iter(refused))}')}.",
        )


def _say_what_is_next(staging: Staging) -> None:
    if not staging.done:
        note("Nothing was staged.")
        return
    roles = " ".join(dict.fromkeys(name for name, _ in staging.done))
    note(f"Next: {staging.workspace.command(f'keys rotate {roles}')}")


def _named(pairs: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({fingerprint})" for name, fingerprint in pairs) or "nothing"
