"""The statements that a deployer's policy is made of: which actions, on which resources, under which condition.

An action goes to the first rule that takes it. A rule whose resources are more than the stack's own by name says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from klaviyo_access.cli.deployer.stack import (
    ASSOCIATION,
    BUCKET,
    FUNCTION,
    PROFILE,
    SCHEDULE,
    SECRET,
    TOPIC,
    TRAIL,
    Stack,
)

Condition = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A statement of the policy.

    Attributes:
        sid: its name.
        takes: patterns of the actions that it takes, separated by blanks.
        on: the ARNs that it is about.
        condition: under which it allows; None: always.
        reason: why ``on`` holds more than the stack's own resources by name; empty where it does not.
        goes_on: whether an action that it takes needs a later rule as well.
    """

    sid: str
    takes: str
    on: Callable[[Stack], Sequence[str]]
    condition: Callable[[Stack], Condition] | None = None
    reason: str = ""
    goes_on: bool = False

    def fits(self, action: str) -> bool:
        """Whether the rule takes an action."""
        return any(fnmatchcase(action, pattern) for pattern in self.takes.split())


def _everything(_: Stack) -> list[str]:
    return ["*"]


def _keys(stack: Stack) -> list[str]:
    return [f"arn:{stack.partition}:kms:{region}:{stack.account}:key/*" for region in stack.key_regions]


def _secrets(stack: Stack) -> list[str]:
    return stack.arns(SECRET, "secretsmanager", "secret:{name}-??????")


def _rotating(stack: Stack) -> list[str]:
    rotating = {
        urn
        for one in stack.of("aws:secretsmanager/secretRotation:SecretRotation")
        for urn in one.refers_to.get("secretId", ())
    }
    secrets = [one for one in stack.of(SECRET) if one.urn in rotating]
    return replace(stack, resources=secrets).arns(SECRET, "secretsmanager", "secret:{name}-??????")


def _functions(stack: Stack) -> list[str]:
    return stack.arns(FUNCTION, "lambda", "function:{name}")


def _log_groups(stack: Stack) -> list[str]:
    groups = stack.arns("aws:cloudwatch/logGroup:LogGroup", "logs", "log-group:{name}")
    return [arn for group in groups for arn in ((group,) if group.endswith("*") else (group, f"{group}:*"))]


def _roles(stack: Stack) -> list[str]:
    return stack.widened(stack.role_arns.values())


def _given_roles(stack: Stack) -> list[str]:
    return _by_any_path(stack, "role", stack.given_roles)


def _principals(kind: str) -> Callable[[Stack], list[str]]:
    def named(stack: Stack) -> list[str]:
        start = f"arn:{stack.partition}:iam::{stack.account}:{kind}/"
        names = {arn.rpartition("/")[2] for arn in stack.principals if arn.startswith(start)}
        return _by_any_path(stack, kind, sorted(names))

    return named


def _by_any_path(stack: Stack, kind: str, names: Sequence[str]) -> list[str]:
    start = f"arn:{stack.partition}:iam::{stack.account}:{kind}"
    return [f"{start}{path}{name}" for name in names for path in ("/", "/*/")]


def _buckets(stack: Stack) -> list[str]:
    return stack.arns(BUCKET, "s3", "{bucket}", regional=False)


def _tagged(stack: Stack) -> Condition:
    return {"StringEquals": {f"aws:ResourceTag/{tag}": value for tag, value in stack.key_tags.items()}}


def _tagging(stack: Stack) -> Condition:
    return {"StringEquals": {f"aws:RequestTag/{tag}": value for tag, value in stack.key_tags.items()}}


def _through_secrets_manager(stack: Stack) -> Condition:
    tagged = _tagged(stack)["StringEquals"]
    services = [f"secretsmanager.{region}.amazonaws.com" for region in stack.key_regions]
    return {"StringEquals": {**tagged, "kms:ViaService": services if len(services) > 1 else services[0]}}


def _own_rotators(stack: Stack) -> Condition:
    return {"ArnEquals": {"secretsmanager:RotationLambdaARN": _functions(stack)}}


def _recoverably(stack: Stack) -> Condition:
    if any(secret.inputs.get("recoveryWindowInDays") == 0 for secret in stack.of(SECRET)):
        return {}
    return {"BoolIfExists": {"secretsmanager:ForceDeleteWithoutRecovery": "false"}}


def _never_public(_: Stack) -> Condition:
    return {"Bool": {"secretsmanager:BlockPublicPolicy": "true"}}


def _these_policies(stack: Stack) -> Condition:
    attachments = stack.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    return {"ArnEquals": {"iam:PolicyARN": sorted({str(one.inputs["policyArn"]) for one in attachments})}}


_NO_RESOURCES: Final = "AWS's service authorization reference gives these actions no resource to name"
_ANY_PATH: Final = "IAM is asked for a principal by its name, and has it by whatever path; it shows no secret"
_KEYS_HAVE_NO_NAME: Final = "KMS draws a key's ARN; the condition leaves the keys that have this stack's tags"

RULES: Final = (
    Rule(sid="KnowRoles", takes="iam:GetRole", on=_principals("role"), reason=_ANY_PATH, goes_on=True),
    Rule(sid="KnowUsers", takes="iam:GetUser", on=_principals("user"), reason=_ANY_PATH),
    Rule(sid="AskQuota", takes="servicequotas:*", on=_everything, reason=_NO_RESOURCES),
    Rule(sid="EmptyBuckets", takes="s3:DeleteObjectVersion", on=lambda s: [f"{arn}/*" for arn in _buckets(s)]),
    Rule(sid="Buckets", takes="s3:*", on=_buckets),
    Rule(
        sid="UseKeysForSecrets",
        takes="kms:Decrypt kms:Encrypt kms:GenerateDataKey",
        on=_keys,
        condition=_through_secrets_manager,
        reason=f"{_KEYS_HAVE_NO_NAME}. Only Secrets Manager may use a key so, and no value is read without "
        "secretsmanager:GetSecretValue, which no statement allows",
    ),
    Rule(
        sid="NewKeys",
        takes="kms:CreateKey",
        on=_everything,
        condition=_tagging,
        reason=f"{_NO_RESOURCES}; the condition allows only keys that are born with this stack's tags",
    ),
    Rule(
        sid="TagKeys",
        takes="kms:TagResource",
        on=_keys,
        condition=_tagging,
        reason="a key that is being created has no tags yet, so the condition can only ask for the tags it gets. It "
        "also lets the deployer put them on another key of the account, if that key's policy leaves tagging to IAM",
        goes_on=True,
    ),
    Rule(sid="ListAliases", takes="kms:ListAliases", on=_everything, reason=_NO_RESOURCES),
    Rule(sid="Aliases", takes="kms:*Alias", on=lambda s: s.arns("aws:kms/alias:Alias", "kms", "{name}"), goes_on=True),
    Rule(sid="Keys", takes="kms:*", on=_keys, condition=_tagged, reason=_KEYS_HAVE_NO_NAME),
    Rule(sid="Rotation", takes="secretsmanager:RotateSecret", on=_rotating, condition=_own_rotators),
    Rule(
        sid="FindSecrets",
        takes="secretsmanager:ListSecrets",
        on=_everything,
        reason=f"{_NO_RESOURCES}; it shows names, labels and tags, and no value",
    ),
    Rule(sid="SecretPolicies", takes="secretsmanager:PutResourcePolicy", on=_secrets, condition=_never_public),
    Rule(sid="DeleteSecrets", takes="secretsmanager:DeleteSecret", on=_secrets, condition=_recoverably),
    Rule(sid="Secrets", takes="secretsmanager:*", on=_secrets),
    Rule(sid="Functions", takes="lambda:*", on=_functions),
    Rule(
        sid="FindLogGroups",
        takes="logs:DescribeLogGroups",
        on=lambda s: [f"arn:{s.partition}:logs:{s.region}:{s.account}:log-group:*"],
        reason="it searches by prefix, and CloudWatch Logs allows that on all log groups or on none; it shows settings",
    ),
    Rule(sid="LogGroups", takes="logs:*", on=_log_groups),
    Rule(
        sid="Rules",
        takes="events:*",
        on=lambda s: s.arns("aws:cloudwatch/eventRule:EventRule", "events", "rule/{name}"),
    ),
    Rule(
        sid="Schedules",
        takes="scheduler:*",
        on=lambda s: s.arns(SCHEDULE, "scheduler", "schedule/default/{name}"),
    ),
    Rule(
        sid="Alarms",
        takes="cloudwatch:*",
        on=lambda s: s.arns("aws:cloudwatch/metricAlarm:MetricAlarm", "cloudwatch", "alarm:{name}"),
    ),
    Rule(
        sid="Subscriptions",
        takes="sns:GetSubscriptionAttributes sns:Unsubscribe",
        on=_everything,
        reason=f"{_NO_RESOURCES}: a subscription's ARN ends in what SNS draws",
    ),
    Rule(sid="Topics", takes="sns:*", on=lambda s: s.arns(TOPIC, "sns", "{name}")),
    Rule(sid="FindTrails", takes="cloudtrail:DescribeTrails", on=_everything, reason=_NO_RESOURCES),
    Rule(sid="Trails", takes="cloudtrail:*", on=lambda s: s.arns(TRAIL, "cloudtrail", "trail/{name}")),
    Rule(
        sid="PodClusters",
        takes="eks:CreatePodIdentityAssociation",
        on=lambda s: s.arns(ASSOCIATION, "eks", "cluster/{clusterName}"),
    ),
    Rule(
        sid="PodAssociations",
        takes="eks:*",
        on=lambda s: s.arns(ASSOCIATION, "eks", "podidentityassociation/{clusterName}/*"),
        reason="EKS draws an association's id; the ARN holds the cluster's name",
    ),
    Rule(
        sid="InstanceProfiles",
        takes="iam:*InstanceProfile",
        on=lambda s: s.arns(PROFILE, "iam", "instance-profile{path}{name}", regional=False),
    ),
    Rule(sid="AttachPolicies", takes="iam:AttachRolePolicy iam:DetachRolePolicy", on=_roles, condition=_these_policies),
    Rule(
        sid="GivenRoles",
        takes="iam:DeleteRolePolicy iam:GetRolePolicy iam:PutRolePolicy",
        on=_given_roles,
        reason="these roles are the settings' own, and the stack only writes its grant into them; a rendering has no "
        "path of theirs, and no two roles of an account have one name",
        goes_on=True,
    ),
    Rule(sid="Roles", takes="iam:*", on=_roles),
)
"""In this order; an action that none takes is a defect."""


def has_no_resource(action: str) -> bool:
    """Whether AWS gives an action no resource to name."""
    return next(rule for rule in RULES if rule.fits(action)).on is _everything
