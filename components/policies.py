"""Every IAM document of the project, as pure functions of plain values.

Who may do what is decided by two documents that say the same: the identity policy of a role names the one secret it may
use, and the secret's resource policy denies everybody who is not named there. Between roles of this project either
alone suffices; against a foreign administrator the resource policy does.

A statement whose Resource is ``*`` has its reason in `REASONS_FOR_EVERY_RESOURCE`, by its Sid.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

Statement = dict[str, Any]
Document = dict[str, Any]

_ON_ITS_OWN: Final = "a resource policy speaks of the secret it is on, and it travels to replicas with another ARN"
_ON_A_KEY: Final = "a key policy speaks of the key it is on; KMS takes no other Resource there"

REASONS_FOR_EVERY_RESOURCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ReadByReadersAlone": _ON_ITS_OWN,
        "WriteByWritersAlone": _ON_ITS_OWN,
        "LabelByTheRotatorAlone": _ON_ITS_OWN,
        "ManageByDeployersAlone": _ON_ITS_OWN,
        "RotateByOperatorsAlone": _ON_ITS_OWN,
        "ReadFromOtherAccounts": _ON_ITS_OWN,
        "AdministerByIam": _ON_A_KEY,
        "UseThroughSecretsManager": _ON_A_KEY,
        "UseFromOtherAccounts": _ON_A_KEY,
        "ManageKeyByDeployersAlone": _ON_A_KEY,
        "EncryptLogs": _ON_A_KEY,
        "EncryptTrail": _ON_A_KEY,
        "DescribeForTrail": _ON_A_KEY,
        "DecryptTrail": _ON_A_KEY,
        "EncryptAlerts": _ON_A_KEY,
        "EncryptAlarms": _ON_A_KEY,
        "ListSecrets": "secretsmanager:ListSecrets knows no resources; it shows names and tags, never a value",
        "LookUpEvents": "cloudtrail:LookupEvents knows no resources; it shows who did what, never a value",
    }
)

MANAGE_SECRET: Final = (
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:DeleteResourcePolicy",
    "secretsmanager:UpdateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:RestoreSecret",
    "secretsmanager:CancelRotateSecret",
    "secretsmanager:Replicate*",
    "secretsmanager:Associate*",
    "secretsmanager:Disassociate*",
    "secretsmanager:StopReplication*",
    "secretsmanager:RemoveRegions*",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
)


_READ: Final = ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret")
_ENCRYPT_REPLICA: Final = ("kms:Encrypt", "kms:GenerateDataKey")
"""What AWS asks for on the KMS key of a replica.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicateSecretToRegions.html
"""


def to_json(document: Document) -> str:
    """The document as AWS takes it; the same document gives the same text."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True)


def document(*statements: Statement) -> Document:
    """A policy document of ``statements``."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(sid: str, actions: Sequence[str], resources: Sequence[str], condition: Document | None = None) -> Statement:
    """Allow ``actions`` on ``resources``, where ``condition`` holds."""
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement if condition is None else statement | {"Condition": condition}


def deny_all_but(sid: str, actions: Sequence[str], principals: Iterable[str]) -> Statement:
    """Deny to everybody but ``principals``; by aws:PrincipalArn, since NotPrincipal would need every session's ARN."""
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": sorted(set(principals))}},
    }


def allow_other_accounts(sid: str, actions: Sequence[str], principals: Iterable[str], condition: Document) -> Statement:
    """Allow roles of other accounts to do ``actions``, where ``condition`` holds too.

    The Principal is their account, and the condition names the role: a role as Principal must exist when the policy is
    put, and is lost when its owner makes it anew.
    """
    named = sorted(set(principals))
    roots = sorted({f"{arn.rpartition(':')[0]}:root" for arn in named})
    equals = {**condition.get("StringEquals", {}), "aws:PrincipalArn": named}
    statement = allow(sid, actions, ["*"], {**condition, "StringEquals": equals})
    return statement | {"Principal": {"AWS": roots}, "Resource": "*"}


@dataclass(frozen=True, kw_only=True)
class SecretPrincipals:
    """Whom a secret's resource policy names, as ARNs of roles with their path.

    Attributes:
        readers: may read the value.
        writers: may put a value.
        labellers: may move labels, and so publish a value.
        managers: deployers, break-glass and the account's root.
        may_rotate: may start a rotation, beside the managers.
        foreign_readers: those of ``readers`` that are roles of other accounts.
    """

    readers: tuple[str, ...]
    writers: tuple[str, ...]
    labellers: tuple[str, ...]
    managers: tuple[str, ...]
    may_rotate: tuple[str, ...]
    foreign_readers: tuple[str, ...] = ()


def secret_resource_policy(principals: SecretPrincipals) -> Document:
    """The resource policy of a role's `key` or `reserve`.

    DescribeSecret, GetResourcePolicy and ListSecretVersionIds are never denied: they show no value, and whoever looks
    for what is wrong needs them. A reader of another account is allowed here too, since AWS asks both accounts.
    """
    foreign = [allow_other_accounts("ReadFromOtherAccounts", _READ, principals.foreign_readers, {})]
    return document(
        deny_all_but("ReadByReadersAlone", ["secretsmanager:GetSecretValue"], principals.readers),
        deny_all_but("WriteByWritersAlone", ["secretsmanager:PutSecretValue"], principals.writers),
        deny_all_but("LabelByTheRotatorAlone", ["secretsmanager:UpdateSecretVersionStage"], principals.labellers),
        deny_all_but("ManageByDeployersAlone", MANAGE_SECRET, principals.managers),
        deny_all_but(
            "RotateByOperatorsAlone", ["secretsmanager:RotateSecret"], (*principals.managers, *principals.may_rotate)
        ),
        *(foreign if principals.foreign_readers else ()),
    )


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """The KMS key of an environment's secrets in one region: its ARN, and whose Secrets Manager may use it.

    Attributes:
        key_arn: ARN of the KMS key.
        region: where key and secrets are.
        replicated_from: region of the primary secrets, where these are replicas of them.
    """

    key_arn: str
    region: str
    replicated_from: str = ""

    def allow(self, sid: str, actions: Sequence[str], secret_arns: Sequence[str]) -> Statement:
        """Allow ``actions`` on the key through Secrets Manager alone, and for these secrets alone."""
        return self._allow_for(sid, actions, {"StringEquals": {"kms:EncryptionContext:SecretARN": list(secret_arns)}})

    def allow_like(self, sid: str, actions: Sequence[str], secret_arn_pattern: str) -> Statement:
        """Allow ``actions`` on the key through Secrets Manager alone, and for secrets of this pattern alone."""
        return self._allow_for(sid, actions, {"StringLike": {"kms:EncryptionContext:SecretARN": secret_arn_pattern}})

    def _allow_for(self, sid: str, actions: Sequence[str], secrets: Mapping[str, Mapping[str, Any]]) -> Statement:
        through = {"kms:ViaService": via_secrets_manager(self.region, self.replicated_from)}
        equals = {**secrets.get("StringEquals", {}), **through}
        return allow(sid, actions, [self.key_arn], {**secrets, "StringEquals": equals})


def via_secrets_manager(region: str, replicated_from: str = "") -> str | list[str]:
    """The value of kms:ViaService for secrets of ``region``; which side replicates a secret, AWS does not say."""
    services = [f"secretsmanager.{each}.amazonaws.com" for each in (region, replicated_from) if each]
    return services if replicated_from else services[0]


def in_region(arn: str, region: str) -> str:
    """The ARN of a secret's replica, which differs in the region alone.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
    """
    parts = arn.split(":")
    return ":".join((*parts[:3], region, *parts[4:]))


def copies(secret_arns: Sequence[str], replicas: Sequence[Encryption]) -> list[str]:
    """The secrets themselves, and their replicas in each region."""
    return [*secret_arns, *(in_region(arn, replica.region) for replica in replicas for arn in secret_arns)]


def _sid_in(sid: str, region: str) -> str:
    return f"{sid}In{region.title().replace('-', '')}"


def read_keys(secret_arns: Sequence[str], encryption: Encryption, replicas: Sequence[Encryption] = ()) -> Document:
    """Identity policy of a service: read the live key of its role, in every region that has it, and nothing else.

    Args:
        secret_arns: the primary secrets.
        encryption: their KMS key.
        replicas: the KMS key of their replicas, for each region. A replica is decrypted under its own ARN or its
            primary's: AWS does not say which, and it is the same key of Klaviyo's.
    """
    return document(
        allow("ReadKey", _READ, copies(secret_arns, replicas)),
        encryption.allow("DecryptKey", ["kms:Decrypt"], secret_arns),
        *(
            replica.allow(_sid_in("DecryptKey", replica.region), ["kms:Decrypt"], copies(secret_arns, [replica]))
            for replica in replicas
        ),
    )


def rotate_key(
    *,
    key_arn: str,
    reserve_arn: str,
    log_group_arn: str,
    encryption: Encryption,
    replicas: Sequence[Encryption] = (),
) -> Document:
    """Identity policy of a role's rotator: promote what the reserve holds, on this role's secrets alone.

    What it puts, Secrets Manager encrypts for each replica too; ``replicas`` holds the KMS key of each region.
    """
    return document(
        allow(
            "PromoteKey",
            [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            [key_arn],
        ),
        allow(
            "TakeSpare",
            [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            [reserve_arn],
        ),
        encryption.allow("DecryptKeyAndSpares", ["kms:Decrypt"], [key_arn, reserve_arn]),
        encryption.allow("EncryptKey", ["kms:GenerateDataKey"], [key_arn]),
        *(
            replica.allow(_sid_in("EncryptKey", replica.region), _ENCRYPT_REPLICA, copies([key_arn], [replica]))
            for replica in replicas
        ),
        allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"]),
    )


def operate_keys(*, keys: str, reserves: str, rotators: str, findings: str, encryption: Encryption) -> Document:
    """Identity policy of the operators: stage a spare and ask for a rotation; read no value.

    RotateSecret only without naming a Lambda or a schedule, so that nobody points a secret at a function of his own, or
    puts a rotation off for ever. Secrets Manager asks its caller for lambda:InvokeFunction too. Decrypt on the reserve
    is for a retried put, which compares values.

    Args:
        keys: pattern of the ARNs of all roles' keys. Patterns, since IAM takes 10,240 characters a role, which a list
            of each role's secrets would pass at 18 roles.
        reserves: pattern of the ARNs of all roles' reserves.
        rotators: pattern of the ARNs of all rotators.
        findings: ARN of the log group with what the auditor found, among it the scopes that Klaviyo lists.
        encryption: KMS key of the secrets.
    """
    return document(
        allow(
            "SeeKeys",
            [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetResourcePolicy",
                "secretsmanager:ListSecretVersionIds",
            ],
            [keys, reserves],
        ),
        allow("StageSpare", ["secretsmanager:PutSecretValue"], [reserves]),
        encryption.allow_like("EncryptSpare", ["kms:GenerateDataKey", "kms:Decrypt"], reserves),
        allow(
            "RotateKey",
            ["secretsmanager:RotateSecret"],
            [keys],
            {
                "Null": {"secretsmanager:RotationLambdaARN": "true"},
                "BoolIfExists": {"secretsmanager:ModifyRotationRules": "false"},
            },
        ),
        allow("RunRotator", ["lambda:InvokeFunction"], [rotators]),
        allow("ReadFindings", ["logs:FilterLogEvents"], [findings, f"{findings}:*"]),
        allow("LookUpEvents", ["cloudtrail:LookupEvents"], ["*"]),
    )


def write_trail_log(log_group_arn: str) -> Document:
    """Identity policy of the role with which CloudTrail writes into its log group."""
    return document(allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:log-stream:*"]))


def audit_bucket_policy(*, bucket_arn: str, trail_arn: str, account_id: str) -> Document:
    """Bucket policy for the trail's files: written by this trail alone, over TLS alone."""
    of_the_trail = {"StringEquals": {"aws:SourceArn": trail_arn}}
    by_owner = {"StringEquals": {"aws:SourceArn": trail_arn, "s3:x-amz-acl": "bucket-owner-full-control"}}
    trail = {"Principal": {"Service": "cloudtrail.amazonaws.com"}}
    return document(
        allow("CheckAcl", ["s3:GetBucketAcl"], [bucket_arn], of_the_trail) | trail,
        allow("WriteTrail", ["s3:PutObject"], [f"{bucket_arn}/AWSLogs/{account_id}/*"], by_owner) | trail,
        {
            "Sid": "OverTlsAlone",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def alert_topic_policy(*, topic_arn: str, alarm_arn: str) -> Document:
    """Topic policy: EventBridge publishes alerts, and CloudWatch those of our alarms. EventBridge sends no source.

    ``alarm_arn`` may be a pattern: AWS compares by ArnEquals as by ArnLike.
    """
    rules = allow("PublishAlerts", ["sns:Publish"], [topic_arn])
    alarm = allow("PublishAlarm", ["sns:Publish"], [topic_arn], {"ArnEquals": {"aws:SourceArn": alarm_arn}})
    return document(
        rules | {"Principal": {"Service": "events.amazonaws.com"}},
        alarm | {"Principal": {"Service": "cloudwatch.amazonaws.com"}},
    )
