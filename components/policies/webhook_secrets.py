"""Who may do what with a webhook's secret, as pure functions of plain values.

Its one writer is its rotator, which also reads the key of a role that may change webhooks. Receivers read it; operators
may have it rotated and read nothing.
"""

from collections.abc import Sequence

from components.policies.secrets import SecretPrincipals
from components.policies.statements import Document, Encryption

_SEE = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:ListSecretVersionIds"]
_READ = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]


def webhook_principals(
    *, receivers: Sequence[str], rotator: str, operator: str, managers: Sequence[str]
) -> SecretPrincipals:
    """Whom the resource policy of a webhook's secret names."""
    return SecretPrincipals(
        readers=(*receivers, rotator),
        writers=(rotator,),
        labellers=(rotator,),
        managers=tuple(managers),
        may_rotate=(operator,),
    )


def receive_webhook(secret_arn: str, encryption: Encryption) -> Document:
    """Identity policy of a receiver: read the webhook's secret in all its versions."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "ReadWebhookSecret", "Effect": "Allow", "Action": _READ, "Resource": [secret_arn]},
            encryption.allow("DecryptWebhookSecret", ["kms:Decrypt"], [secret_arn]),
        ],
    }


def change_webhook_secret(*, secret_arn: str, key_arn: str, log_group_arn: str, encryption: Encryption) -> Document:
    """Identity policy of a webhook's rotator: change this secret, and read the one key with which Klaviyo is told."""
    change = [*_READ, "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
    log = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "ChangeSecret", "Effect": "Allow", "Action": change, "Resource": [secret_arn]},
            {"Sid": "ReadKey", "Effect": "Allow", "Action": _READ, "Resource": [key_arn]},
            encryption.allow("DecryptSecretAndKey", ["kms:Decrypt"], [secret_arn, key_arn]),
            encryption.allow("EncryptSecret", ["kms:GenerateDataKey"], [secret_arn]),
            {"Sid": "WriteLog", "Effect": "Allow", "Action": log, "Resource": [f"{log_group_arn}:*"]},
        ],
    }


def rotate_webhook_secret(secret_arn: str) -> Document:
    """Identity policy of the operators: have a webhook's secret rotated, by its own rotator and schedule alone."""
    as_it_is = {
        "Null": {"secretsmanager:RotationLambdaARN": "true"},
        "BoolIfExists": {"secretsmanager:ModifyRotationRules": "false"},
    }
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "SeeWebhookSecret", "Effect": "Allow", "Action": _SEE, "Resource": [secret_arn]},
            {
                "Sid": "RotateWebhookSecret",
                "Effect": "Allow",
                "Action": ["secretsmanager:RotateSecret"],
                "Resource": [secret_arn],
                "Condition": as_it_is,
            },
        ],
    }
