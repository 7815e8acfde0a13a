"""A Secrets Manager in memory: versions, labels, policies and rotation as AWS documents them."""

from sandbox.aws.secrets_manager.service import SecretsManager

__all__ = ["SecretsManager"]
