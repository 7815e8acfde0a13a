"""``keys retire``: a superseded or rejected key is disabled now, without waiting for its grace or the daily audit."""

from typing import Annotated

import typer

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.access_model.dashboard import KEYS_PAGE, dashboard_steps
from klaviyo_access.cli.consent import Yes, agree
from klaviyo_access.cli.errors import CommandError, UsageError
from klaviyo_access.cli.keys.disposal import Disposal, Doomed, Timeout
from klaviyo_access.cli.operations import Operations
from klaviyo_access.cli.options import Project, Stack
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.cli.times import in_utc
from klaviyo_access.cli.workspace import Workspace
from klaviyo_access.keys.labels import Leaked


def retire(
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help="The role whose old or rejected key goes.", show_default=False)
    ],
    fingerprint: Annotated[
        str | None,
        typer.Argument(
            metavar="FINGERPRINT",
            help="Which of its old and rejected keys, where it has several.",
            show_default="the only one",
        ),
    ] = None,
    stack: Stack = None,
    project: Project = None,
    *,
    yes: Yes = False,
    timeout: Timeout = 300,
) -> None:
    """Disable a role's superseded or rejected key now, without waiting for its grace, and see it dead at Klaviyo.

    The auditor disables it with the custodian's key; where it cannot, the command says what to do in Klaviyo's
    dashboard and waits until Klaviyo refuses the key. No key that is in use anywhere is disabled. A spare that was
    rejected because it is no key at all is let go, and so is one that nobody can decrypt any more, if it is named.

    Example: klaviyo-access keys retire viewer --stack dev
    """
    work = Operations.open(project, stack, role)
    secrets = work.secrets.of_role(role)
    chosen = _chosen(secrets, fingerprint, work)
    _refuse_behind(secrets, chosen, work)
    agree((line for key in chosen for line in _plan(work, key)), yes=yes)
    Disposal(work, seconds=timeout).end(chosen)


def _refuse_behind(secrets: RoleSecrets, chosen: list[Doomed], work: Operations) -> None:
    """A region that has not got the key in use may read any that was; one that leaked goes nevertheless."""
    versions = [secrets.key.labels.version(key.version) for key in chosen if key.where == "key"]
    if not secrets.key.behind or all(version and isinstance(version.verdict, Leaked) for version in versions):
        return
    states = ", ".join(f"{region} ({status})" for region, status in secrets.key.behind.items())
    raise CommandError(
        f"The secret of {secrets.role} is not in sync in {states}: services there may read {chosen[0].fingerprint} "
        "still. A key that may be in use is not disabled.",
        cure=f"'{work.command('doctor')}' tells AWS's reason; mend it, have the stack deployed, and run this again. "
        f"If the key leaked: {work.command(f'keys leaked {chosen[0].fingerprint}')}, which does not wait.",
    )


def _plan(work: Operations, key: Doomed) -> list[str]:
    if key.waits_since:
        role = work.workspace.role(key.role)
        return [
            f"{key.fingerprint} of {key.role} is a spare, staged at {in_utc(key.waits_since)}.",
            "If nobody can decrypt it any more, it is let go, and nothing can tell then whether the key is alive.",
            f"Disable it first, by hand: open {KEYS_PAGE} in the Klaviyo account of {role.environment},",
            f'and look for a key made before that time as "{dashboard_steps(role).key_name}".',
        ]
    if key.where == "reserve":
        return [
            f"{key.fingerprint} of {key.role}, which was rejected, will be disabled at Klaviyo.",
            "If no key can be read in what was staged, it is let go: look first that none meant for it is alive.",
        ]
    slow = slow_readers(work.workspace, work.workspace.role(key.role))
    return [
        f"{key.fingerprint} of {key.role} will be disabled at Klaviyo; there is no way back to it by a roll-back.",
        *([f"Not before these were started anew since the rotation: {', '.join(slow)}."] if slow else []),
    ]


def slow_readers(workspace: Workspace, role: RoleAccess) -> list[str]:
    """The services of a role that keep a key until they are started anew, or until a syncing tool brings the next."""
    services = [workspace.access.services[name] for name in role.services]
    return [f"{service.name} ({service.reads})" for service in services if service.reads != "library"]


def _chosen(secrets: RoleSecrets, fingerprint: str | None, work: Operations) -> list[Doomed]:
    """The one key that may go, or every version of the key that was named: the same was perhaps staged twice."""
    role, old = secrets.role, _old(secrets)
    named = [key for key in _waiting(secrets) if key.fingerprint == fingerprint]
    chosen = [*(key for key in old if fingerprint in (None, key.fingerprint)), *named]
    if len({key.fingerprint for key in chosen}) == 1:
        return chosen
    names = ", ".join(dict.fromkeys(key.fingerprint for key in old))
    if not old:
        raise CommandError(
            f"{role} has no superseded or rejected key: nothing but what is in use and spares, or nothing at all.",
            cure=f"'{work.command('keys status')}' shows its keys; a rotation supersedes the one in use.",
        )
    if fingerprint:
        raise UsageError(
            f"{role} has no superseded or rejected key {fingerprint}; it has: {names}.",
            cure="Name one of these fingerprints.",
        )
    raise UsageError(
        f"{role} has several superseded or rejected keys, and none was named: {names}.",
        cure=f"Name one: {work.command(f'keys retire {role} {old[0].fingerprint}')}.",
    )


def _waiting(secrets: RoleSecrets) -> list[Doomed]:
    """The spares: one goes if it was named, and nobody can decrypt it."""
    return [
        Doomed(
            role=secrets.role,
            where="reserve",
            version=version.id,
            fingerprint=spare.fingerprint,
            waits_since=spare.time,
        )
        for version, spare in secrets.reserve.labels.spares
    ]


def _old(secrets: RoleSecrets) -> list[Doomed]:
    superseded = [
        Doomed(role=secrets.role, where="key", version=version.id, fingerprint=version.fingerprint)
        for version in secrets.key.labels
        if version.fingerprint and not version.in_use
    ]
    rejected = [
        Doomed(role=secrets.role, where="reserve", version=version.id, fingerprint=version.verdict.fingerprint)
        for version in secrets.reserve.labels
        if version.verdict
    ]
    return superseded + rejected
