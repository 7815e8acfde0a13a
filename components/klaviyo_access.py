"""The whole of one environment: a key for each role, who reads it, how it rotates, and the record of it all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi import ResourceOptions

from components.application_audit import ApplicationAudit
from components.audit_trail import AuditTrail
from components.encryption_key import EncryptionKey
from components.key_operators import KeyOperators
from components.key_rotation import KeyRotation
from components.oauth_app import OAuthApp
from components.plan import Plan
from components.principals import Principals
from components.role_key import RoleKey
from components.service_access import ServiceAccess
from components.settings import Settings
from components.snippets import oauth_dotenv, snippets
from components.webhook_secret import WebhookSecret
from klaviyo_access.access_model import EnvironmentAccess
from klaviyo_access.access_model.environment import Environment


@dataclass(frozen=True, kw_only=True)
class KlaviyoAccessArgs:
    """What `KlaviyoAccess` is made of.

    Attributes:
        environment: where it is.
        access: who may do what there.
        settings: the rest of the stack's settings.
        project: folder of the program, which holds the rotator's sources.
    """

    environment: Environment
    access: EnvironmentAccess
    settings: Settings
    project: Path


class KlaviyoAccess(pulumi.ComponentResource):
    """Every role's own scoped Klaviyo API key, in one environment.

    Outputs:
        key_arns: ARN of each role's secret that services read.
        service_role_arns: ARN of each service's IAM role.
        webhook_secret_arns: ARN of each webhook's secret, which its receivers read.
        operator_role_arn: ARN of the operators' role.
        alert_topic_arn: ARN of the topic of the alerts.
        snippets: what each role's services paste: ECS task definition, External Secrets manifest, ``.env``.
        oauth_app: what the OAuth app's service pastes, a ``.env``; None where the settings deploy no app.
    """

    key_arns: pulumi.Output[Mapping[str, str]]
    service_role_arns: pulumi.Output[Mapping[str, str]]
    webhook_secret_arns: pulumi.Output[Mapping[str, str]]
    operator_role_arn: pulumi.Output[str]
    alert_topic_arn: pulumi.Output[str]
    snippets: pulumi.Output[Mapping[str, Mapping[str, str]]]
    oauth_app: str | None

    def __init__(self, name: str, args: KlaviyoAccessArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:KlaviyoAccess", name, None, opts)
        plan = Plan(
            environment=args.environment,
            access=args.access,
            settings=args.settings,
            project=args.project,
            principals=Principals.of(args.environment, args.settings, args.access),
        )
        child = ResourceOptions(parent=self)

        encryption = EncryptionKey(f"{name}-encryption", plan.encryption_key(), child)
        role_keys = {
            role: RoleKey(f"{name}-{role}", plan.role_key(role, encryption.key_arn), child)
            for role in args.access.roles
        }
        for role, role_key in role_keys.items():
            KeyRotation(f"{name}-{role}-rotation", plan.rotation(role, role_key, encryption.key_arn), child)
        services = {
            service: ServiceAccess(
                f"{name}-{service}-access", plan.service(service, role_keys, encryption.key_arn), child
            )
            for service in args.settings.services
        }
        operators = KeyOperators(f"{name}-operators", plan.operators(encryption.key_arn), child)
        roles = {service: granted.role_arn for service, granted in services.items()}
        ApplicationAudit(f"{name}-application-audit", plan.application_audit(roles, operators.role_arn), child)
        if app := plan.deployed_oauth_app:
            secrets = plan.oauth_app(
                app, roles=roles, operators=operators.role_arn, encryption_key_arn=encryption.key_arn
            )
            OAuthApp(f"{name}-oauth", secrets, child)
        webhooks = {
            webhook: WebhookSecret(
                f"{name}-{webhook}-webhook",
                plan.webhook(
                    webhook,
                    role_keys,
                    roles=roles,
                    operators=operators.role_arn,
                    encryption_key_arn=encryption.key_arn,
                ),
                child,
            )
            for webhook in args.settings.webhooks
        }
        audit = AuditTrail(f"{name}-audit", plan.audit_trail(), child)

        self.key_arns = pulumi.Output.all(**{role: key.key_arn for role, key in role_keys.items()})
        self.service_role_arns = pulumi.Output.all(**roles)
        self.webhook_secret_arns = pulumi.Output.all(**{name: made.secret_arn for name, made in webhooks.items()})
        self.operator_role_arn = operators.role_arn
        self.alert_topic_arn = audit.topic_arn
        self.snippets = self.key_arns.apply(lambda arns: snippets(args.environment, arns))
        self.oauth_app = oauth_dotenv(args.environment, app.scopes) if app else None
        self.register_outputs(
            {
                "key_arns": self.key_arns,
                "service_role_arns": self.service_role_arns,
                "webhook_secret_arns": self.webhook_secret_arns,
                "operator_role_arn": self.operator_role_arn,
                "alert_topic_arn": self.alert_topic_arn,
                "snippets": self.snippets,
                "oauth_app": self.oauth_app,
            }
        )
