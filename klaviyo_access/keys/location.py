"""Where a role's secret is: from arguments, else from the environment variables that the program's outputs print."""

import os
from collections.abc import Mapping
from typing import Final, NamedTuple

from klaviyo_access.aws.places import ENVIRONMENT, environment_folder, region_of
from klaviyo_access.errors import KeyStoreNotConfigured

ROLE: Final = "KLAVIYO_ACCESS_ROLE"


class SecretLocation(NamedTuple):
    """One role's secret.

    Attributes:
        role: the role that owns the key.
        secret_id: the secret's name or ARN.
        region: the AWS region; empty to take that of the AWS profile.
    """

    role: str
    secret_id: str
    region: str = ""


def locate(
    role: str | None = None,
    *,
    secret_id: str | None = None,
    region: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> SecretLocation:
    """Find a role's secret.

    Args:
        role: as in access.yaml; without it ``KLAVIYO_ACCESS_ROLE``.
        secret_id: the secret's name or ARN; without it ``KLAVIYO_ACCESS_PREFIX`` (``klaviyo`` where it is not set) and
            ``KLAVIYO_ACCESS_ENVIRONMENT`` make up the name.
        region: without it the ARN's, ``AWS_REGION``, ``AWS_DEFAULT_REGION``, then that of the AWS profile.
        environ: the environment variables.

    Raises:
        KeyStoreNotConfigured: no role, or neither a secret nor an environment; the message names what is missing.
    """
    role = named_role(role, environ)
    if not secret_id:
        if not (folder := environment_folder(environ)):
            raise KeyStoreNotConfigured(
                f"The key of role {role!r} lies in the secret <prefix>/<environment>/{role}/key, and no environment "
                f"was named: set {ENVIRONMENT} (dev, staging, prod …), or pass secret_id. The program's output "
                "'snippets' prints the lines to set."
            )
        secret_id = f"{folder}/{role}/key"
    return SecretLocation(role=role, secret_id=secret_id, region=region or region_of(secret_id, environ))


def named_role(role: str | None, environ: Mapping[str, str]) -> str:
    """``role``, or the one that ``KLAVIYO_ACCESS_ROLE`` names; raises ``KeyStoreNotConfigured`` where none is."""
    if found := role or environ.get(ROLE):
        return found
    raise KeyStoreNotConfigured(f"A key belongs to a role, and none was named: pass one, or set {ROLE}.")
