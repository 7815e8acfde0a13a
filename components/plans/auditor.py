"""What the auditor is made of: which roles there are, what their keys should have, and whose key lists keys."""

import json
from collections.abc import Mapping

import pulumi

from components.functions.bundle import auditor_code
from components.functions.key_auditor import KeyAuditorArgs
from components.names import AuditorNames, function_arn_pattern, rotator_name, secret_arn_pattern
from components.plans.plan import Plan, SecretKeys
from components.secrets.role_key import RoleKey

LONGEST_AGE_DAYS: Mapping[str, int] = {"month": 38, "quarter": 99}
"""A schedule's longest time between two rotations, and a week in which a failed one is put right."""


def key_auditor(
    plan: Plan, role_keys: Mapping[str, RoleKey], keys: SecretKeys, topic_arn: pulumi.Input[str]
) -> KeyAuditorArgs:
    """The daily audit of all keys."""
    here = plan.environment
    custodian = next((role for role, access in plan.access.roles.items() if access.is_custodian), None)
    return KeyAuditorArgs(
        names=AuditorNames.of(here),
        environment_name=here.name,
        dimensions={"Prefix": here.prefix, "Environment": here.name},
        iam_path=here.iam_path,
        code=auditor_code(plan.project, audited_roles(plan)),
        environment={
            "ENVIRONMENT": here.name,
            "PREFIX": here.prefix,
            "KLAVIYO_URL": here.klaviyo_url,
            "LONGEST_AGE_DAYS": str(LONGEST_AGE_DAYS[plan.settings.rotate_every]),
        },
        keys=secret_arn_pattern(here, "key"),
        reserves=secret_arn_pattern(here, "reserve"),
        rotators=function_arn_pattern(here),
        custodian_key_arn=role_keys[custodian].key_arn if custodian else None,
        encryption_key_arn=keys.home,
        region=here.region,
        account_id=here.account_id,
        topic_arn=topic_arn,
        log_retention_days=plan.settings.audit_retention_days,
        tags=plan.tags(),
    )


def audited_roles(plan: Plan) -> str:
    """Every role as the auditor's bundle lists it, in JSON; no secret is in it."""
    here = plan.environment
    return json.dumps(
        [
            {
                "name": role,
                "key": here.secret_name(role, "key"),
                "reserve": here.secret_name(role, "reserve"),
                "rotator": rotator_name(here, role),
                "scopes": list(access.scopes),
                "isCustodian": access.is_custodian,
            }
            for role, access in sorted(plan.access.roles.items())
        ],
        indent=1,
    )
