"""Policies of KMS keys, as pure functions of plain values: who administers a key, and which services use it."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.policies.statements import (
    Document,
    Statement,
    allow,
    allow_other_accounts,
    deny_all_but,
    document,
    via_secrets_manager,
)


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


def _encrypt_alerts() -> list[Statement]:
    """Let those who publish alerts use the key of their topic, without which they would publish nothing."""
    use = ["kms:Decrypt", "kms:GenerateDataKey*"]
    return [
        _allow_service("EncryptAlerts", "events.amazonaws.com", use),
        _allow_service("EncryptAlarms", "cloudwatch.amazonaws.com", use),
    ]


@dataclass(frozen=True, kw_only=True)
class KeyPlace:
    """Where a KMS key is: its account's root ARN and region, and who may manage it."""

    account_root: str
    account_id: str
    region: str
    managers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ForeignUse:
    """What roles of other accounts decrypt: their ARNs, and patterns of the ARNs of the secrets that they read."""

    readers: tuple[str, ...]
    secrets: tuple[str, ...]


NO_FOREIGN_USE = ForeignUse(readers=(), secrets=())


def secrets_key_policy(place: KeyPlace, *, log_group_pattern: str, foreign: ForeignUse = NO_FOREIGN_USE) -> Document:
    """Key policy for an environment's secrets and its rotators' logs. Its size does not grow with roles.

    Nobody decrypts with this key but through Secrets Manager, whose own policies say who reads what.
    """
    return document(
        *_administer_key(place.account_root, place.managers),
        *_use_through_secrets_manager(place, ["kms:Decrypt", "kms:GenerateDataKey*"], foreign),
        _encrypt_logs(f"logs.{place.region}.amazonaws.com", log_group_pattern),
    )


def replicas_key_policy(place: KeyPlace, *, primary_region: str, foreign: ForeignUse = NO_FOREIGN_USE) -> Document:
    """Key policy for the replicas of the secrets in another region, where ``place`` is."""
    use = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*"]
    return document(
        *_administer_key(place.account_root, place.managers),
        *_use_through_secrets_manager(place, use, foreign, replicated_from=primary_region),
    )


def _use_through_secrets_manager(
    place: KeyPlace, actions: Sequence[str], foreign: ForeignUse, *, replicated_from: str = ""
) -> list[Statement]:
    """Leave use of a key, through Secrets Manager alone, to this account's IAM, and name readers of other accounts."""
    via = {"kms:ViaService": via_secrets_manager(place.region, replicated_from)}
    own = allow(
        "UseThroughSecretsManager", actions, ["*"], {"StringEquals": {"kms:CallerAccount": place.account_id, **via}}
    )
    statements = [own | {"Principal": {"AWS": place.account_root}, "Resource": "*"}]
    if foreign.readers:
        theirs = {"StringEquals": via, "StringLike": {"kms:EncryptionContext:SecretARN": sorted(foreign.secrets)}}
        statements.append(allow_other_accounts("UseFromOtherAccounts", ["kms:Decrypt"], foreign.readers, theirs))
    return statements


def log_group_key_policy(place: KeyPlace, *, log_group_arn: str) -> Document:
    """Key policy for one log group: CloudWatch Logs alone uses the key, for that group alone."""
    return document(
        *_administer_key(place.account_root, place.managers),
        _encrypt_logs(f"logs.{place.region}.amazonaws.com", log_group_arn),
    )


def audit_key_policy(place: KeyPlace, *, trail_arn: str, log_group_arn: str) -> Document:
    """Key policy for the trail's files, its log group and the alerts' topic.

    EventBridge gets no condition: it sends no source to KMS when it publishes to an encrypted topic, and a topic whose
    key its senders cannot use gets nothing. Which alarm may publish, the topic's policy says.
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
        *_encrypt_alerts(),
    )


def alerts_key_policy(place: KeyPlace) -> Document:
    """Key policy for the alerts' topic alone, where the record of who read what is kept elsewhere."""
    return document(*_administer_key(place.account_root, place.managers), *_encrypt_alerts())
