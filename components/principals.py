"""Who is who in one environment: the ARN of every principal that the policies name, known before anything exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from components.names import IAM_ROLE_LIMIT, AuditNames, account_root_arn, physical_name, role_arn
from components.policies import SecretPrincipals
from components.settings import ExistingRole, Settings
from components.webhook_policies import webhook_principals
from klaviyo_access.access_model import EnvironmentAccess
from klaviyo_access.access_model.environment import Environment, EnvironmentSettingsError


@dataclass(frozen=True, kw_only=True)
class Principals:
    """The principals of one environment.

    Attributes:
        services: ARN of the role of each service that runs here, by the service's name.
        readers: ARNs of the roles that read each role's key, by the role's name.
        rotators: ARN of each role's rotator, by the role's name.
        webhook_rotators: ARN of each webhook's rotator, by the webhook's name.
        operator: ARN of the operators' role.
        managers: deployers, break-glass and the account's root.
    """

    services: Mapping[str, str]
    readers: Mapping[str, tuple[str, ...]]
    rotators: Mapping[str, str]
    webhook_rotators: Mapping[str, str]
    operator: str
    managers: tuple[str, ...]

    @classmethod
    def of(cls, environment: Environment, settings: Settings, access: EnvironmentAccess) -> "Principals":
        """Name the principals of an environment.

        Raises:
            EnvironmentSettingsError: the settings run a service that access.yaml does not know, two principals would
                have one name, an existing role must not be a reader, the OAuth app has no service here, or a webhook
                has no role that may change it.
        """
        refuse_unknown_services(environment, settings, access)
        refuse_equal_names(environment, settings, access)
        refuse_roles_that_do_not_read(environment, settings)
        refuse_oauth_app_without_service(environment, settings, access)
        refuse_webhooks_that_cannot_rotate(environment, settings, access)
        services = {
            name: platform.role_arn
            if isinstance(platform, ExistingRole)
            else role_arn(environment, service_role_name(environment, name))
            for name, platform in settings.services.items()
        }
        webhook_rotators = {
            webhook: role_arn(environment, webhook_rotator_name(environment, webhook)) for webhook in settings.webhooks
        }
        return cls(
            services=services,
            readers={
                role: (
                    *(services[name] for name in reads.services if name in services),
                    *(webhook_rotators[name] for name, webhook in settings.webhooks.items() if webhook.role == role),
                )
                for role, reads in access.roles.items()
            },
            webhook_rotators=webhook_rotators,
            rotators={role: role_arn(environment, rotator_role_name(environment, role)) for role in access.roles},
            operator=environment.operator_role_arn,
            managers=(*settings.deployers, *settings.break_glass, account_root_arn(environment)),
        )

    def of_key(self, role: str) -> SecretPrincipals:
        """Whom the policy of the role's live secret names."""
        rotator = self.rotators[role]
        return SecretPrincipals(
            readers=(*self.readers[role], rotator),
            writers=(rotator,),
            labellers=(rotator,),
            managers=self.managers,
            may_rotate=(self.operator,),
        )

    def of_reserve(self, role: str) -> SecretPrincipals:
        """Whom the policy of the role's reserve names: nobody reads it but the rotator."""
        rotator = self.rotators[role]
        return SecretPrincipals(
            readers=(rotator,),
            writers=(rotator, self.operator),
            labellers=(rotator,),
            managers=self.managers,
            may_rotate=(),
        )

    def of_webhook(self, webhook: str, receivers: Sequence[str]) -> SecretPrincipals:
        """Whom the policy of a webhook's secret names; ``receivers`` are services."""
        return webhook_principals(
            receivers=[self.services[receiver] for receiver in receivers],
            rotator=self.webhook_rotators[webhook],
            operator=self.operator,
            managers=self.managers,
        )


def service_role_name(environment: Environment, service: str) -> str:
    """The name of the IAM role of a service."""
    return physical_name(environment, service, limit=IAM_ROLE_LIMIT)


def rotator_role_name(environment: Environment, role: str) -> str:
    """The name of the IAM role of a role's rotator."""
    return physical_name(environment, role, "rotator", limit=IAM_ROLE_LIMIT)


def webhook_rotator_name(environment: Environment, webhook: str) -> str:
    """The name of a webhook's rotator: of its IAM role, and of its Lambda."""
    return physical_name(environment, webhook, "webhook", limit=IAM_ROLE_LIMIT)


def refuse_unknown_services(environment: Environment, settings: Settings, access: EnvironmentAccess) -> None:
    """Refuse settings for services that access.yaml does not know.

    Raises:
        EnvironmentSettingsError: names each, and the nearest that exists.
    """
    lines = []
    for name in sorted(settings.services.keys() - access.services.keys()):
        nearest = get_close_matches(name, access.services, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(sorted(access.services))}"
        lines.append(f"  klaviyo-access:services.{name}: access.yaml has no such service; {hint}")
    if lines:
        raise EnvironmentSettingsError("\n".join([f"Pulumi.{environment.name}.yaml:", *lines]))


def refuse_equal_names(environment: Environment, settings: Settings, access: EnvironmentAccess) -> None:
    """Refuse a service whose IAM role would have the name of another principal's, since names are one space in AWS.

    Raises:
        EnvironmentSettingsError: names each.
    """
    own = {
        AuditNames.of(environment).delivery_role: "the trail's delivery",
        environment.operator_role_arn.rsplit("/", 1)[-1]: "the operators",
        **{rotator_role_name(environment, role): f"the rotator of {role}" for role in access.roles},
        **{webhook_rotator_name(environment, name): f"the rotator of the webhook {name}" for name in settings.webhooks},
    }
    lines = [
        f"  the service {service!r} would get the IAM role of {own[name]}, {name}: give the service another name"
        for service in sorted(settings.services)
        if (name := service_role_name(environment, service)) in own
    ]
    if lines:
        raise EnvironmentSettingsError("\n".join(["access.yaml:", *lines]))


def refuse_roles_that_do_not_read(environment: Environment, settings: Settings) -> None:
    """Refuse an existing role as a service's that is of another account, or that must never read a key.

    Raises:
        EnvironmentSettingsError: names each.
    """
    powerful = {*settings.deployers, *settings.break_glass, *settings.operators, environment.operator_role_arn}
    lines = []
    for name, platform in sorted(settings.services.items()):
        if not isinstance(platform, ExistingRole):
            continue
        if platform.role_arn.split(":")[4] != environment.account_id:
            lines.append(f"  services.{name}.roleArn: {platform.role_arn} is not of account {environment.account_id}")
        elif platform.role_arn in powerful:
            lines.append(f"  services.{name}.roleArn: {platform.role_arn} deploys or operates, and must read no key")
    if lines:
        raise EnvironmentSettingsError("\n".join([f"Pulumi.{environment.name}.yaml:", *lines]))


def refuse_webhooks_that_cannot_rotate(environment: Environment, settings: Settings, access: EnvironmentAccess) -> None:
    """Refuse a webhook whose role may not change webhooks here, or a receiver that does not run here.

    Raises:
        EnvironmentSettingsError: names each, and what would do.
    """
    able = sorted(role for role, granted in access.roles.items() if "webhooks:write" in granted.scopes)
    lines = []
    for name, webhook in sorted(settings.webhooks.items()):
        where = f"  klaviyo-access:webhooks.{name}"
        if webhook.role not in able:
            lines.append(
                f"{where}.role: {webhook.role!r} lacks webhooks:write here; with it: {', '.join(able) or 'none'}"
            )
        lines += [
            f"{where}.receivers: the service {receiver!r} is not in klaviyo-access:services"
            for receiver in webhook.receivers
            if receiver not in settings.services
        ]
    if lines:
        raise EnvironmentSettingsError("\n".join([f"Pulumi.{environment.name}.yaml:", *lines]))


def refuse_oauth_app_without_service(environment: Environment, settings: Settings, access: EnvironmentAccess) -> None:
    """Refuse an OAuth app that no service in access.yaml has, or whose service does not run in this environment.

    Raises:
        EnvironmentSettingsError: says which, and what to add.
    """
    if settings.oauth_app is None or (access.oauth_app and access.oauth_app.service in settings.services):
        return
    lacking = (
        f"its service {access.oauth_app.service!r} does not run here; add it to klaviyo-access:services"
        if access.oauth_app
        else "no service of access.yaml has `oauth:`; add it to the service that asks accounts for consent"
    )
    raise EnvironmentSettingsError(f"Pulumi.{environment.name}.yaml:\n  klaviyo-access:oauthApp: {lacking}")
