"""What AWS already has of an environment's secrets, and what a deployment must not do to them.

A deployment that would delete a secret, or leave it behind for an empty one, is refused before anything is built. So
the question which secrets there are must have an answer: where it has none, nothing is built either.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from re import fullmatch
from typing import Final

import pulumi
import pulumi_aws as aws

from components.names import MANAGED_BY
from components.preview.refusals import planned_secrets
from components.settings import Settings
from klaviyo_access.access_model import EnvironmentAccess
from klaviyo_access.access_model.environment import PROJECT, Environment, EnvironmentSettingsError

_NOT_THERE: Final = ("ResourceNotFoundException", "couldn't find resource", "AccessDenied")
"""What is answered of a name that nothing has; a deployer whose rights end at his own secrets is denied instead."""

_CONDEMNED: Final = "marked for deletion"


@dataclass(frozen=True, kw_only=True)
class ExistingSecrets:
    """Names of the secrets of an environment in AWS, without those that wait for their deletion.

    Attributes:
        own: those under the environment's prefix.
        elsewhere: those of an environment of this name under another prefix, in the same account and region.
        beside: all that are not its own, those of environments of other names among them.
    """

    own: frozenset[str]
    elsewhere: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()


def existing_secrets(environment: Environment) -> ExistingSecrets:
    """Ask AWS which secrets there are: by their tag, which a transform may have overwritten, and by their names.

    Raises:
        EnvironmentSettingsError: it did not answer, or not this caller.
    """
    try:
        names = {*_listed("tag-value", MANAGED_BY), *filter(_is_like_ours, _listed("name", _folder(environment)))}
    except Exception as error:  # noqa: BLE001 - Pulumi raises a bare Exception, and no answer will do
        raise EnvironmentSettingsError(
            f"Which secrets {environment.name} has could not be asked, and without an answer a deployment could delete "
            "one with every key in it. Try again; where AWS denies it, give the deployer "
            f"`klaviyo-access deployer-policy --stack {environment.name}`. AWS said: {error}"
        ) from None
    own = frozenset(name for name in names if name.startswith(_folder(environment)))
    beside = frozenset(names) - own
    elsewhere = frozenset(name for name in beside if name.split("/")[1:2] == [environment.name])
    return ExistingSecrets(own=own, elsewhere=elsewhere, beside=beside)


def _folder(environment: Environment) -> str:
    return f"{environment.prefix}/{environment.name}/"


def _listed(by: str, value: str) -> Sequence[str]:
    return aws.secretsmanager.get_secrets(
        filters=[aws.secretsmanager.GetSecretsFilterArgs(name=by, values=[value])]
    ).names


def _is_like_ours(name: str) -> bool:
    """Whether a secret without our tag has a name as we give; another may be somebody else's."""
    return fullmatch(r"[^/]+/[^/]+/(?:[^/]+/(?:key|reserve|webhook)|oauth/client|oauth/[^/]+/tokens)", name) is not None


def refuse_forgotten_secrets(
    environment: Environment, settings: Settings, access: EnvironmentAccess, *, existing: Iterable[str]
) -> None:
    """Refuse to delete secrets because a role, a webhook or an account was renamed or left out.

    Args:
        existing: names of the environment's secrets in AWS.

    Raises:
        EnvironmentSettingsError: some would be deleted without having been named for it.
    """
    may_stay_or_go = {*planned_secrets(environment, settings, access), *settings.removed_secrets}
    if forgotten := sorted(set(existing) - may_stay_or_go):
        raise EnvironmentSettingsError(
            f"Secrets are deleted only where {PROJECT}:removedSecrets names them, since keys and spares go with them. "
            f"access.yaml and Pulumi.{environment.name}.yaml no longer have {', '.join(forgotten)}. Renamed? Bring the "
            "old name back and add the new one beside it; deploy, stage and rotate a key for the new one, move its "
            f"services, and remove the old one last. Removed? Bring it back, list them in {PROJECT}:removedSecrets and "
            "run `pulumi up`, which takes their protection away; then remove it."
        )


def refuse_new_prefix(environment: Environment, settings: Settings, existing: ExistingSecrets) -> None:
    """Refuse to replace every secret because the prefix is a new one; warn where Pulumi's protection refuses it.

    An environment of the same name under another prefix may also be somebody else's, beside which this one begins.

    Raises:
        EnvironmentSettingsError: secrets exist under another prefix alone, and nothing protects them.
    """
    if existing.own or not existing.elsewhere:
        return
    said = (
        f"No secret of {environment.name} is under the prefix {environment.prefix}, but there are "
        f"{', '.join(sorted(existing.elsewhere))}. If these are this stack's, {PROJECT}:prefix is a new one, and "
        "every secret would be deleted for an empty one of another name: bring the old prefix back."
    )
    if settings.force_destroy:
        raise EnvironmentSettingsError(
            f"{said} If they are another stack's, take {PROJECT}:forceDestroy out for the first deployment, so that "
            "Pulumi protects what is this stack's."
        )
    pulumi.log.warn(f"{said} Pulumi protects them, and refuses. If they are another stack's, go on.")


def condemned_secrets(planned: Iterable[str], *, existing: Collection[str]) -> list[str]:
    """The planned names that are taken by secrets which wait for their deletion.

    Lists leave such secrets out, and may leave out one that was just made. But a secret that waits shows its versions,
    or says why not, while it is not found by its name.
    Source: terraform-provider-aws, ``internal/service/secretsmanager/secret.go``, findSecretByID.

    Raises:
        Exception: AWS did not answer.
    """
    return [name for name in sorted(set(planned) - set(existing)) if _is_condemned(name)]


def _is_condemned(name: str) -> bool:
    try:
        aws.secretsmanager.get_secret_versions(secret_id=name)
    except Exception as error:  # Pulumi raises a bare Exception
        if _CONDEMNED in str(error):
            return True
        if any(said in str(error) for said in _NOT_THERE):
            return False
        raise
    try:
        aws.secretsmanager.get_secret(name=name)
    except Exception as error:
        if _NOT_THERE[1] in str(error) or _CONDEMNED in str(error):
            return True
        raise
    return False


def refuse_condemned_secrets(environment: Environment, condemned: Collection[str]) -> None:
    """Refuse to make secrets whose names are taken until their recovery window ends.

    Raises:
        EnvironmentSettingsError: there are such; how they come back.
    """
    if condemned:
        raise EnvironmentSettingsError(
            f"These secrets are scheduled for deletion, with every key in them, and AWS gives their names to no other "
            f"until their recovery window ends: {', '.join(condemned)}. To have them back, run `klaviyo-access restore "
            f"--stack {environment.name}` first and do what it says "
            "(docs/accounts-and-regions.md, 'Destroyed, and back within the recovery window'). To do without their "
            "keys, wait until the window has ended."
        )
