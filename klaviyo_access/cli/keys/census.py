"""Where every key is that operators can see: a fingerprint is staged once, in one role of one environment."""

from collections.abc import Iterable
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.access_model import AccessModelError
from klaviyo_access.access_model.environment import Environment, EnvironmentSettingsError
from klaviyo_access.cli.errors import CommandError
from klaviyo_access.cli.identity import assume_operator_role, identify
from klaviyo_access.cli.secrets_manager import RoleSecrets, Secrets
from klaviyo_access.cli.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Census:
    """Which fingerprints are taken.

    Attributes:
        places: fingerprint to the role and environment that has it, as a message names them.
        unseen: the project's other environments that were not looked at: elsewhere, not deployed, or not allowed.
    """

    places: dict[str, str]
    unseen: tuple[str, ...] = ()


def places_of(environment: str, roles: Iterable[RoleSecrets]) -> dict[str, str]:
    """Every fingerprint that any label of the roles' secrets names, and where it is."""
    return {
        fingerprint: f"role {secrets.role!r} of {environment}"
        for secrets in roles
        for labels in (secrets.key.labels, secrets.reserve.labels)
        for fingerprint in labels.known_fingerprints
    }


def take_census(workspace: Workspace, session: boto3.Session, secrets: Secrets) -> Census:
    """Look at every role of the environment, and of its neighbours in the same account.

    Args:
        workspace: the environment to stage in.
        session: the operator's own, with which he may act in the neighbours as well.
        secrets: the environment's secrets.
    """
    here = workspace.environment
    places = places_of(here.name, secrets.of_roles(workspace.roles))
    unseen = []
    for stack in workspace.neighbours():
        try:
            there = Environment.of_stack(workspace.directory, stack)
            if there.account_id == here.account_id:
                places |= _places_in(there, workspace.model.in_environment(stack).roles, session)
            else:
                unseen.append(stack)
        except (CommandError, AccessModelError, BotoCoreError, ClientError, EnvironmentSettingsError):
            unseen.append(stack)
    return Census(places=places, unseen=tuple(unseen))


def _places_in(environment: Environment, roles: Iterable[str], session: boto3.Session) -> dict[str, str]:
    operator = assume_operator_role(session, environment, identify(session))
    return places_of(environment.name, Secrets(operator, environment).of_roles(roles))
