"""Whether the program runs against the place that the stack's settings name, as somebody who may deploy."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import pulumi
import pulumi_aws as aws

from components.names import account_root_arn
from components.preview.existing_principals import refuse_misnamed_principals
from components.preview.existing_secrets import (
    condemned_secrets,
    existing_secrets,
    refuse_condemned_secrets,
    refuse_forgotten_secrets,
    refuse_new_prefix,
)
from components.preview.quotas import (
    CONCURRENT_EXECUTIONS,
    RULES_OF_A_BUS,
    ask_quota,
    functions_beside,
    planned_functions,
    planned_rules,
    refuse_small_quota,
    refuse_too_many_rules,
    rules_beside,
)
from components.preview.refusals import planned_secrets
from components.preview.scope_changes import scope_changes, tell
from components.settings import Settings
from klaviyo_access.access_model import EnvironmentAccess
from klaviyo_access.access_model.environment import PROJECT, Environment, EnvironmentSettingsError
from klaviyo_access.endpoint import is_loopback

Answer = TypeVar("Answer")


def refuse_wrong_target(
    environment: Environment, settings: Settings, *, account_id: str, principal_arn: str, environ: Mapping[str, str]
) -> None:
    """Refuse to build anything in the wrong place or as somebody who would lock himself out.

    Args:
        account_id: the account that the credentials belong to.
        principal_arn: ARN of the role, with its path, or of the user that deploys.
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
    allowed = (*settings.deployers, *settings.break_glass)
    if principal_arn not in (account_root_arn(environment), *allowed):
        raise EnvironmentSettingsError(
            f"Only {PROJECT}:deployers may deploy {environment.name!r}, because the policies of secrets and keys deny "
            f"everybody else, by ARN with its path; the caller is {principal_arn}, the deployers are "
            f"{', '.join(allowed)}. Assume one of them, or add the caller's ARN."
        )


def check_target(
    environment: Environment, settings: Settings, access: EnvironmentAccess, *, environ: Mapping[str, str]
) -> None:
    """Ask AWS who calls, how much room there is and what exists, and refuse what cannot end well before it begins.

    What is to be done before or after roles change their scopes is told.

    Raises:
        EnvironmentSettingsError: the wrong place, no deployer, principals that do not exist, too small a quota,
            secrets that would be forgotten or cannot be made, or no answer to which there are.
    """
    caller = aws.get_caller_identity()
    principal = aws.iam.get_session_context(arn=caller.arn)
    refuse_wrong_target(
        environment, settings, account_id=caller.account_id, principal_arn=principal.issuer_arn, environ=environ
    )
    _asked("Whether the principals exist", lambda: refuse_misnamed_principals(environment, settings))
    existing = existing_secrets(environment)
    _check_room(environment, settings, access, beside=existing.beside)
    refuse_forgotten_secrets(environment, settings, access, existing=existing.own)
    refuse_new_prefix(environment, settings, existing)
    planned = planned_secrets(environment, settings, access)
    condemned = _asked(
        "Whether secrets wait for their deletion", lambda: condemned_secrets(planned, existing=existing.own)
    )
    refuse_condemned_secrets(environment, condemned or ())
    changes = _asked("Whether roles change their scopes", lambda: scope_changes(environment, access, existing.own))
    tell(changes or (), stack=environment.name)
    if settings.restored:
        pulumi.log.warn(
            f"{PROJECT}:restored takes secrets over as they are: take it out of Pulumi.{environment.name}.yaml after "
            "this `pulumi up`, and run it again."
        )


def _check_room(
    environment: Environment, settings: Settings, access: EnvironmentAccess, *, beside: Collection[str]
) -> None:
    functions, rules = planned_functions(settings, access), planned_rules(environment, settings, access)
    quota = _asked(
        f"Whether Lambda's quota leaves room for {functions} functions",
        lambda: ask_quota("lambda", CONCURRENT_EXECUTIONS),
    )
    if quota is not None:
        others = functions_beside(beside)
        refuse_small_quota(environment, functions=functions, others=others, concurrent_executions=quota)
    limit = _asked(f"Whether the event bus has room for {rules} rules", lambda: ask_quota("events", RULES_OF_A_BUS))
    if limit is not None:
        refuse_too_many_rules(environment, rules=rules, others=rules_beside(beside), limit=limit)


def _asked(question: str, ask: Callable[[], Answer]) -> Answer | None:
    """The answer; None, and a warning, where the caller may not ask."""
    try:
        return ask()
    except EnvironmentSettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - Pulumi raises a bare Exception; a deployer may lack this one permission
        pulumi.log.warn(f"{question} could not be asked: {error}")
        return None
