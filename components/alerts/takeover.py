"""Who would take over what reads keys: its code, its IAM role, or the KMS key. EventBridge patterns, as pure functions.

Whoever changes the code of a rotator, or may act in its role, reads every key of its role.
"""

from collections.abc import Sequence
from typing import Any, Final

from components.alerts.detections import Pattern

_OF_FUNCTIONS: Final = (
    "AddPermission",
    "CreateEventSourceMapping",
    "CreateFunction",
    "DeleteFunction",
    "PutFunction",
    "RemovePermission",
    "UpdateFunction",
)
"""What the names of Lambda's events begin with: CloudTrail adds the date and version of the API to most of them, as in
UpdateFunctionCode20150331v2. Source: Lambda developer guide, "Logging AWS Lambda API calls using AWS CloudTrail"."""
_OF_ROLES: Final = (
    "AddRoleToInstanceProfile",
    "AttachRolePolicy",
    "CreateRole",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "UpdateAssumeRolePolicy",
)
"""``CreateRole`` is one of them because policies name roles by ARN: a role made under a free name reads its keys."""
_OF_A_KEY: Final = ("CreateGrant", "DisableKey", "PutKeyPolicy", "ScheduleKeyDeletion")


def takeover(*, name_prefix: str, encryption_key_arn: str, deployers: Sequence[str]) -> Pattern:
    """A change of a function, an IAM role or the secrets' KMS key by anybody but a deployer.

    A denied one is seen only where CloudTrail shows what it was about, which it often does not.

    Args:
        name_prefix: what the name of every function and role of the environment begins with.
        encryption_key_arn: KMS key of the secrets.
        deployers: ARNs of the IAM roles and users that deploy, with their path.
    """
    functions = [{"prefix": name_prefix}, {"wildcard": f"*:{name_prefix}*"}]
    return {
        "source": ["aws.iam", "aws.kms", "aws.lambda"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "$or": [
                {
                    "eventName": [{"prefix": name} for name in _OF_FUNCTIONS],
                    "requestParameters": {"functionName": functions},
                },
                _of_roles(name_prefix),
                {
                    "eventName": [*_OF_A_KEY],
                    "requestParameters": {"keyId": [encryption_key_arn, encryption_key_arn.rpartition("/")[2]]},
                },
            ],
            "userIdentity": _anybody_but(deployers),
        },
    }


def roles_taken_over(*, name_prefix: str, deployers: Sequence[str]) -> Pattern:
    """What `takeover` looks for of IAM, whose events come up in one region alone."""
    return {
        "source": ["aws.iam"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {**_of_roles(name_prefix), "userIdentity": _anybody_but(deployers)},
    }


def _of_roles(name_prefix: str) -> dict[str, Any]:
    """In any case of letters, by which IAM tells no two roles apart."""
    roles = [{"prefix": {"equals-ignore-case": name_prefix}}]
    return {"eventName": [*_OF_ROLES], "requestParameters": {"roleName": roles}}


def _anybody_but(deployers: Sequence[str]) -> dict[str, Any]:
    """Whoever is neither one of these users nor in a session of one of these roles, whatever the session's name."""
    return {
        "$or": [
            {"sessionContext": {"sessionIssuer": {"arn": _none_of(deployers, ":role/")}}},
            {"type": [{"anything-but": ["AssumedRole", "IAMUser"]}]},
            {"type": ["IAMUser"], "arn": _none_of(deployers, ":user/")},
        ]
    }


def _none_of(deployers: Sequence[str], kind: str) -> list[Any]:
    """Match no ARN of those deployers that are of a kind; each stands in a pattern once, which has little room."""
    return [{"anything-but": sorted(arn for arn in deployers if kind in arn) or ["nobody"]}]
