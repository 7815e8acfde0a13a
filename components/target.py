"""Whether the program runs against the place that the stack's settings name, as somebody who may deploy."""

from collections.abc import Mapping

from components.names import account_root_arn
from components.settings import Settings
from klaviyo_access.access_model.environment import PROJECT, Environment, EnvironmentSettingsError, is_loopback


def refuse_wrong_target(
    environment: Environment, settings: Settings, *, account_id: str, caller_arn: str, environ: Mapping[str, str]
) -> None:
    """Refuse to build anything in the wrong place or as somebody who would lock himself out.

    Args:
        account_id: the account that the credentials belong to.
        caller_arn: who STS says the caller is.
        environ: the process's environment; ``AWS_ENDPOINT_URL`` decides where calls go.

    Raises:
        EnvironmentSettingsError: `local` not on loopback, another account, or a caller who is no deployer.
    """
    endpoint = environ.get("AWS_ENDPOINT_URL", "")
    if environment.name == "local" and not is_loopback(endpoint):
        raise EnvironmentSettingsError(
            f"The stack 'local' runs on the sandbox alone: AWS_ENDPOINT_URL must be a loopback address, it is "
            f"{endpoint or 'not set'}. Run 'make up', or: eval \"$(python -m sandbox env)\""
        )
    if account_id != environment.account_id:
        raise EnvironmentSettingsError(
            f"The stack {environment.name!r} belongs to account {environment.account_id} "
            f"({PROJECT}:accountId); the credentials are of account {account_id}. Log in to the right account."
        )
    if caller_arn != account_root_arn(environment) and not any(
        is_same_principal(caller_arn, arn) for arn in (*settings.deployers, *settings.break_glass)
    ):
        raise EnvironmentSettingsError(
            f"Only {PROJECT}:deployers may deploy {environment.name!r}, because the secrets' policies deny everybody "
            f"else; the caller is {caller_arn}, the deployers are {', '.join(settings.deployers)}. "
            "Assume one of them, or add the caller's role."
        )


def is_same_principal(caller_arn: str, principal_arn: str) -> bool:
    """Whether STS's ``caller_arn`` is ``principal_arn``; a session's ARN shows its role's name without the path."""
    if ":assumed-role/" not in caller_arn:
        return caller_arn == principal_arn
    account, _, session = caller_arn.partition(":assumed-role/")
    role_name = session.split("/")[0]
    return (
        principal_arn.split(":")[4] == account.split(":")[4]
        and ":role/" in principal_arn
        and principal_arn.rsplit("/", 1)[-1] == role_name
    )
