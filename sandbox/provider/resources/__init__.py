"""The resource table: every type of pulumi-aws that the local provider knows."""

from types import MappingProxyType
from typing import Final

from sandbox.provider.resources import iam, kms, lambda_, secretsmanager
from sandbox.provider.table import ResourceType

TABLE: Final = MappingProxyType(
    {
        entry.aws_type: entry()
        for module in (iam, kms, lambda_, secretsmanager)
        for entry in vars(module).values()
        if isinstance(entry, type) and issubclass(entry, ResourceType) and entry is not ResourceType
    }
)
