"""Who may do what with the secrets of roles: their policies, and those of services, rotators and operators.

Who may do what is decided by two documents that say the same: the identity policy of a role names the one secret it may
use, and the secret's resource policy denies everybody who is not named there. Between roles of this project either
alone suffices; against a foreign administrator the resource policy does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from components.policies.statements import Document, Encryption, allow, allow_other_accounts, deny_all_but, document

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


def operate_keys(*, keys: str, reserves: str, rotators: str, logs: str, encryption: Encryption) -> Document:
    """Identity policy of the operators: stage a spare and ask for a rotation; read no value.

    RotateSecret only without naming a Lambda or a schedule, so that nobody points a secret at a function of his own, or
    puts a rotation off for ever. Secrets Manager asks its caller for lambda:InvokeFunction too. Decrypt on the reserve
    is for a retried put, which compares values.

    Args:
        keys: pattern of the ARNs of all roles' keys. Patterns, since IAM takes 10,240 characters a role, which a list
            of each role's secrets would pass at 18 roles.
        reserves: pattern of the ARNs of all roles' reserves.
        rotators: pattern of the ARNs of all rotators.
        logs: pattern of the ARNs of the log groups of the environment's functions, which hold no key: what the auditor
            found, among it the scopes that Klaviyo lists, and why a rotator did not rotate.
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
        allow("ReadLogs", ["logs:FilterLogEvents"], [logs]),
        allow("LookUpEvents", ["cloudtrail:LookupEvents"], ["*"]),
    )
