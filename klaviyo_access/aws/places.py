"""Where an environment's secrets are: the variables that the program's outputs print. Standard library only."""

from collections.abc import Mapping
from typing import Final

PREFIX: Final = "KLAVIYO_ACCESS_PREFIX"
ENVIRONMENT: Final = "KLAVIYO_ACCESS_ENVIRONMENT"
DEFAULT_PREFIX: Final = "klaviyo"


def environment_folder(environ: Mapping[str, str]) -> str | None:
    """What the names of an environment's secrets begin with, ``<prefix>/<environment>``; None where none is named."""
    environment = environ.get(ENVIRONMENT)
    return f"{environ.get(PREFIX) or DEFAULT_PREFIX}/{environment}" if environment else None


def region_of(secret_id: str, environ: Mapping[str, str]) -> str:
    """The region of a secret: its ARN's, else the one that ``environ`` names; empty to ask the AWS profile."""
    return secret_id.split(":")[3] if secret_id.startswith("arn:") else named_region(environ)


def named_region(environ: Mapping[str, str]) -> str:
    """The region that variables name. botocore looks at the second alone; Lambda and ECS set the first."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
