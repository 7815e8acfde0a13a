"""What the KMS keys of the secrets are made of: at home, and in each region that has replicas."""

from dataclasses import replace

from components.names import secret_arn_of
from components.plans.plan import Plan
from components.policies.encryption_keys import ForeignUse, replicas_key_policy, secrets_key_policy
from components.secrets.encryption_key import EncryptionKeyArgs


def secrets_key(plan: Plan) -> EncryptionKeyArgs:
    """The KMS key of the secrets and of the rotators' logs."""
    here = plan.environment
    logs = f"arn:{here.partition}:logs:{here.region}:{here.account_id}:log-group"
    return EncryptionKeyArgs(
        alias=f"{here.prefix}/{here.name}/keys",
        description=f"Encrypts the Klaviyo API keys of {here.name}",
        policy=secrets_key_policy(
            plan.key_place,
            log_group_pattern=f"{logs}:/aws/lambda/{here.prefix}-{here.name}-*",
            foreign=_foreign_use(plan, here.region),
        ),
        tags=plan.tags(),
        protect=plan.protect_secrets,
        restored=plan.settings.restored.encryption_key if plan.settings.restored else None,
    )


def replicas_key(plan: Plan, region: str) -> EncryptionKeyArgs:
    """The KMS key of the secrets' replicas in ``region``."""
    here = plan.environment
    return EncryptionKeyArgs(
        alias=f"{here.prefix}/{here.name}/keys",
        description=f"Encrypts the replicas of the Klaviyo API keys of {here.name}",
        policy=replicas_key_policy(
            replace(plan.key_place, region=region),
            primary_region=here.region,
            foreign=_foreign_use(plan, here.region, region),
        ),
        tags=plan.tags(),
        protect=plan.protect,
        region=region,
    )


def _foreign_use(plan: Plan, *regions: str) -> ForeignUse:
    """What readers of other accounts decrypt; under which region's ARN a replica is, AWS does not say."""
    readers = {role: plan.principals.foreign_readers(role) for role in plan.access.roles}
    return ForeignUse(
        readers=tuple(sorted({arn for arns in readers.values() for arn in arns})),
        secrets=tuple(
            secret_arn_of(plan.environment, plan.environment.secret_name(role, "key"), region)
            for role, arns in readers.items()
            if arns
            for region in regions
        ),
    )
