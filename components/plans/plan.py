"""What each part of an environment is made of: from access and settings to the arguments of the components."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pulumi

from components.functions.bundle import Bundle, rotator_code, webhook_rotator_code
from components.key_operators import KeyOperatorsArgs
from components.names import (
    Tags,
    account_root_arn,
    canary_rule_name,
    function_arn_pattern,
    function_logs_pattern,
    oauth_arn_pattern,
    oauth_secret_name,
    rotator_name,
    rotator_role_name,
    secret_arn_pattern,
    service_role_name,
    webhook_rotator_name,
    webhook_secret_name,
)
from components.platforms import ForeignRole
from components.policies.encryption_keys import (
    KeyPlace,
    log_group_key_policy,
)
from components.policies.examination import Examined
from components.policies.oauth_apps import client_principals, tokens_principals
from components.principals import Principals
from components.purpose import protects, purpose_of
from components.record.application_audit import ApplicationAuditArgs
from components.secrets.encryption_key import EncryptionKeyArgs
from components.secrets.key_rotation import KeyRotationArgs, schedule
from components.secrets.oauth_app import OAuthAppArgs
from components.secrets.role_key import RoleKey, RoleKeyArgs
from components.secrets.secret import Safekeeping
from components.secrets.webhook_secret import WebhookSecretArgs
from components.service_access import ServiceAccessArgs
from components.settings import Settings
from klaviyo_access.access_model import EnvironmentAccess, OAuthAppAccess, RoleAccess
from klaviyo_access.access_model.catalog import REVISION
from klaviyo_access.access_model.environment import Environment

KeyArn = pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class SecretKeys:
    """ARNs of the KMS keys of an environment's secrets: at home, and of their replicas by region."""

    home: KeyArn
    replicas: Mapping[str, KeyArn]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One environment, planned: who is who, and what every part of it gets.

    Attributes:
        environment: where it is.
        access: who may do what there.
        settings: the rest of the stack's settings.
        project: folder of the program, which holds the rotator's sources.
        principals: the principals that the policies name.
    """

    environment: Environment
    access: EnvironmentAccess
    settings: Settings
    project: Path
    principals: Principals

    @cached_property
    def rotator_code(self) -> Bundle:
        """What every role's rotator runs."""
        return rotator_code(self.project)

    @property
    def protect(self) -> bool:
        """Whether Pulumi refuses to delete what cannot be brought back."""
        return protects(purpose_of(self.environment.name, self.settings.purpose))

    @property
    def protect_secrets(self) -> bool:
        """Whether Pulumi refuses to delete or replace secrets and their KMS key.

        A new prefix, region or environment would replace them all, and nothing else knows which names they had.
        """
        return not self.settings.force_destroy

    def tags(self, **more: str) -> Mapping[str, str]:
        """Tags of a resource; ``more`` adds such as ``role``."""
        settings = self.settings
        tags = Tags(owner=settings.owner, environment=self.environment.name, compliance=settings.compliance)
        return tags.as_mapping(**more)

    @property
    def key_place(self) -> KeyPlace:
        """Where the environment's KMS keys are, and who may manage them."""
        return KeyPlace(
            account_root=account_root_arn(self.environment),
            account_id=self.environment.account_id,
            region=self.environment.region,
            managers=self.principals.managers,
        )

    def keeping(self, encryption_key_arn: KeyArn) -> Safekeeping:
        """How every secret is kept."""
        settings = self.settings
        return Safekeeping(
            encryption_key_arn=encryption_key_arn,
            recovery_window_days=0 if settings.force_destroy else settings.recovery_window_days,
            protect=self.protect_secrets,
            removable=frozenset(settings.removed_secrets),
            restored=settings.restored.secrets if settings.restored else {},
        )

    def role_key(self, role: str, keys: SecretKeys) -> RoleKeyArgs:
        """The two secrets of a role."""
        return RoleKeyArgs(
            role=role,
            key_name=self.environment.secret_name(role, "key"),
            reserve_name=self.environment.secret_name(role, "reserve"),
            replicas=keys.replicas,
            key_principals=self.principals.of_key(role),
            reserve_principals=self.principals.of_reserve(role),
            tags=self.tags(role=role, team=self.access.roles[role].owner),
            keeping=self.keeping(keys.home),
        )

    def rotation(self, role: str, role_key: RoleKey, keys: SecretKeys) -> KeyRotationArgs:
        """The rotator of a role and its schedule."""
        here = self.environment
        return KeyRotationArgs(
            role=role,
            role_key=role_key,
            function_name=rotator_name(here, role),
            canary_rule=canary_rule_name(here, role),
            execution_role_name=rotator_role_name(here, role),
            iam_path=here.iam_path,
            code=self.rotator_code,
            environment=rotator_environment(here, self.access.roles[role], self.settings),
            schedule=schedule(role, self.settings.rotate_every),
            encryption_key_arn=keys.home,
            replica_keys=keys.replicas,
            account_id=here.account_id,
            region=here.region,
            log_retention_days=self.settings.audit_retention_days,
            tags=self.tags(role=role),
        )

    def service(self, service: str, role_keys: Mapping[str, RoleKey], keys: SecretKeys) -> ServiceAccessArgs:
        """The IAM role of a service."""
        here = self.environment
        return ServiceAccessArgs(
            service=service,
            platform=self.settings.services[service],
            role_name=service_role_name(here, service),
            iam_path=here.iam_path,
            key_arns=[role_keys[role].key_arn for role in self.access.services[service].roles],
            encryption_key_arn=keys.home,
            replica_keys=keys.replicas,
            partition=here.partition,
            account_id=here.account_id,
            region=here.region,
            tags=self.tags(service=service),
        )

    def webhook(
        self,
        name: str,
        role_keys: Mapping[str, RoleKey],
        *,
        roles: Mapping[str, KeyArn],
        operators: KeyArn,
        encryption_key_arn: KeyArn,
    ) -> WebhookSecretArgs:
        """The secret of a webhook and its rotator; ``roles`` holds the ARN of each service's IAM role."""
        here, webhook = self.environment, self.settings.webhooks[name]
        return WebhookSecretArgs(
            webhook=name,
            secret_name=webhook_secret_name(here, name),
            principals=self.principals.of_webhook(name, webhook.receivers),
            key_arn=role_keys[webhook.role].key_arn,
            receiver_roles={receiver: name_of_role(roles[receiver]) for receiver in webhook.receivers},
            operator_role_name=name_of_role(operators),
            rotator_name=webhook_rotator_name(here, name),
            iam_path=here.iam_path,
            code=webhook_rotator_code(self.project),
            environment={
                "WEBHOOK": name,
                "WEBHOOK_ID": webhook.webhook_id,
                "KLAVIYO_URL": here.klaviyo_url,
                "KLAVIYO_REVISION": REVISION,
            },
            after=role_keys[webhook.role].policies,
            schedule=schedule(name, self.settings.rotate_every),
            account_id=here.account_id,
            region=here.region,
            log_retention_days=self.settings.audit_retention_days,
            tags=self.tags(webhook=name),
            keeping=self.keeping(encryption_key_arn),
        )

    def operators(self, encryption_key_arn: KeyArn) -> KeyOperatorsArgs:
        """The operators' role."""
        here = self.environment
        return KeyOperatorsArgs(
            role_name=self.principals.operator.rpartition("/")[2],
            iam_path=self.environment.iam_path,
            operators=self.settings.operators,
            keys=secret_arn_pattern(here, "key"),
            reserves=secret_arn_pattern(here, "reserve"),
            rotators=function_arn_pattern(here),
            logs=function_logs_pattern(here),
            examined=Examined.of(here, self.settings.audit.trail_arn),
            encryption_key_arn=encryption_key_arn,
            region=self.environment.region,
            tags=self.tags(),
        )

    def oauth_app(
        self, app: OAuthAppAccess, *, roles: Mapping[str, KeyArn], operators: KeyArn, encryption_key_arn: KeyArn
    ) -> OAuthAppArgs:
        """The secrets of the OAuth app; ``roles`` holds the ARN of each service's IAM role."""
        here, service = self.environment, self.principals.services[app.service]
        managers, operator = self.principals.managers, self.principals.operator
        accounts = self.settings.oauth_app.accounts if self.settings.oauth_app else ()
        return OAuthAppArgs(
            service=app.service,
            client_name=oauth_secret_name(here),
            token_names={account: oauth_secret_name(here, account) for account in accounts},
            client_pattern=oauth_arn_pattern(here),
            tokens_pattern=oauth_arn_pattern(here, "*"),
            client_principals=client_principals(service=service, operator=operator, managers=managers),
            tokens_principals=tokens_principals(service=service, managers=managers),
            service_role_name=name_of_role(roles[app.service]),
            operator_role_name=name_of_role(operators),
            region=here.region,
            tags=self.tags(service=app.service),
            keeping=self.keeping(encryption_key_arn),
        )

    @property
    def foreign_services(self) -> frozenset[str]:
        """The services whose role is another account's."""
        services = self.settings.services.items()
        return frozenset(service for service, platform in services if isinstance(platform, ForeignRole))

    @property
    def deployed_oauth_app(self) -> OAuthAppAccess | None:
        """What the OAuth app asks for, if the stack's settings deploy it."""
        return self.access.oauth_app if self.settings.oauth_app else None

    def application_audit(self, roles: Mapping[str, KeyArn], operators: KeyArn) -> ApplicationAuditArgs:
        """The services' audit entries; ``roles`` holds the ARN of each service's IAM role."""
        here = self.environment
        log_group = here.application_audit_log_group
        log_group_arn = f"arn:{here.partition}:logs:{here.region}:{here.account_id}:log-group:{log_group}"
        return ApplicationAuditArgs(
            log_group=log_group,
            log_group_arn=log_group_arn,
            encryption_key=EncryptionKeyArgs(
                alias=log_group.removeprefix("/"),
                description=f"Encrypts the audit entries of the services of {here.name}",
                policy=log_group_key_policy(self.key_place, log_group_arn=log_group_arn),
                tags=self.tags(),
                protect=self.protect,
            ),
            retention_days=self.settings.application_audit_retention_days,
            service_role_names={
                service: name_of_role(arn) for service, arn in roles.items() if service not in self.foreign_services
            },
            verifier_role_name=name_of_role(operators),
            tags=self.tags(),
            protect=self.protect,
        )


def name_of_role(arn: KeyArn) -> pulumi.Output[str]:
    """The name of the IAM role with this ARN."""
    return pulumi.Output.from_input(arn).apply(lambda text: text.rsplit("/", 1)[-1])


def rotator_environment(environment: Environment, access: RoleAccess, settings: Settings) -> Mapping[str, str]:
    """The environment variables by which a rotator knows its role; none is a secret."""
    return {
        "ENVIRONMENT": environment.name,
        "PREFIX": environment.prefix,
        "ROLE": access.name,
        "SCOPES": ",".join(access.scopes),
        "KLAVIYO_URL": environment.klaviyo_url,
        "KLAVIYO_REVISION": REVISION,
        "KLAVIYO_ACCOUNT_ID": environment.klaviyo_account_id,
        "GRACE_SECONDS": f"{access.grace.total_seconds():.0f}",
        "REQUIRE_PROOF": settings.require_proof,
        "WRITE_PROBES": json.dumps(settings.write_probes),
    }
