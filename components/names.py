"""Physical names and tags: explicit, prefixed, and shortened by hash where AWS sets a limit."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from klaviyo_access.access_model.environment import OAUTH_FOLDER, Environment

IAM_ROLE_LIMIT = 64
FUNCTION_LIMIT = 64
EVENT_RULE_LIMIT = 64
SCHEDULE_LIMIT = 64
BUCKET_LIMIT = 63
TRAIL_LIMIT = 128
TOPIC_LIMIT = 256
ALARM_LIMIT = 255

MANAGED_BY = "klaviyo-access"
"""The tag by which an environment's resources are known for ours."""

_HASH_LENGTH = 8


def shorten(name: str, limit: int) -> str:
    """Return ``name``, or, when it has more than ``limit`` characters, its start and 8 hex digits of its SHA-256."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limit - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def physical_name(environment: Environment, *parts: str, limit: int) -> str:
    """The name in AWS of one thing of an environment: prefix, environment and ``parts``, joined by hyphens."""
    return shorten("-".join((environment.prefix, environment.name, *parts)), limit)


def role_arn(environment: Environment, name: str) -> str:
    """The ARN of an IAM role that this project creates, known before the role exists."""
    return f"arn:{environment.partition}:iam::{environment.account_id}:role{environment.iam_path}{name}"


def service_role_name(environment: Environment, service: str) -> str:
    """The name of the IAM role of a service."""
    return physical_name(environment, service, limit=IAM_ROLE_LIMIT)


def rotator_role_name(environment: Environment, role: str) -> str:
    """The name of the IAM role of a role's rotator."""
    return physical_name(environment, role, "rotator", limit=IAM_ROLE_LIMIT)


def rotator_name(environment: Environment, role: str) -> str:
    """The name of a role's rotator, the Lambda."""
    return physical_name(environment, role, "rotator", limit=FUNCTION_LIMIT)


def canary_rule_name(environment: Environment, role: str) -> str:
    """The name of the rule that tries a role's new key once it is in use."""
    return physical_name(environment, role, "canary", limit=EVENT_RULE_LIMIT)


def role_watch_name(environment: Environment) -> str:
    """The name of the rule that passes changes of IAM roles on to the alerts, and of its IAM role."""
    return physical_name(environment, "role-events", limit=IAM_ROLE_LIMIT)


def redeployer_name(environment: Environment) -> str:
    """The name of the Lambda that deploys services anew, and of its IAM role."""
    return physical_name(environment, "redeployer", limit=IAM_ROLE_LIMIT)


def redeployment_alarm_name(environment: Environment) -> str:
    """The name of the alarm on its failures."""
    return physical_name(environment, "redeployment-failed", limit=ALARM_LIMIT)


def redeployment_rule_name(environment: Environment, service: str) -> str:
    """The name of the rule that deploys a service anew once its key has changed."""
    return physical_name(environment, service, "redeploy", limit=EVENT_RULE_LIMIT)


def webhook_rotator_name(environment: Environment, webhook: str) -> str:
    """The name of a webhook's rotator: of its IAM role, and of its Lambda."""
    return physical_name(environment, webhook, "webhook", limit=IAM_ROLE_LIMIT)


def secret_arn_prefix(environment: Environment, region: str) -> str:
    """What the ARN of every secret in the environment's account begins with, in a region."""
    return f"arn:{environment.partition}:secretsmanager:{region}:{environment.account_id}:secret:"


def secret_arn_of(environment: Environment, name: str, region: str) -> str:
    """The pattern of the ARN of one secret in a region; AWS adds a hyphen and six characters to its name."""
    return f"{secret_arn_prefix(environment, region)}{name}-??????"


def secret_arn_pattern(environment: Environment, kind: Literal["key", "reserve"]) -> str:
    """The pattern of the ARNs of every role's `key` or `reserve`; AWS adds a hyphen and six characters to a name."""
    return secret_arn_of(environment, environment.secret_name("*", kind), environment.region)


def oauth_secret_name(environment: Environment, account: str | None = None) -> str:
    """The name of the secret with an account's OAuth tokens; without an account, of the app's client secret."""
    folder = f"{environment.prefix}/{environment.name}/{OAUTH_FOLDER}"
    return f"{folder}/client" if account is None else f"{folder}/{account}/tokens"


def webhook_secret_name(environment: Environment, webhook: str) -> str:
    """The name of the secret with which Klaviyo signs a webhook's deliveries."""
    return f"{environment.prefix}/{environment.name}/{webhook}/webhook"


def oauth_arn_pattern(environment: Environment, account: str | None = None) -> str:
    """The pattern of the ARN of such a secret; the account ``*`` stands for all."""
    return secret_arn_of(environment, oauth_secret_name(environment, account), environment.region)


def function_arn_pattern(environment: Environment) -> str:
    """The pattern of the ARNs of the environment's functions; no prefix and no environment has a hyphen."""
    here = f"{environment.partition}:lambda:{environment.region}:{environment.account_id}"
    return f"arn:{here}:function:{environment.prefix}-{environment.name}-*"


def function_logs_pattern(environment: Environment) -> str:
    """The pattern of the ARNs of the log groups of these functions, with and without the ``:*`` at their end."""
    here = f"{environment.partition}:logs:{environment.region}:{environment.account_id}"
    return f"arn:{here}:log-group:/aws/lambda/{environment.prefix}-{environment.name}-*"


def account_root_arn(environment: Environment) -> str:
    """The ARN that stands for the account itself in a policy's Principal and in aws:PrincipalArn."""
    return f"arn:{environment.partition}:iam::{environment.account_id}:root"


@dataclass(frozen=True, kw_only=True)
class AuditNames:
    """Physical names and ARNs of an environment's audit trail, known before anything exists.

    ``alarm_arns`` is the pattern of the ARNs of all alarms.
    """

    trail: str
    bucket: str
    log_group: str
    delivery_role: str
    topic: str
    key_alias: str
    tampering_rule: str
    alarm: str
    trail_arn: str
    bucket_arn: str
    log_group_arn: str
    topic_arn: str
    alarm_arn: str
    alarm_arns: str

    @classmethod
    def of(cls, environment: Environment) -> "AuditNames":
        """The names in ``environment``; a bucket's name is unique in the world, so it holds account and region.

        The bucket's is never shortened: a name over `BUCKET_LIMIT` is refused before anything is built.
        """
        here = f"{environment.region}:{environment.account_id}"
        arn = f"arn:{environment.partition}"
        trail = physical_name(environment, "audit", limit=TRAIL_LIMIT)
        bucket = "-".join((environment.prefix, environment.name, "audit", environment.account_id, environment.region))
        log_group = f"/{environment.prefix}/{environment.name}/audit"
        topic = physical_name(environment, "alerts", limit=TOPIC_LIMIT)
        alarm = physical_name(environment, "suspicious-entries", limit=ALARM_LIMIT)
        return cls(
            trail=trail,
            bucket=bucket,
            log_group=log_group,
            delivery_role=physical_name(environment, "audit-delivery", limit=IAM_ROLE_LIMIT),
            topic=topic,
            key_alias=f"{environment.prefix}/{environment.name}/audit",
            tampering_rule=physical_name(environment, "trail-tampered", limit=EVENT_RULE_LIMIT),
            alarm=alarm,
            trail_arn=f"{arn}:cloudtrail:{here}:trail/{trail}",
            bucket_arn=f"{arn}:s3:::{bucket}",
            log_group_arn=f"{arn}:logs:{here}:log-group:{log_group}",
            topic_arn=f"{arn}:sns:{here}:{topic}",
            alarm_arn=f"{arn}:cloudwatch:{here}:alarm:{alarm}",
            alarm_arns=f"{arn}:cloudwatch:{here}:alarm:{environment.prefix}-{environment.name}-*",
        )


@dataclass(frozen=True, kw_only=True)
class AuditorNames:
    """Physical names of an environment's auditor, and the ARN of its IAM role, known before anything exists."""

    function: str
    role: str
    role_arn: str
    schedule: str
    schedule_role: str
    urgent_alarm: str
    findings_alarm: str
    silence_alarm: str
    failure_alarm: str

    @classmethod
    def of(cls, environment: Environment) -> "AuditorNames":
        """The names in ``environment``."""
        role = physical_name(environment, "key-auditor", limit=IAM_ROLE_LIMIT)
        return cls(
            function=environment.auditor_name,
            role=role,
            role_arn=role_arn(environment, role),
            schedule=physical_name(environment, "key-audit", limit=SCHEDULE_LIMIT),
            schedule_role=physical_name(environment, "key-audit-schedule", limit=IAM_ROLE_LIMIT),
            urgent_alarm=physical_name(environment, "urgent-key-findings", limit=ALARM_LIMIT),
            findings_alarm=physical_name(environment, "key-findings", limit=ALARM_LIMIT),
            silence_alarm=physical_name(environment, "no-key-audit", limit=ALARM_LIMIT),
            failure_alarm=physical_name(environment, "key-auditor-failed", limit=ALARM_LIMIT),
        )


@dataclass(frozen=True, kw_only=True)
class Tags:
    """What every resource of an environment is tagged with."""

    owner: str
    environment: str
    compliance: tuple[str, ...] = ()

    def as_mapping(self, **more: str) -> Mapping[str, str]:
        """The tags as AWS takes them; ``more`` adds such as ``role``."""
        common = {"owner": self.owner, "environment": self.environment, "managed-by": MANAGED_BY}
        if self.compliance:
            common["compliance"] = " ".join(self.compliance)
        return common | more
