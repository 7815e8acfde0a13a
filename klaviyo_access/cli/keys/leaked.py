"""``keys leaked``: a key that others may know is never used again, is disabled at once, and who read it is told."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated

import typer

from klaviyo_access.cli.clock import utc_now
from klaviyo_access.cli.consent import Yes, agree
from klaviyo_access.cli.console import note, results
from klaviyo_access.cli.errors import CommandError, StoppedError, explain
from klaviyo_access.cli.keys.census import take_census
from klaviyo_access.cli.keys.disposal import Timeout
from klaviyo_access.cli.keys.leak_response import LeakResponse
from klaviyo_access.cli.keys.leaks import Leak, Life, Place, places_of_leak
from klaviyo_access.cli.keys.readers import MOST_DAYS, Reading, readers_of, secrets_that_had
from klaviyo_access.cli.keys.retire import slow_readers
from klaviyo_access.cli.keys.rotations import is_under_way
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.options import Project, Stack
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.cli.times import in_utc


def leaked(  # noqa: PLR0913 - typer makes an option of each argument
    fingerprint: Annotated[
        str | None,
        typer.Argument(
            metavar="FINGERPRINT", help="The key's fingerprint.", show_default="asked for the key, which is not shown"
        ),
    ] = None,
    stack: Stack = None,
    project: Project = None,
    *,
    outage: Annotated[
        bool, typer.Option("--outage", help="Disable a key in use though there is no spare: its services fail.")
    ] = False,
    days: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST_DAYS, help="Tell who read the key in the last N days.")
    ] = MOST_DAYS,
    timeout: Timeout = 300,
    yes: Yes = False,
) -> None:
    """Take a leaked key out of use, whichever role has it and whatever life it is in, and tell who read it.

    The key is asked for at a hidden prompt, or read from standard input, or named by its fingerprint; it is never an
    argument, and it stays on this machine. A spare is rejected; a key in use is rotated away first. Then it is disabled
    without grace. Where services use it and no spare is there, nothing is done without --outage.

    Example: klaviyo-access keys leaked 0123456789ab --stack dev
    """
    named = None if fingerprint is None else Leak.named(fingerprint)
    work = Operations.open(project, stack)
    leak = named or Leak.asked()
    places = _find(work, leak)
    if not places:
        _tell_of_past(work, leak, days=days)
        return
    _require_spares(work, places, outage=outage)
    agree((line for place in places for line in _plan(work, leak, place)), yes=yes)
    try:
        LeakResponse(work, leak, seconds=timeout).carry_out(places)
    finally:
        _tell_readers(work, [place.secrets for place in places], days=days)


def _find(work: Operations, leak: Leak) -> list[Place]:
    """The roles that have the key, or might; none where no role in reach has it.

    Raises:
        CommandError: another environment has it.
    """
    places = places_of_leak(leak.fingerprint, work.secrets.of_roles(work.workspace.roles))
    if places and all(place.life is not Life.UNLABELLED for place in places):
        return places
    there = take_census(work.workspace, work.own_session, work.secrets).places.get(leak.fingerprint)
    if there:
        raise CommandError(
            f"No role of {work.workspace.environment.name} has {leak.fingerprint}; it is in {there}.",
            cure="Run the same command with that stack's name.",
        )
    return places


def _tell_of_past(work: Operations, leak: Leak, *, days: int) -> None:
    """A key that no role has any more needs nothing done, but who read it is wanted still.

    Raises:
        CommandError: nothing shows that a role had it.
    """
    environment = work.workspace.environment
    named = secrets_that_had(work.session, leak.fingerprint, since=utc_now() - timedelta(days=MOST_DAYS))
    had = [
        role
        for role in work.workspace.roles
        if named & {environment.secret_name(role, "key"), environment.secret_name(role, "reserve")}
    ]
    if not had:
        raise CommandError(
            f"No role in reach has {leak.fingerprint}, and CloudTrail's last {MOST_DAYS} days show none that had: it "
            "was never staged, or is dead for long.",
            cure="Disable it in the dashboard of whichever Klaviyo account it is of, if it is alive there.",
        )
    results().print(
        f"No role has {leak.fingerprint} any more, which {', '.join(had)} had: its labels went when Klaviyo refused "
        "it, or when no key could be read in what was staged. Nothing is left to do.",
        soft_wrap=True,
    )
    _tell_readers(work, work.secrets.of_roles(had), days=days)


def _require_spares(work: Operations, places: Iterable[Place], *, outage: bool) -> None:
    bare = [place for place in places if place.is_live and not place.secrets.reserve.labels.spares]
    if not bare or outage:
        return
    rotating = ", ".join(place.role for place in bare if is_under_way(place.secrets))
    wait = (
        f"A rotation of {rotating} is under way: run this again when it has ended. Else stage" if rotating else "Stage"
    )
    raise CommandError(
        f"Services of {', '.join(place.role for place in bare)} use the key, and there is no spare to take its place. "
        "Nothing was changed.",
        cure=f"{wait} a new key ({work.command(f'keys stage {bare[0].role}')}) and run this again: services then "
        "notice nothing. If the leak cannot wait so long, give --outage: the key is disabled, and the services fail "
        "until a new one is staged and rotated.",
    )


def _plan(work: Operations, leak: Leak, place: Place) -> list[str]:
    role, fingerprint = place.role, leak.fingerprint
    first = f"{role}: {fingerprint} is {place.life}. It is marked as leaked, and never used again."
    key = place.secrets.key
    behind = ", ".join(key.behind) if fingerprint in key.labels.known_fingerprints or place.is_live else ""
    afar = [f"Services in {behind} FAIL if they read it: the replica there is behind."] if behind else []
    if not place.is_live:
        return [first, "It will be disabled at Klaviyo at once.", *afar]
    if not place.secrets.reserve.labels.spares:
        return [first, f"You disable it at once: services of {role} FAIL until you stage a new key and rotate.", *afar]
    slow, stuck = slow_readers(work.workspace, work.workspace.role(role)), is_under_way(place.secrets)
    return [
        first,
        *([f"The rotation of {role} that is under way ends, if nobody is at work on it."] if stuck else []),
        "The oldest spare takes its place; then it will be disabled at Klaviyo at once, without grace.",
        *([f"These fail until they are started anew, which you do right after it: {', '.join(slow)}."] if slow else []),
        *afar,
    ]


def _tell_readers(work: Operations, roles: Sequence[RoleSecrets], *, days: int) -> None:
    environment = work.workspace.environment
    names = [environment.secret_name(role.role, kind) for role in roles for kind in ("key", "reserve")]
    regions = {environment.region}.union(*(role.key.replicas for role in roles))
    try:
        reading = readers_of(work.session, names, regions=sorted(regions), since=utc_now() - timedelta(days=days))
    except KeyboardInterrupt:
        raise StoppedError(
            "Stopped before it was known who read it; what was said before was done.",
            cure="Look for GetSecretValue of the role's secrets in CloudTrail.",
        ) from None
    if regions - reading.unseen.keys():
        _print_readers(reading, days=days)
    for region, error in reading.unseen.items():
        note(f"Who read it in {region} cannot be told: {explain(error).cause}")


def _print_readers(reading: Reading, *, days: int) -> None:
    lines = [
        f"  {reader.principal}: {reader.reads}, from {in_utc(reader.first)} to {in_utc(reader.last)}, "
        f"at {', '.join(reader.addresses)}"
        for reader in reading.readers
    ]
    nobody = f"  nobody, but {', '.join(reading.unseen)} was not looked at" if reading.unseen else "  nobody"
    results().print(f"Who read keys of the role in the last {days} days, how often, when and where:")
    results().print("\n".join(lines or [nobody]), markup=False, soft_wrap=True)
    if reading.back_to:
        note(f"There are too many entries: what is before {in_utc(reading.back_to)} is in the trail's bucket alone.")
