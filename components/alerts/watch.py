"""What an environment's keys are watched for: the detections, filled with the names of this environment."""

from collections.abc import Sequence
from typing import Final

import pulumi

from components.alerts.detections import (
    Detection,
    batch_read_by_filter,
    passed_on,
    read_by_stranger,
    rotation_failed,
    secrets_touched,
    to_json,
)
from components.alerts.takeover import roles_taken_over, takeover
from components.alerts.tampering import alerts_tampered_with, audit_entries_tampered_with
from components.names import (
    EVENT_RULE_LIMIT,
    AuditNames,
    physical_name,
    role_watch_name,
    secret_arn_prefix,
    webhook_secret_name,
)
from components.policies.oauth_apps import tokens_principals as oauth_tokens_principals
from components.policies.secrets import SecretPrincipals
from components.principals import Principals
from components.settings import Settings
from klaviyo_access.access_model.environment import OAUTH_FOLDER, Environment

_FEWER_DEPLOYERS: Final = "too many principals deploy. Let people take one role to deploy, and name that."


def key_detections(environment: Environment, settings: Settings, principals: Principals) -> tuple[Detection, ...]:
    """A stranger's read of each role's secrets, failed rotations, and whoever opens secrets or silences the alerts."""
    detections = [_rotation_fails(environment), _alerts_are_touched(environment), _batch_reads(environment)]
    detections += [_entries_are_touched(environment), _secrets_are_touched(environment, settings.replica_regions)]
    for role in principals.rotators:
        key, reserve = environment.secret_name(role, "key"), environment.secret_name(role, "reserve")
        who = principals.of_key(role)
        detections.append(_stranger_reads(environment, f"{role}-key", key, who, settings.replica_regions))
        detections.append(_stranger_reads(environment, f"{role}-reserve", reserve, principals.of_reserve(role)))
    return tuple(detections)


def oauth_detections(environment: Environment, principals: Principals, service: str) -> tuple[Detection, ...]:
    """A stranger's read of the OAuth app's client secret, or of any account's tokens."""
    who = oauth_tokens_principals(service=principals.services[service], managers=principals.managers)
    folder = f"{environment.prefix}/{environment.name}/{OAUTH_FOLDER}/"
    return (_stranger_reads(environment, "oauth", folder, who),)


def webhook_detections(environment: Environment, principals: Principals, settings: Settings) -> tuple[Detection, ...]:
    """A stranger's read of each webhook's secret."""
    return tuple(
        _stranger_reads(
            environment,
            f"{name}-webhook",
            webhook_secret_name(environment, name),
            principals.of_webhook(name, webhook.receivers),
        )
        for name, webhook in settings.webhooks.items()
    )


def replica_events(environment: Environment, region: str) -> Detection:
    """Every read and every touch of a replica in ``region``, which is passed on to where the other detections are."""
    folder = f"{environment.prefix}/{environment.name}/"
    pattern = passed_on(folder=folder, arn_prefix=secret_arn_prefix(environment, region))
    return Detection(
        label="replica-events",
        rule_name=physical_name(environment, "replica-events", limit=EVENT_RULE_LIMIT),
        description=f"Passes reads and changes of the Klaviyo keys of {environment.name} on to {environment.region}",
        pattern=to_json(pattern, what=f"events in {region}"),
    )


def takeover_detection(
    environment: Environment, settings: Settings, encryption_key_arn: pulumi.Input[str]
) -> Detection:
    """A change of a function, a role or the secrets' KMS key by somebody who does not deploy; roles where IAM's are."""
    pattern = pulumi.Output.from_input(encryption_key_arn).apply(
        lambda arn: takeover(
            name_prefix=_name_prefix(environment), encryption_key_arn=arn, deployers=settings.deployers
        )
    )
    return Detection(
        label="takeover",
        rule_name=physical_name(environment, "takeover", limit=EVENT_RULE_LIMIT),
        description="Somebody who does not deploy changed a function, an IAM role, or the KMS key of the secrets",
        pattern=pattern.apply(lambda found: to_json(found, what="takeovers", cure=_FEWER_DEPLOYERS)),
    )


def role_events(environment: Environment, settings: Settings) -> Detection:
    """Every change of a role by somebody who does not deploy, which is passed on to where `takeover` is looked for."""
    pattern = roles_taken_over(name_prefix=_name_prefix(environment), deployers=settings.deployers)
    return Detection(
        label="role-events",
        rule_name=role_watch_name(environment),
        description=f"Passes changes of the IAM roles of {environment.name} on to {environment.region}",
        pattern=to_json(pattern, what="changes of roles", cure=_FEWER_DEPLOYERS),
    )


def _name_prefix(environment: Environment) -> str:
    """What the name of every rule, alarm, schedule, function and role begins with."""
    return f"{environment.prefix}-{environment.name}-"


def _stranger_reads(
    environment: Environment, label: str, secret: str, who: SecretPrincipals, replica_regions: Sequence[str] = ()
) -> Detection:
    pattern = read_by_stranger(
        secret_name=secret,
        arn_prefixes=_arn_prefixes(environment, replica_regions),
        readers=who.readers,
        foreign_accounts=sorted({arn.split(":")[4] for arn in who.foreign_readers}),
    )
    return Detection(
        label=f"{label}-stranger",
        rule_name=physical_name(environment, label, "stranger", limit=EVENT_RULE_LIMIT),
        description=f"Somebody who is no reader of {secret} asked for its value",
        pattern=to_json(pattern, what=f"strangers who read {secret}"),
    )


def _arn_prefixes(environment: Environment, replica_regions: Sequence[str]) -> list[str]:
    return [secret_arn_prefix(environment, region) for region in (environment.region, *replica_regions)]


def _rotation_fails(environment: Environment) -> Detection:
    prefix = f"{secret_arn_prefix(environment, environment.region)}{environment.prefix}/{environment.name}/"
    return Detection(
        label="rotation-failed",
        rule_name=physical_name(environment, "rotation-failed", limit=EVENT_RULE_LIMIT),
        description=f"A Klaviyo key of {environment.name} was not rotated",
        pattern=to_json(rotation_failed(secret_arn_prefix=prefix), what="failed rotations"),
    )


def _alerts_are_touched(environment: Environment) -> Detection:
    pattern = alerts_tampered_with(
        topic_arn=AuditNames.of(environment).topic_arn, rule_prefix=_name_prefix(environment)
    )
    return Detection(
        label="alerts-tampered",
        rule_name=physical_name(environment, "alerts-tampered", limit=EVENT_RULE_LIMIT),
        description="Somebody touched the alerts: their topic, who is told, or a rule",
        pattern=to_json(pattern, what="tampering with the alerts"),
    )


def _entries_are_touched(environment: Environment) -> Detection:
    pattern = audit_entries_tampered_with(
        log_group=environment.application_audit_log_group, alarm=AuditNames.of(environment).alarm
    )
    return Detection(
        label="entries-tampered",
        rule_name=physical_name(environment, "entries-tampered", limit=EVENT_RULE_LIMIT),
        description="Somebody touched the services' audit entries, or the alarm on suspicious ones",
        pattern=to_json(pattern, what="tampering with audit entries"),
    )


def _secrets_are_touched(environment: Environment, replica_regions: Sequence[str]) -> Detection:
    folder = f"{environment.prefix}/{environment.name}/"
    pattern = secrets_touched(folder=folder, arn_prefixes=_arn_prefixes(environment, replica_regions))
    return Detection(
        label="secrets-touched",
        rule_name=physical_name(environment, "secrets-touched", limit=EVENT_RULE_LIMIT),
        description=f"Somebody changed, copied or deleted a secret of {folder}, its policy, or its replicas",
        pattern=to_json(pattern, what="changes of secrets"),
    )


def _batch_reads(environment: Environment) -> Detection:
    return Detection(
        label="batch-read",
        rule_name=physical_name(environment, "batch-read", limit=EVENT_RULE_LIMIT),
        description="Somebody read secrets of this account by a filter, without naming them",
        pattern=to_json(batch_read_by_filter(), what="batch reads"),
    )
