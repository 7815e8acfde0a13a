"""How Secrets Manager uses KMS keys: their ARNs, the encryption context, and what it says when it is refused."""

from typing import Final

from sandbox.aws.calls import AwsError, Caller
from sandbox.aws.secrets_manager.state import Secret

DEFAULT_ALIAS: Final = "alias/aws/secretsmanager"
_UNUSABLE: Final = {"DisabledException", "KMSInvalidStateException"}
VALIDATION: Final = "RequestToValidateKeyAccess"
"""The version id in the encryption context when a secret gets a key and no value is encrypted yet."""


def key_arn(key_id: str | None, *, region: str, account: str) -> str | None:
    """The ARN of a key or of its alias, from any way to name it; None for the service's own key."""
    if not key_id or key_id == DEFAULT_ALIAS or key_id.endswith(f":{DEFAULT_ALIAS}"):
        return None
    if key_id.startswith("arn:"):
        return key_id
    kind = "" if key_id.startswith("alias/") else "key/"
    return f"arn:aws:kms:{region}:{account}:{kind}{key_id}"


def context(secret: Secret, version_id: str, *, caller: Caller) -> dict[str, str | list[str]]:
    """The condition keys of a request that Secrets Manager makes to KMS on its caller's behalf."""
    return {
        "kms:CallerAccount": caller.account,
        "kms:ViaService": f"secretsmanager.{secret.region}.amazonaws.com",
        "kms:EncryptionContext:SecretARN": secret.arn,
        "kms:EncryptionContext:SecretVersionId": version_id,
        "kms:EncryptionContextKeys": ["SecretARN", "SecretVersionId"],
    }


def refused(error: AwsError, action: str) -> AwsError:
    """An answer of KMS to ``action`` in Secrets Manager's words, which are those of botocore's model."""
    if error.code.startswith("AccessDenied"):
        return AwsError("AccessDeniedException", "Access to KMS is not allowed")
    if error.code not in _UNUSABLE:
        return error
    failure, verb = ("DecryptionFailure", "decrypt") if action == "kms:Decrypt" else ("EncryptionFailure", "encrypt")
    message = f"Secrets Manager can't {verb} the protected secret text using the provided KMS key: {error.message}"
    return AwsError(failure, message)
