"""What `klaviyo-access doctor` looks at in the operators' role, as a pure function of plain values: it describes."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.names import MANAGED_BY, AuditNames, AuditorNames, function_arn_pattern
from components.policies.statements import Document, allow, document
from klaviyo_access.access_model.environment import Environment


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What an examination describes, as ARNs and patterns of ARNs.

    Attributes:
        keys: every KMS key of the account; a key has no name, so that tags say which are ours.
        key_tags: what the environment's KMS keys are tagged with.
        rotators: the Lambdas.
        schedule: when the keys are audited.
        rules: the rules of the alerts.
        topic: where alerts go.
        trail: the record of every read.
        bucket: the bucket of its files; None where the trail is the account's own.
        alarms: the alarms.
        log_groups: every log group of the account: AWS asks for that, whatever name is looked for.
        entries: the log group of the audit entries.
        roles: the IAM roles; also without their path, since AWS asks for one that is not there by its name alone.
        profiles: the instance profiles, likewise.
    """

    keys: str
    key_tags: Mapping[str, str]
    rotators: str
    schedule: str
    rules: str
    topic: str
    trail: str
    bucket: str | None
    alarms: str
    log_groups: str
    entries: str
    roles: tuple[str, ...]
    profiles: tuple[str, ...]

    @classmethod
    def of(cls, environment: Environment, trail_arn: str | None) -> "Examined":
        """What stands in ``environment``; ``trail_arn`` is the account's own trail, where that is relied on."""
        names, account = AuditNames.of(environment), environment.account_id
        here = f"{environment.region}:{account}"
        arn = f"arn:{environment.partition}"
        ours = (f"{environment.iam_path}*", f"/{environment.prefix}-{environment.name}-*")
        return cls(
            keys=f"{arn}:kms:{here}:key/*",
            key_tags={"environment": environment.name, "managed-by": MANAGED_BY},
            rotators=function_arn_pattern(environment),
            schedule=f"{arn}:scheduler:{here}:schedule/default/{AuditorNames.of(environment).schedule}",
            rules=f"{arn}:events:{here}:rule/{environment.prefix}-{environment.name}-*",
            topic=names.topic_arn,
            trail=trail_arn or names.trail_arn,
            bucket=None if trail_arn else names.bucket_arn,
            alarms=f"{arn}:cloudwatch:{here}:alarm:{environment.prefix}-{environment.name}-*",
            log_groups=f"{arn}:logs:{here}:log-group:*",
            entries=f"{arn}:logs:{here}:log-group:{environment.application_audit_log_group}",
            roles=tuple(f"{arn}:iam::{account}:role{end}" for end in ours),
            profiles=tuple(f"{arn}:iam::{account}:instance-profile{end}" for end in ours),
        )


def examine(examined: Examined) -> Document:
    """Identity policy of the operators: describe what is deployed, and no value of anything."""
    tagged = {"StringEquals": {f"aws:ResourceTag/{tag}": value for tag, value in examined.key_tags.items()}}
    kept = [
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketVersioning",
        "s3:GetLifecycleConfiguration",
    ]
    return document(
        allow("ListSecrets", ["secretsmanager:ListSecrets"], ["*"]),
        allow("SeeKeys", ["kms:DescribeKey", "kms:GetKeyPolicy"], [examined.keys], tagged),
        allow(
            "SeeRotators",
            ["lambda:GetFunctionConfiguration", "lambda:GetFunctionConcurrency", "lambda:GetPolicy"],
            [examined.rotators],
        ),
        allow("SeeSchedule", ["scheduler:GetSchedule"], [examined.schedule]),
        allow("SeeRules", ["events:DescribeRule", "events:ListTargetsByRule"], [examined.rules]),
        allow("SeeTopic", ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"], [examined.topic]),
        allow(
            "SeeTrail",
            ["cloudtrail:GetEventSelectors", "cloudtrail:GetTrail", "cloudtrail:GetTrailStatus"],
            [examined.trail],
        ),
        *([allow("SeeBucket", kept, [examined.bucket])] if examined.bucket else []),
        allow("SeeAlarms", ["cloudwatch:DescribeAlarms"], [examined.alarms]),
        allow("SeeLogGroups", ["logs:DescribeLogGroups"], [examined.log_groups]),
        allow("SeeFilters", ["logs:DescribeMetricFilters"], [examined.entries, f"{examined.entries}:*"]),
        allow(
            "SeeRoles",
            ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
            examined.roles,
        ),
        allow("SeeProfiles", ["iam:GetInstanceProfile"], examined.profiles),
    )
