"""Whether an environment has room in its account, which AWS says half way through a deployment otherwise."""

from collections.abc import Iterable
from typing import Final

import pulumi_aws as aws

from components.alerts.watch import key_detections, oauth_detections, webhook_detections
from components.platforms import redeployed
from components.principals import Principals
from components.settings import Settings
from klaviyo_access.access_model import EnvironmentAccess
from klaviyo_access.access_model.environment import Environment, EnvironmentSettingsError

CONCURRENT_EXECUTIONS: Final = "L-B99A9384"
"""Code of the quota of Lambda functions that run at once in an account and region."""

UNRESERVED_CONCURRENCY: Final = 100
"""What AWS keeps back from reservation, for the functions that reserve nothing."""

RULES_OF_A_BUS: Final = "L-244521F2"
"""Code of the quota of rules on one event bus: 300, in some regions 100.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
"""

_ROTATED: Final = ("/reserve", "/webhook")
"""How the names of the secrets end that have a rotator each."""


def planned_functions(settings: Settings, access: EnvironmentAccess) -> int:
    """How many functions reserve an execution: the rotators of roles and webhooks, auditor, redeployer."""
    return len(access.roles) + len(settings.webhooks) + 1 + bool(redeployed(settings.services))


def planned_rules(environment: Environment, settings: Settings, access: EnvironmentAccess) -> int:
    """How many rules the environment has on its account's event bus, at home."""
    principals = Principals.of(environment, settings, access)
    detections = [
        *key_detections(environment, settings, principals),
        *webhook_detections(environment, principals, settings),
    ]
    if settings.oauth_app and access.oauth_app:
        detections += oauth_detections(environment, principals, access.oauth_app.service)
    of_kms_keys, canaries = 2, len(access.roles) + len(settings.webhooks)
    return len(detections) + of_kms_keys + canaries + len(redeployed(settings.services))


def functions_beside(secrets: Iterable[str]) -> int:
    """How many functions reserve an execution for other environments, at least.

    Args:
        secrets: names of their secrets. Reserves and webhooks' tell how many rotators there are, since both are at
            home alone; a key may be another region's replica.
    """
    rotators = [name for name in secrets if name.endswith(_ROTATED)]
    auditors = {name.rsplit("/", 2)[0] for name in rotators}
    return len(rotators) + len(auditors)


def rules_beside(secrets: Iterable[str]) -> int:
    """How many rules other environments have on the event bus, at least; ``secrets`` as for `functions_beside`."""
    rotators = [name for name in secrets if name.endswith(_ROTATED)]
    roles = sum(name.endswith(_ROTATED[0]) for name in rotators)
    return 7 * len({name.rsplit("/", 2)[0] for name in rotators}) + 3 * roles + 2 * (len(rotators) - roles)


def ask_quota(service: str, code: str) -> float:
    """Ask AWS how much of something the account may have."""
    return aws.servicequotas.get_service_quota(service_code=service, quota_code=code).value


def refuse_small_quota(
    environment: Environment, *, functions: int, concurrent_executions: float, others: int = 0
) -> None:
    """Refuse an account in which each role's rotator cannot have its one run at a time.

    Args:
        functions: how many reserve one execution each, of this environment.
        concurrent_executions: the account's quota.
        others: how many of other environments in the account and region do.

    Raises:
        EnvironmentSettingsError: the quota leaves too few unreserved executions.
    """
    needed = UNRESERVED_CONCURRENCY + functions + others
    if concurrent_executions < needed:
        beside = f", as do {others} of other environments in this account" if others else ""
        raise EnvironmentSettingsError(
            f"Each of the {functions} functions reserves one concurrent execution, so that it never runs twice at a "
            f"time{beside}, and AWS keeps {UNRESERVED_CONCURRENCY} unreserved: account {environment.account_id} needs "
            f"a quota of {needed} in {environment.region}, and more where other functions reserve executions; it has "
            f"{concurrent_executions:.0f}. Ask for 1,000 under Service Quotas: AWS Lambda, Concurrent executions "
            f"({CONCURRENT_EXECUTIONS})."
        )


def refuse_too_many_rules(environment: Environment, *, rules: int, limit: float, others: int = 0) -> None:
    """Refuse an account on whose event bus the environment's rules have no room.

    Args:
        rules: how many this environment has.
        limit: the account's quota.
        others: how many other environments in the account and region have.

    Raises:
        EnvironmentSettingsError: there are more rules than the bus takes.
    """
    if rules + others > limit:
        beside = f", other environments have {others} in this account" if others else ""
        raise EnvironmentSettingsError(
            f"{environment.name} has {rules} EventBridge rules, three for each role{beside}: account "
            f"{environment.account_id} takes {limit:.0f} on an event bus in {environment.region}, everybody else's "
            f"among them. Ask for more than {rules + others} under Service Quotas: Amazon EventBridge, Number of rules "
            f"({RULES_OF_A_BUS})."
        )
