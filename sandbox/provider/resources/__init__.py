"""The resource table: every type of pulumi-aws that the local provider knows."""

from types import MappingProxyType
from typing import Final

from sandbox.provider.resources import (
    alarms,
    cloudtrail,
    eks,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    s3_parts,
    scheduler,
    secretsmanager,
    sns,
)
from sandbox.provider.table import ResourceType

MODULES: Final = (
    alarms,
    cloudtrail,
    eks,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    s3_parts,
    scheduler,
    secretsmanager,
    sns,
)

TABLE: Final = MappingProxyType(
    {
        entry.aws_type: entry()
        for module in MODULES
        for entry in vars(module).values()
        if isinstance(entry, type) and issubclass(entry, ResourceType) and "aws_type" in vars(entry)
    }
)
