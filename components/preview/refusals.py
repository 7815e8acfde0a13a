"""What a preview refuses before anything is built: what would lock somebody out, expose a key, or fail half way.

Each rule gives its lines, with the value received, the reason and what to do; all that are broken are named at once.
"""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from components.names import (
    BUCKET_LIMIT,
    AuditNames,
    AuditorNames,
    oauth_secret_name,
    redeployer_name,
    role_watch_name,
    rotator_role_name,
    service_role_name,
    webhook_rotator_name,
    webhook_secret_name,
)
from components.platforms import READS, ExistingRole, ForeignRole
from components.purpose import (
    BY_NAME,
    LEAST_RETENTION_DAYS,
    is_milder_than_its_name,
    protects,
    purpose_of,
)
from components.settings import Settings
from klaviyo_access.access_model import EnvironmentAccess
from klaviyo_access.access_model.environment import OAUTH_FOLDER, PROJECT, Environment, EnvironmentSettingsError

Rule = Callable[[Environment, Settings, EnvironmentAccess], Iterator[str]]


_OF_THIS_ACCOUNT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "deployers": "a deployment runs as a role of the environment's own account alone",
        "breakGlass": "no policy of a secret lets another account manage it, so in an emergency it could do nothing",
        "operators": "that account's administrators, not this one's, would decide who handles keys",
    }
)
"""Why each kind of manager is of the environment's account."""


def refuse_unsafe(environment: Environment, settings: Settings, access: EnvironmentAccess) -> None:
    """Refuse settings that break any of the rules of this module.

    Raises:
        EnvironmentSettingsError: names each, where it is set, and what to do.
    """
    lines = [line for rule in RULES for line in rule(environment, settings, access)]
    if lines:
        indented = (f"  {PROJECT}:{line}" for line in lines)
        raise EnvironmentSettingsError("\n".join([f"Pulumi.{environment.name}.yaml:", *indented]))


def planned_secrets(environment: Environment, settings: Settings, access: EnvironmentAccess) -> frozenset[str]:
    """The names of all secrets that the environment has by access.yaml and its settings."""
    accounts = settings.oauth_app.accounts if settings.oauth_app else ()
    return frozenset(
        {
            *(environment.secret_name(role, "key") for role in access.roles),
            *(environment.secret_name(role, "reserve") for role in access.roles),
            *(webhook_secret_name(environment, webhook) for webhook in settings.webhooks),
            *(oauth_secret_name(environment, account) for account in accounts),
            *([oauth_secret_name(environment)] if settings.oauth_app else []),
        }
    )


def _principals_have_a_path(_environment: Environment, settings: Settings, _access: EnvironmentAccess) -> Iterator[str]:
    for setting, arns in settings.principals.items():
        for arn in arns:
            if arn.count("/") == 1 and arn not in settings.without_path:
                yield (
                    f"{setting}: {arn} has no path, but policies compare the whole ARN, and a session shows none: "
                    "whoever has one would be locked out. Take the ARN from `aws iam get-role "
                    f"--role-name {arn.rpartition('/')[2]} --query Role.Arn`; if that has none, list it in "
                    f"{PROJECT}:withoutPath"
                )


def _services_are_of_access_yaml(
    _environment: Environment, settings: Settings, access: EnvironmentAccess
) -> Iterator[str]:
    for name in sorted(settings.services.keys() - access.services.keys()):
        nearest = get_close_matches(name, access.services, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(sorted(access.services))}"
        yield f"services.{name}: access.yaml has no such service; {hint}"


def _services_read_as_their_platform_can(
    _environment: Environment, settings: Settings, access: EnvironmentAccess
) -> Iterator[str]:
    """By `reads` a superseded key is kept; one that a platform holds for longer would be disabled in use."""
    for name, platform in sorted(settings.services.items()):
        fits = READS.get(type(platform))
        if fits and name in access.services and (reads := access.services[name].reads) != fits:
            yield (
                f"services.{name}.platform: {platform.platform} is for services with `reads: {fits}`, but access.yaml "
                f"says `reads: {reads}`, by which a superseded key is kept for another time than the service may hold "
                f"it. Set `reads: {fits}` there if the platform is right, or else another platform here"
            )


def _given_roles_are_of_the_right_account(
    environment: Environment, settings: Settings, _access: EnvironmentAccess
) -> Iterator[str]:
    here = f"arn:{environment.partition}:iam::{environment.account_id}:"
    for name, platform in sorted(settings.services.items()):
        if isinstance(platform, ExistingRole) and not platform.role_arn.startswith(here):
            yield (
                f"services.{name}.roleArn: {platform.role_arn} is not of account {environment.account_id}, so nothing "
                "can be attached to it from here. A role of another account has `platform: foreign`"
            )
        if isinstance(platform, ForeignRole) and platform.role_arn.startswith(here):
            yield (
                f"services.{name}.roleArn: {platform.role_arn} is of this account, where the program attaches what it "
                "may do by itself. Give it `platform: existing`"
            )
        if isinstance(platform, ForeignRole) and platform.role_arn.split(":")[1] != environment.partition:
            yield (
                f"services.{name}.roleArn: {platform.role_arn} is of another partition than {environment.partition}, "
                "and AWS lets no role across. Run the environment in that partition too"
            )


def _managers_are_of_the_right_account(
    environment: Environment, settings: Settings, _access: EnvironmentAccess
) -> Iterator[str]:
    named = {"deployers": settings.deployers, "breakGlass": settings.break_glass, "operators": settings.operators}
    for setting, arns in named.items():
        for arn in arns:
            if not arn.startswith(f"arn:{environment.partition}:iam::{environment.account_id}:"):
                yield (
                    f"{setting}: {arn} is not of account {environment.account_id}, but {_OF_THIS_ACCOUNT[setting]}. "
                    f"Make a role in account {environment.account_id} that whoever is meant takes, and name that"
                )


def _one_role_is_one_principal(
    environment: Environment, settings: Settings, access: EnvironmentAccess
) -> Iterator[str]:
    """IAM tells roles of an account apart by name alone, whatever their path and case; so one name is one principal."""
    owners = {
        AuditNames.of(environment).delivery_role: "the trail's delivery",
        environment.operator_role_arn.rpartition("/")[2]: "the operators",
        AuditorNames.of(environment).role: "the auditor",
        AuditorNames.of(environment).schedule_role: "the auditor's schedule",
        redeployer_name(environment): "the redeployer",
        role_watch_name(environment): "the watch over IAM roles",
        **{rotator_role_name(environment, role): f"the rotator of {role}" for role in access.roles},
        **{webhook_rotator_name(environment, name): f"the rotator of the webhook {name}" for name in settings.webhooks},
    }
    taken = {(environment.account_id, name.lower()): owner for name, owner in owners.items()}
    for arn in (*settings.deployers, *settings.break_glass, *settings.operators):
        taken.setdefault(_identity(arn), "somebody who deploys or operates")
    for service in sorted(settings.services):
        given = settings.given_roles.get(service)
        name = given or service_role_name(environment, service)
        identity = _identity(given) if given else (environment.account_id, name.lower())
        if identity in taken:
            yield (
                f"services.{service}: the service {service!r} would get the IAM role of {taken[identity]}, {name}, and "
                "what policies say of one they would say of both. Give the service "
                f"{'a role of its own' if given else 'another name in access.yaml'}"
            )
        taken.setdefault(identity, f"the service {service}")


def _oauth_app_has_its_service(
    environment: Environment, settings: Settings, access: EnvironmentAccess
) -> Iterator[str]:
    if settings.oauth_app is None:
        return
    if access.oauth_app is None:
        yield ("oauthApp: no service of access.yaml has `oauth:`; add it to the service that asks accounts for consent")
    elif access.oauth_app.service not in settings.services:
        yield (f"oauthApp: its service {access.oauth_app.service!r} does not run here; add it to {PROJECT}:services")
    else:
        yield from _stays_in_the_account("oauthApp", access.oauth_app.service, environment, settings)


def _webhooks_can_rotate(environment: Environment, settings: Settings, access: EnvironmentAccess) -> Iterator[str]:
    able = sorted(role for role, granted in access.roles.items() if "webhooks:write" in granted.scopes)
    for name, webhook in sorted(settings.webhooks.items()):
        where = f"webhooks.{name}"
        if webhook.role not in able:
            yield f"{where}.role: {webhook.role!r} lacks webhooks:write here; with it: {', '.join(able) or 'none'}"
        for receiver in webhook.receivers:
            if receiver not in settings.services:
                yield f"{where}.receivers: the service {receiver!r} is not in {PROJECT}:services"
            else:
                yield from _stays_in_the_account(f"{where}.receivers", receiver, environment, settings)


def _no_webhook_lies_in_the_oauth_apps_folder(
    environment: Environment, settings: Settings, _access: EnvironmentAccess
) -> Iterator[str]:
    if OAUTH_FOLDER in settings.webhooks:
        yield (
            f"webhooks.{OAUTH_FOLDER}: its secret would be {webhook_secret_name(environment, OAUTH_FOLDER)}, among the "
            "OAuth app's, where every read by its receivers raises the alert on strangers. Name the webhook after "
            "what it tells, like orders"
        )


def _stays_in_the_account(where: str, service: str, environment: Environment, settings: Settings) -> Iterator[str]:
    if isinstance(settings.services[service], ForeignRole):
        yield (
            f"{where}: the service {service!r} is of another account than {environment.account_id}; only keys are read "
            "from there. Run it with a role of this account"
        )


def _purpose_fits_the_name(environment: Environment, settings: Settings, _access: EnvironmentAccess) -> Iterator[str]:
    if is_milder_than_its_name(environment.name, settings.purpose):
        yield (
            f"purpose: {environment.name} is for {BY_NAME[environment.name]} by its name, and whoever reads that name "
            f"relies on it; given: {settings.purpose}. Take it out, or give the environment another name"
        )


def _records_are_kept(environment: Environment, settings: Settings, _access: EnvironmentAccess) -> Iterator[str]:
    least = LEAST_RETENTION_DAYS[purpose_of(environment.name, settings.purpose)]
    for setting, days in (
        ("auditRetentionDays", settings.audit_retention_days),
        ("applicationAuditRetentionDays", settings.application_audit_retention_days),
    ):
        if days < least:
            yield (
                f"{setting}: {environment.name} keeps its records {least} days at least, because a leak is often found "
                f"months later; given: {days}. Set {least} or more{_or_say_its_purpose(environment, settings)}"
            )


def _what_is_protected_is_not_destroyed(
    environment: Environment, settings: Settings, _access: EnvironmentAccess
) -> Iterator[str]:
    if settings.force_destroy and protects(purpose_of(environment.name, settings.purpose)):
        yield (
            f"forceDestroy: {environment.name} keeps what cannot be brought back; given: true, by which secrets are "
            "deleted at once, with no recovery window, and the trail's bucket with its files. Take it out; "
            "`recoveryWindowDays` says how long deleted secrets can be restored"
            f"{_or_say_its_purpose(environment, settings)}"
        )


def _or_say_its_purpose(environment: Environment, settings: Settings) -> str:
    """What else may be done where the purpose is only taken for granted."""
    if settings.purpose or environment.name in BY_NAME:
        return ""
    return (
        f". {environment.name} is taken for production, as every name is but {', '.join(sorted(BY_NAME))}: where it is "
        f"for something else, set {PROJECT}:purpose"
    )


def _bucket_has_a_name(environment: Environment, settings: Settings, _access: EnvironmentAccess) -> Iterator[str]:
    bucket = AuditNames.of(environment).bucket
    if settings.audit.trail == "own" and len(bucket) > BUCKET_LIMIT:
        yield (
            f"prefix: the trail's bucket would be {bucket}, {len(bucket)} characters where S3 takes {BUCKET_LIMIT}; it "
            "is not cut, because account and region in it keep it from being taken by others. Choose a prefix "
            f"{len(bucket) - BUCKET_LIMIT} characters shorter, or `audit: {{trail: existing}}`"
        )


def _replicas_are_elsewhere(environment: Environment, settings: Settings, _access: EnvironmentAccess) -> Iterator[str]:
    regions = settings.replica_regions
    for region in sorted(set(regions)):
        if region == environment.region or regions.count(region) > 1:
            yield (f"replicaRegions: {region} has the keys already, since AWS takes each region once. Take it out")


def _identity(arn: str) -> tuple[str, str]:
    """What IAM tells a principal by: its account, and its name in any case."""
    return arn.split(":")[4], arn.rpartition("/")[2].lower()


RULES: Final[tuple[Rule, ...]] = (
    _principals_have_a_path,
    _services_are_of_access_yaml,
    _services_read_as_their_platform_can,
    _given_roles_are_of_the_right_account,
    _managers_are_of_the_right_account,
    _one_role_is_one_principal,
    _oauth_app_has_its_service,
    _webhooks_can_rotate,
    _no_webhook_lies_in_the_oauth_apps_folder,
    _purpose_fits_the_name,
    _records_are_kept,
    _what_is_protected_is_not_destroyed,
    _bucket_has_a_name,
    _replicas_are_elsewhere,
)
