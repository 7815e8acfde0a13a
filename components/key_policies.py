"""Policies of KMS keys, as pure functions of plain values: who administers a key, and which services use it."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.policies import Document, Statement, allow, deny_all_but, document


def _administer_key(account_root: str, managers: Sequence[str]) -> list[Statement]:
    """Leave a key's administration to IAM, but its end and its policy to ``managers``; use is no part of it."""
    return [
        {
            "Sid": "AdministerByIam",
            "Effect": "Allow",
            "Principal": {"AWS": account_root},
            "Action": [
                "kms:CancelKeyDeletion",
                "kms:CreateAlias",
                "kms:CreateGrant",
                "kms:DeleteAlias",
                "kms:Describe*",
                "kms:Disable*",
                "kms:Enable*",
                "kms:Get*",
                "kms:List*",
                "kms:PutKeyPolicy",
                "kms:RotateKeyOnDemand",
                "kms:ScheduleKeyDeletion",
                "kms:TagResource",
                "kms:UntagResource",
                "kms:UpdateAlias",
                "kms:UpdateKeyDescription",
            ],
            "Resource": "*",
        },
        deny_all_but(
            "ManageKeyByDeployersAlone",
            ["kms:CreateGrant", "kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"],
            managers,
        ),
    ]


def _allow_service(sid: str, service: str, actions: Sequence[str], condition: Document | None = None) -> Statement:
    statement = allow(sid, actions, ["*"], condition)
    return statement | {"Principal": {"Service": service}, "Resource": "*"}


def _encrypt_logs(logs_service: str, log_group_pattern: str) -> Statement:
    return _allow_service(
        "EncryptLogs",
        logs_service,
        ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_group_pattern}},
    )


@dataclass(frozen=True, kw_only=True)
class KeyPlace:
    """Where a KMS key is: its account's root ARN and region, and who may manage it."""

    account_root: str
    account_id: str
    region: str
    managers: tuple[str, ...]


def secrets_key_policy(place: KeyPlace, *, log_group_pattern: str) -> Document:
    """Key policy for an environment's secrets and its rotators' logs. Its size does not grow with roles.

    Nobody decrypts with this key but through Secrets Manager, whose own policies say who reads what.
    """
    through_secrets_manager = {
        "StringEquals": {
            "kms:CallerAccount": place.account_id,
            "kms:ViaService": f"secretsmanager.{place.region}.amazonaws.com",
        }
    }
    use = allow("UseThroughSecretsManager", ["kms:Decrypt", "kms:GenerateDataKey*"], ["*"], through_secrets_manager)
    return document(
        *_administer_key(place.account_root, place.managers),
        use | {"Principal": {"AWS": place.account_root}, "Resource": "*"},
        _encrypt_logs(f"logs.{place.region}.amazonaws.com", log_group_pattern),
    )


def log_group_key_policy(place: KeyPlace, *, log_group_arn: str) -> Document:
    """Key policy for one log group: CloudWatch Logs alone uses the key, for that group alone."""
    return document(
        *_administer_key(place.account_root, place.managers),
        _encrypt_logs(f"logs.{place.region}.amazonaws.com", log_group_arn),
    )


def audit_key_policy(place: KeyPlace, *, trail_arn: str, log_group_arn: str) -> Document:
    """Key policy for the trail's files, its log group and the alerts' topic.

    EventBridge gets no condition: it sends no source to KMS when it publishes to an encrypted topic, and a topic whose
    key its senders cannot use gets nothing.
    """
    of_the_trail = {
        "StringEquals": {"aws:SourceArn": trail_arn},
        "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trail_arn},
    }
    decrypt = allow("DecryptTrail", ["kms:Decrypt"], ["*"], {"StringEquals": {"kms:CallerAccount": place.account_id}})
    return document(
        *_administer_key(place.account_root, place.managers),
        _allow_service("EncryptTrail", "cloudtrail.amazonaws.com", ["kms:GenerateDataKey*"], of_the_trail),
        _allow_service("DescribeForTrail", "cloudtrail.amazonaws.com", ["kms:DescribeKey"]),
        decrypt | {"Principal": {"AWS": place.account_root}, "Resource": "*"},
        _encrypt_logs(f"logs.{place.region}.amazonaws.com", log_group_arn),
        _allow_service("EncryptAlerts", "events.amazonaws.com", ["kms:Decrypt", "kms:GenerateDataKey*"]),
    )
