"""Who may do what with the secrets of an OAuth app, as pure functions of plain values.

The client secret has one writer, the operators, and one reader, the app's service. The tokens of each Klaviyo account
have one reader and writer, that service: it refreshes them, and what comes back must be stored before it is used.
"""

from collections.abc import Sequence

from components.policies.secrets import SecretPrincipals
from components.policies.statements import Document, Encryption


def client_principals(*, service: str, operator: str, managers: Sequence[str]) -> SecretPrincipals:
    """Whom the resource policy of the client secret names."""
    return SecretPrincipals(
        readers=(service,), writers=(operator,), labellers=(operator,), managers=tuple(managers), may_rotate=()
    )


def tokens_principals(*, service: str, managers: Sequence[str]) -> SecretPrincipals:
    """Whom the resource policy of an account's tokens names."""
    return SecretPrincipals(
        readers=(service,), writers=(service,), labellers=(service,), managers=tuple(managers), may_rotate=()
    )


def keep_oauth_tokens(*, client: str, tokens: str, encryption: Encryption) -> Document:
    """Identity policy of the app's service: read the client secret, read and write every account's tokens.

    Args:
        client: pattern of the ARN of the client secret.
        tokens: pattern of the ARNs of all accounts' tokens; a list of them would outgrow IAM at some forty accounts.
        encryption: KMS key of the secrets.
    """
    read = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "ReadClientSecret", "Effect": "Allow", "Action": read, "Resource": [client]},
            encryption.allow_like("DecryptClientSecret", ["kms:Decrypt"], client),
            {
                "Sid": "KeepTokens",
                "Effect": "Allow",
                "Action": [*read, "secretsmanager:PutSecretValue"],
                "Resource": [tokens],
            },
            encryption.allow_like("EncryptTokens", ["kms:Decrypt", "kms:GenerateDataKey"], tokens),
        ],
    }


def stage_oauth_client(*, client: str, encryption: Encryption) -> Document:
    """Identity policy of the operators: put the client secret, and never read it.

    Args:
        client: pattern of the ARN of the client secret.
        encryption: KMS key of the secrets; Decrypt is for a retried put, which compares values.
    """
    put = ["secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "StageClientSecret", "Effect": "Allow", "Action": put, "Resource": [client]},
            encryption.allow_like("EncryptClientSecret", ["kms:Decrypt", "kms:GenerateDataKey"], client),
        ],
    }
