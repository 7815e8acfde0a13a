"""What the trail's events of secrets are watched for: EventBridge patterns, as pure functions of plain values.

EventBridge takes patterns of at most 2,048 characters; a longer one is refused here rather than by AWS half way.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from klaviyo_access.access_model.environment import EnvironmentSettingsError

Pattern = dict[str, Any]

LARGEST_PATTERN: Final = 2048

ALL_MANAGEMENT_EVENTS: Final = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
"""State of a rule that also sees read-only calls such as GetSecretValue; plain ENABLED never does."""

_FEWER_READERS: Final = "too many services read this secret. Give some of them a role of their own."

_READS: Final = ("GetSecretValue", "BatchGetSecretValue")
_TOUCHES: Final = (
    "PutResourcePolicy",
    "DeleteResourcePolicy",
    "UpdateSecret",
    "DeleteSecret",
    "ReplicateSecretToRegions",
    "RemoveRegionsFromReplication",
    "StopReplicationToReplica",
    "AssociateCrossAccountReplica",
)


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One thing that must never happen unseen.

    Attributes:
        label: short name, unique in the environment.
        rule_name: physical name of its EventBridge rule.
        description: what it means when it fires.
        pattern: the EventBridge pattern, as JSON.
    """

    label: str
    rule_name: str
    description: str
    pattern: pulumi.Input[str]


class PatternTooLargeError(EnvironmentSettingsError):
    """A detection would be longer than EventBridge takes."""


def to_json(pattern: Pattern, *, what: str, cure: str = _FEWER_READERS) -> str:
    """The pattern as AWS takes it.

    Args:
        pattern: what is looked for.
        what: the same in words, for whoever reads that it is too long.
        cure: why it would be, and what to do.

    Raises:
        PatternTooLargeError: it has more than 2,048 characters.
    """
    text = json.dumps(pattern, separators=(",", ":"), sort_keys=True)
    if len(text) > LARGEST_PATTERN:
        raise PatternTooLargeError(
            f"The detection of {what} has {len(text)} characters, EventBridge takes {LARGEST_PATTERN}: {cure}"
        )
    return text


def _named(name: str, arn_prefixes: Sequence[str]) -> list[Any]:
    """Match a secret however the caller spelt it: by name, by ARN, or by ARN without the six characters at its end.

    A name with a slash at its end stands for every secret below it.
    """
    by_arn = [{"prefix": f"{prefix}{name}"} for prefix in arn_prefixes]
    return [{"prefix": name} if name.endswith("/") else name, *by_arn]


def read_by_stranger(
    *, secret_name: str, arn_prefixes: Sequence[str], readers: Sequence[str], foreign_accounts: Sequence[str] = ()
) -> Pattern:
    """A read, allowed or denied, of a secret's value by anybody but ``readers``.

    Args:
        secret_name: the secret's name, or with a slash at its end what the names of several begin with.
        arn_prefixes: ``arn:aws:secretsmanager:<region>:<account>:secret:`` of each region that has the secret.
        readers: ARNs of the roles that may read, with their path.
        foreign_accounts: accounts of those readers that are of another account. CloudTrail shows of such a caller the
            account and no role, so a stranger of the same account, whom the policies refuse, is not told from them.
    """
    secret = _named(secret_name, arn_prefixes)
    known_by_role = {"sessionContext": {"sessionIssuer": {"arn": [{"anything-but": sorted(readers)}]}}}
    strangers = [known_by_role, {"type": [{"anything-but": ["AssumedRole"]}]}]
    if foreign_accounts:
        strangers = [
            known_by_role,
            {"type": [{"anything-but": ["AssumedRole", "AWSAccount"]}]},
            {"type": ["AWSAccount"], "accountId": [{"anything-but": sorted(foreign_accounts)}]},
        ]
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventName": [*_READS],
            "requestParameters": {"$or": [{"secretId": secret}, {"secretIdList": secret}]},
            "userIdentity": {"$or": strangers},
        },
    }


def passed_on(*, folder: str, arn_prefix: str) -> Pattern:
    """What is to be heard elsewhere of the secrets of ``folder``, which ends with a slash: each read and each touch.

    A batch read by a filter names none of them, and is one of the reads.
    """
    secret = _named(folder, [arn_prefix])
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventName": [*_READS, *_TOUCHES],
            "requestParameters": {
                "$or": [{"secretId": secret}, {"secretIdList": secret}, {"filters": [{"exists": True}]}]
            },
        },
    }


def rotation_failed(*, secret_arn_prefix: str) -> Pattern:
    """A rotation of one of the environment's keys that failed, or that AWS gave up because somebody wrote meanwhile."""
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {
            "eventName": ["RotationFailed", "RotationAbandoned"],
            "additionalEventData": {"SecretId": [{"prefix": secret_arn_prefix}]},
        },
    }


def rotation_succeeded(*, secret_arn: str) -> Pattern:
    """A rotation of one secret that ended well."""
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {"eventName": ["RotationSucceeded"], "additionalEventData": {"SecretId": [secret_arn]}},
    }


def key_changed(*, secret_arns: Sequence[str]) -> Pattern:
    """Another key of one of these secrets is current: a rotation succeeded, or a rotator moved AWSCURRENT.

    The second is what a roll-back does. A rotation does both within a second, and ECS lets the later of two new
    deployments replace the other.
    """
    arns = sorted(secret_arns)
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"],
        "detail": {
            "$or": [
                {"eventName": ["RotationSucceeded"], "additionalEventData": {"SecretId": arns}},
                {
                    "eventName": ["UpdateSecretVersionStage"],
                    "requestParameters": {"secretId": arns, "versionStage": ["AWSCURRENT"]},
                    "errorCode": [{"exists": False}],
                },
            ]
        },
    }


def secrets_touched(*, folder: str, arn_prefixes: Sequence[str]) -> Pattern:
    """A call, allowed or denied, by which a secret of ``folder``, which ends with a slash, is opened, copied, or lost.

    ``UpdateSecret`` is one of them because it can write a value too, and ``StopReplicationToReplica`` because what was
    a replica is then a secret of its own. ``arn_prefixes`` are as in `read_by_stranger`.
    """
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventName": [*_TOUCHES],
            "requestParameters": {"secretId": _named(folder, arn_prefixes)},
        },
    }


def batch_read_by_filter() -> Pattern:
    """A batch read that names no secret but a filter, so that no detection of one secret sees it; nobody here does."""
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventName": ["BatchGetSecretValue"], "requestParameters": {"filters": [{"exists": True}]}},
    }
