"""Who is who in one environment: the ARN of every principal that the policies name, known before anything exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.names import (
    AuditorNames,
    account_root_arn,
    role_arn,
    rotator_role_name,
    service_role_name,
    webhook_rotator_name,
)
from components.platforms import ForeignRole
from components.policies.secrets import SecretPrincipals
from components.policies.webhook_secrets import webhook_principals
from components.preview.refusals import refuse_unsafe
from components.settings import Settings
from klaviyo_access.access_model import EnvironmentAccess
from klaviyo_access.access_model.environment import Environment


@dataclass(frozen=True, kw_only=True)
class Principals:
    """The principals of one environment.

    Attributes:
        services: ARN of the role of each service that runs here, by the service's name.
        readers: ARNs of the roles that read each role's key, by the role's name; the custodian's the auditor reads.
        rotators: ARN of each role's rotator, by the role's name.
        webhook_rotators: ARN of each webhook's rotator, by the webhook's name.
        foreign: those of the readers that are roles of other accounts.
        operator: ARN of the operators' role.
        auditor: ARN of the auditor's role.
        managers: deployers, break-glass and the account's root.
    """

    services: Mapping[str, str]
    readers: Mapping[str, tuple[str, ...]]
    rotators: Mapping[str, str]
    webhook_rotators: Mapping[str, str]
    foreign: frozenset[str]
    operator: str
    auditor: str
    managers: tuple[str, ...]

    @classmethod
    def of(cls, environment: Environment, settings: Settings, access: EnvironmentAccess) -> "Principals":
        """Name the principals of an environment.

        Raises:
            EnvironmentSettingsError: the settings would lock somebody out, expose a key, or cannot be built; each
                reason is named.
        """
        refuse_unsafe(environment, settings, access)
        services = {
            name: settings.given_roles.get(name) or role_arn(environment, service_role_name(environment, name))
            for name in settings.services
        }
        webhook_rotators = {
            webhook: role_arn(environment, webhook_rotator_name(environment, webhook)) for webhook in settings.webhooks
        }
        auditor = AuditorNames.of(environment).role_arn
        return cls(
            services=services,
            readers={
                role: (
                    *(services[name] for name in reads.services if name in services),
                    *(webhook_rotators[name] for name, webhook in settings.webhooks.items() if webhook.role == role),
                    *([auditor] if reads.is_custodian else []),
                )
                for role, reads in access.roles.items()
            },
            webhook_rotators=webhook_rotators,
            rotators={role: role_arn(environment, rotator_role_name(environment, role)) for role in access.roles},
            foreign=frozenset(
                platform.role_arn for platform in settings.services.values() if isinstance(platform, ForeignRole)
            ),
            operator=environment.operator_role_arn,
            auditor=auditor,
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
            may_rotate=(self.operator, self.auditor),
            foreign_readers=self.foreign_readers(role),
        )

    def foreign_readers(self, role: str) -> tuple[str, ...]:
        """Which readers of the role's key are roles of other accounts."""
        return tuple(reader for reader in self.readers[role] if reader in self.foreign)

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
