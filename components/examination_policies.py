"""What `klaviyo-access doctor` looks at in the operators' role, as a pure function of plain values: it describes."""

from dataclasses import dataclass

from components.names import AuditNames, function_arn_pattern
from components.policies import Document, allow, document
from klaviyo_access.access_model.environment import Environment


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What an examination describes, as ARNs and patterns of ARNs.

    Attributes:
        rotators: the Lambdas.
        rules: the rules of the alerts.
        topic: where alerts go.
        trail: the record of every read.
        alarms: the alarms.
        log_groups: every log group of the account: AWS asks for that, whatever name is looked for.
        roles: the IAM roles; also without their path, since AWS asks for one that is not there by its name alone.
    """

    rotators: str
    rules: str
    topic: str
    trail: str
    alarms: str
    log_groups: str
    roles: tuple[str, ...]

    @classmethod
    def of(cls, environment: Environment, trail_arn: str | None) -> "Examined":
        """What stands in ``environment``; ``trail_arn`` is the account's own trail, where that is relied on."""
        names, account = AuditNames.of(environment), environment.account_id
        here = f"{environment.region}:{account}"
        arn = f"arn:{environment.partition}"
        return cls(
            rotators=function_arn_pattern(environment),
            rules=f"{arn}:events:{here}:rule/{environment.prefix}-{environment.name}-*",
            topic=names.topic_arn,
            trail=trail_arn or names.trail_arn,
            alarms=f"{arn}:cloudwatch:{here}:alarm:{environment.prefix}-{environment.name}-*",
            log_groups=f"{arn}:logs:{here}:log-group:*",
            roles=(
                f"{arn}:iam::{account}:role{environment.iam_path}*",
                f"{arn}:iam::{account}:role/{environment.prefix}-{environment.name}-*",
            ),
        )


def examine(examined: Examined, *, encryption_key_arn: str) -> Document:
    """Identity policy of the operators: describe what is deployed, and no value of anything.

    Args:
        examined: what they describe.
        encryption_key_arn: KMS key of the secrets.
    """
    return document(
        allow("ListSecrets", ["secretsmanager:ListSecrets"], ["*"]),
        allow("SeeEncryption", ["kms:DescribeKey"], [encryption_key_arn]),
        allow("SeeRotators", ["lambda:GetFunctionConfiguration", "lambda:GetFunctionConcurrency"], [examined.rotators]),
        allow("SeeRules", ["events:DescribeRule", "events:ListTargetsByRule"], [examined.rules]),
        allow("SeeSubscribers", ["sns:ListSubscriptionsByTopic"], [examined.topic]),
        allow("SeeTrail", ["cloudtrail:GetTrailStatus"], [examined.trail]),
        allow("SeeAlarms", ["cloudwatch:DescribeAlarms"], [examined.alarms]),
        allow("SeeLogGroups", ["logs:DescribeLogGroups"], [examined.log_groups]),
        allow("SeeRoles", ["iam:GetRole"], examined.roles),
    )
