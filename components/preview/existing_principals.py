"""Whether the principals that the settings name exist: AWS refuses a policy with one that does not, half way.

Only the environment's own account can be asked; a role of another account is its owner's word.
"""

from collections.abc import Callable
from typing import Final

import pulumi_aws as aws

from components.settings import Settings
from klaviyo_access.access_model.environment import PROJECT, Environment, EnvironmentSettingsError

_NOT_THERE: Final = ("NoSuchEntity", "couldn't find resource")


def refuse_misnamed_principals(environment: Environment, settings: Settings) -> None:
    """Refuse settings with principals that the account does not have.

    Raises:
        EnvironmentSettingsError: names each, where it is set, and what to do.
        Exception: IAM did not answer, or not this caller.
    """
    of_this_account = f":iam::{environment.account_id}:"
    lines = [
        f"  {PROJECT}:{setting}: {arn} {_said_of(has)}"
        for setting, arns in settings.principals.items()
        for arn in arns
        if of_this_account in arn and (has := _as_iam_has_it(arn)) != arn
    ]
    if lines:
        raise EnvironmentSettingsError("\n".join([f"Pulumi.{environment.name}.yaml:", *lines]))


def _said_of(has: str | None) -> str:
    if has is None:
        return (
            "does not exist: policies name it, and AWS refuses a policy with an unknown principal "
            "(MalformedPolicyDocument) when half is built. Make it first, or name the one that is meant"
        )
    return f"is {has} in IAM, and policies compare the whole ARN, so it would be locked out. Name it so"


def _as_iam_has_it(arn: str) -> str | None:
    """The ARN of the role or user of this name; None where there is none."""
    name = arn.rpartition("/")[2]
    ask: Callable[[], aws.iam.GetRoleResult | aws.iam.GetUserResult]
    ask = (lambda: aws.iam.get_role(name=name)) if ":role/" in arn else (lambda: aws.iam.get_user(user_name=name))
    try:
        return ask().arn
    except Exception as error:  # Pulumi raises a bare Exception
        if any(said in str(error) for said in _NOT_THERE):
            return None
        raise
