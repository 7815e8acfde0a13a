"""The whole of one environment: a key for each role, who reads it, how it rotates, and the record of it all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi import ResourceOptions

from components.alerts.far_watch import FarWatch
from components.alerts.suspicion_alarm import SuspicionAlarm
from components.functions.key_auditor import KeyAuditor
from components.functions.redeployment import Redeployment
from components.key_operators import KeyOperators
from components.plans import auditor as auditor_plan
from components.plans import encryption as encryption_plan
from components.plans import record as record_plan
from components.plans import redeployment as redeployment_plan
from components.plans.plan import Plan, SecretKeys
from components.principals import Principals
from components.record.application_audit import ApplicationAudit
from components.record.audit_trail import AuditTrail
from components.record.existing_trail import ExistingTrail
from components.secrets.encryption_key import EncryptionKey
from components.secrets.key_rotation import KeyRotation
from components.secrets.oauth_app import OAuthApp
from components.secrets.role_key import RoleKey
from components.secrets.webhook_secret import WebhookSecret
from components.service_access import ServiceAccess
from components.settings import Settings
from components.snippets import oauth_dotenv, snippets
from klaviyo_access.access_model import EnvironmentAccess, OAuthAppAccess
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
        foreign_policies: what the owner of each foreign service's role attaches to it, as JSON.
        webhook_secret_arns: ARN of each webhook's secret, which its receivers read.
        operator_role_arn: ARN of the operators' role.
        auditor_arn: ARN of the auditor, which operators may start.
        alert_topic_arn: ARN of the topic of the alerts.
        snippets: what each role's services paste: ECS task definition, External Secrets manifest, ``.env``.
        oauth_app: what the OAuth app's service pastes, a ``.env``; None where the settings deploy no app.
    """

    key_arns: pulumi.Output[Mapping[str, str]]
    service_role_arns: pulumi.Output[Mapping[str, str]]
    foreign_policies: pulumi.Output[Mapping[str, str]]
    webhook_secret_arns: pulumi.Output[Mapping[str, str]]
    operator_role_arn: pulumi.Output[str]
    auditor_arn: pulumi.Output[str]
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

        keys = self._encryption_keys(name, plan)
        role_keys = {role: RoleKey(f"{name}-{role}", plan.role_key(role, keys), child) for role in args.access.roles}
        for role, role_key in role_keys.items():
            KeyRotation(f"{name}-{role}-rotation", plan.rotation(role, role_key, keys), child)
        services = {
            service: ServiceAccess(f"{name}-{service}-access", plan.service(service, role_keys, keys), child)
            for service in args.settings.services
        }
        operators = KeyOperators(f"{name}-operators", plan.operators(keys.home), child)
        roles = {service: granted.role_arn for service, granted in services.items()}
        entries = ApplicationAudit(
            f"{name}-application-audit", plan.application_audit(roles, operators.role_arn), child
        )
        app = self._oauth_app(name, plan, roles, operators, keys)
        webhooks = self._webhooks(name, plan, role_keys=role_keys, roles=roles, operators=operators, keys=keys)
        topic_arn = self._record(name, plan, keys)
        if redeployment := redeployment_plan.redeployment(plan, role_keys, keys, topic_arn):
            Redeployment(f"{name}-redeployment", redeployment, child)
        auditor = KeyAuditor(f"{name}-auditor", auditor_plan.key_auditor(plan, role_keys, keys, topic_arn), child)
        suspicions = record_plan.suspicion_alarm(plan, log_group=entries.log_group_name, topic_arn=topic_arn)
        SuspicionAlarm(f"{name}-suspicions", suspicions, child)

        self.key_arns = pulumi.Output.all(**{role: key.key_arn for role, key in role_keys.items()})
        self.service_role_arns = pulumi.Output.all(**roles)
        self.foreign_policies = pulumi.Output.all(
            **{service: services[service].policy for service in sorted(plan.foreign_services)}
        )
        self.webhook_secret_arns = pulumi.Output.all(**{webhook: made.secret_arn for webhook, made in webhooks.items()})
        self.operator_role_arn = operators.role_arn
        self.auditor_arn = auditor.function_arn
        self.alert_topic_arn = topic_arn
        self.snippets = self.key_arns.apply(lambda arns: snippets(args.environment, arns))
        self.oauth_app = oauth_dotenv(args.environment, app.scopes) if app else None
        self.register_outputs({output: getattr(self, output) for output in KlaviyoAccess.__annotations__})

    def _encryption_keys(self, name: str, plan: Plan) -> SecretKeys:
        child = ResourceOptions(parent=self)
        home = EncryptionKey(f"{name}-encryption", encryption_plan.secrets_key(plan), child)
        replicas = {
            region: EncryptionKey(
                f"{name}-encryption-{region}", encryption_plan.replicas_key(plan, region), child
            ).key_arn
            for region in plan.settings.replica_regions
        }
        return SecretKeys(home=home.key_arn, replicas=replicas)

    def _oauth_app(
        self, name: str, plan: Plan, roles: Mapping[str, pulumi.Output[str]], operators: KeyOperators, keys: SecretKeys
    ) -> OAuthAppAccess | None:
        app = plan.deployed_oauth_app
        if app:
            args = plan.oauth_app(app, roles=roles, operators=operators.role_arn, encryption_key_arn=keys.home)
            OAuthApp(f"{name}-oauth", args, ResourceOptions(parent=self))
        return app

    def _webhooks(
        self,
        name: str,
        plan: Plan,
        *,
        role_keys: Mapping[str, RoleKey],
        roles: Mapping[str, pulumi.Output[str]],
        operators: KeyOperators,
        keys: SecretKeys,
    ) -> Mapping[str, WebhookSecret]:
        made = {}
        for webhook in plan.settings.webhooks:
            args = plan.webhook(
                webhook, role_keys, roles=roles, operators=operators.role_arn, encryption_key_arn=keys.home
            )
            made[webhook] = WebhookSecret(f"{name}-{webhook}-webhook", args, ResourceOptions(parent=self))
        return made

    def _record(self, name: str, plan: Plan, keys: SecretKeys) -> pulumi.Output[str]:
        """The record of every read: the account's own trail, or one of ours. Returns the topic of its alerts."""
        child = ResourceOptions(parent=self)
        for place, watch in record_plan.far_watches(plan).items():
            FarWatch(f"{name}-watch-{place}", watch, child)
        if plan.settings.audit.trail_arn:
            return ExistingTrail(
                f"{name}-audit", record_plan.existing_trail(plan, plan.settings.audit.trail_arn, keys), child
            ).topic_arn
        return AuditTrail(f"{name}-audit", record_plan.audit_trail(plan, keys), child).topic_arn
