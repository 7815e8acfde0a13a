"""What the project's IAM documents are made of: statements, as pure functions of plain values.

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
