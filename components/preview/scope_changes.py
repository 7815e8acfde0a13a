"""Roles that get other scopes than those with which their rotators are deployed, and what is to be done about it.

A key's scopes cannot be edited, so that a role's change is a change of keys. What a preview may ask AWS does not tell
which scopes a key has: only that its rotator tried it for those of the last deployment.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from components.names import rotator_name
from klaviyo_access.access_model import EnvironmentAccess, RoleAccess
from klaviyo_access.access_model.environment import Environment

_NO_SUCH_FUNCTION: Final = "ResourceNotFoundException"


@dataclass(frozen=True, kw_only=True)
class ScopeChange:
    """What a deployment changes for one role that has a key in use.

    Attributes:
        role: the role's name.
        gained: scopes that its rotator has not been told of.
        lost: scopes that its rotator still asks its keys for.
        since: when the key in use was put, in UTC.
    """

    role: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    since: str


def scope_changes(environment: Environment, access: EnvironmentAccess, existing: Collection[str]) -> list[ScopeChange]:
    """Ask AWS with which scopes the rotators are deployed, and compare.

    Args:
        environment: where they are.
        access: the scopes that roles are to have.
        existing: names of the environment's secrets in AWS.

    Raises:
        Exception: AWS did not answer, or not this caller.
    """
    roles = [role for role in access.roles.values() if environment.secret_name(role.name, "key") in existing]
    return [change for role in roles if (change := _change_of(environment, role))]


def _change_of(environment: Environment, role: RoleAccess) -> ScopeChange | None:
    before, after = _deployed_scopes(environment, role), frozenset(role.scopes)
    if before is None or before == after:
        return None
    since = _key_in_use_since(environment.secret_name(role.name, "key"))
    if since is None:
        return None
    return ScopeChange(
        role=role.name, gained=tuple(sorted(after - before)), lost=tuple(sorted(before - after)), since=since
    )


def _deployed_scopes(environment: Environment, role: RoleAccess) -> frozenset[str] | None:
    """The scopes for which the role's rotator tries keys; None where it is not there, as in a stack that comes back."""
    try:
        found = aws.lambda_.get_function(function_name=rotator_name(environment, role.name))
    except Exception as error:  # Pulumi raises a bare Exception
        if _NO_SUCH_FUNCTION in str(error):
            return None
        raise
    return frozenset(found.environment.variables["SCOPES"].split(","))


def _key_in_use_since(secret: str) -> str | None:
    versions = aws.secretsmanager.get_secret_versions(secret_id=secret).versions
    return next((version.created_time for version in versions if "AWSCURRENT" in version.version_stages), None)


def tell(changes: Sequence[ScopeChange], *, stack: str) -> None:
    """Say what comes before roles gain scopes, as a warning, and what comes after they lost some."""
    if warning := what_is_gained(changes, stack=stack):
        pulumi.log.warn(warning)
    if hint := what_is_lost(changes, stack=stack):
        pulumi.log.info(hint)


def what_is_gained(changes: Iterable[ScopeChange], *, stack: str) -> str | None:
    """What to do before roles gain scopes, as a warning; None where none does."""
    gaining = [change for change in changes if change.gained]
    if not gaining:
        return None
    lines = [
        "These roles gain scopes for which their rotators never tried a key, so the keys in use may lack them:",
        *(f"  {change.role}: {', '.join(change.gained)} (key in use since {change.since})" for change in gaining),
        "Where keys with these scopes were staged and rotated into use already, go on. Else do so before `pulumi up`:",
        *_commands(gaining, stack),
        "After `pulumi up` alone, calls that need a new scope are refused until then, and the audit finds scope drift.",
    ]
    if both := [change for change in gaining if change.lost]:
        lines += [
            "These roles lose scopes at the same time, and before `pulumi up` their rotators take no key without them:",
            *(f"  {change.role}: {', '.join(change.lost)}" for change in both),
            "Let access.yaml keep these until the new keys are in use, and take them away by a second change.",
        ]
    return "\n".join(lines)


def what_is_lost(changes: Iterable[ScopeChange], *, stack: str) -> str | None:
    """What to do after roles lost scopes; None where none does, or only such as gain some as well."""
    losing = [change for change in changes if change.lost and not change.gained]
    if not losing:
        return None
    lines = [
        "These roles lose scopes that their keys were made with:",
        *(f"  {change.role}: {', '.join(change.lost)} (key in use since {change.since})" for change in losing),
        "`pulumi up` comes first, since until then their rotators refuse keys without these scopes. After it:",
        *_commands(losing, stack),
        "Until then these keys may do more than their roles, and the audit finds scope drift.",
    ]
    return "\n".join(lines)


def _commands(changes: Sequence[ScopeChange], stack: str) -> list[str]:
    """The oldest spare goes first, so those of before are used up on the way."""
    return [
        *(f"  klaviyo-access keys stage {change.role} --probe --stack {stack}" for change in changes),
        f"  klaviyo-access keys rotate {' '.join(change.role for change in changes)} --stack {stack}",
        "  and that once more for each spare that waited before: the oldest goes first.",
    ]
