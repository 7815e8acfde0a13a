"""Which services are deployed anew once their key has changed, and by what."""

from collections.abc import Mapping

import pulumi

from components.functions.bundle import redeployer_code
from components.functions.redeployment import RedeploymentArgs
from components.names import redeployer_name, redeployment_alarm_name, redeployment_rule_name
from components.plans.plan import Plan, SecretKeys
from components.platforms import redeployed
from components.secrets.role_key import RoleKey


def redeployment(
    plan: Plan, role_keys: Mapping[str, RoleKey], keys: SecretKeys, topic_arn: pulumi.Input[str]
) -> RedeploymentArgs | None:
    """New deployments of the services that the settings name for it; None where they name none."""
    here, services = plan.environment, redeployed(plan.settings.services)
    if not services:
        return None
    on_ecs = f"arn:{here.partition}:ecs:{here.region}:{here.account_id}:service"
    return RedeploymentArgs(
        services=services,
        key_arns={
            service: [role_keys[role].key_arn for role in plan.access.services[service].roles] for service in services
        },
        rules={service: redeployment_rule_name(here, service) for service in services},
        service_arns=[f"{on_ecs}/{place.cluster}/{place.service}" for place in services.values()],
        function_name=redeployer_name(here),
        alarm=redeployment_alarm_name(here),
        topic_arn=topic_arn,
        iam_path=here.iam_path,
        code=redeployer_code(plan.project),
        encryption_key_arn=keys.home,
        log_retention_days=plan.settings.audit_retention_days,
        tags=plan.tags(),
    )
