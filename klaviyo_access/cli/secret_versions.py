"""The KMS keys that the versions of a secret are encrypted by, which need not be the one that the secret names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

SERVICES_KEY: Final = "DefaultEncryptionKey"
"""What ListSecretVersionIds names a version's key where it is the one that all secrets of the account share."""

_MOST: Final = 100
"""As many as AWS lists at once: more than a secret has labels, so that every version with a label is among them."""


def encrypting_keys(client: "SecretsManagerClient", secret: str) -> Sequence[Sequence[str]]:
    """For each version of a secret that has a label, the KMS keys that it is encrypted by.

    A secret can name another key: where its key is changed, versions under AWS's own labels alone are encrypted anew,
    and only if the caller may encrypt by the new one.
    Source: botocore's text for UpdateSecret, ``KmsKeyId``.
    """
    listed = client.list_secret_version_ids(SecretId=secret, MaxResults=_MOST)
    return [version.get("KmsKeyIds", []) for version in listed["Versions"]]
