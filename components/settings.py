"""What one environment's `Pulumi.<stack>.yaml` may set, checked before anything is built.

`Environment` (where it is) is shared with the operators' commands; what concerns the program alone is here.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
from pydantic import Field, ValidationError, model_validator

from components.platforms import ExistingRole, ForeignRole, Platform, PrincipalArn, Section
from components.purpose import Purpose
from components.setting_problems import sentences
from klaviyo_access.access_model.environment import (
    PROJECT,
    Environment,
    EnvironmentSettingsError,
    Region,
    read_config,
)

Regime = Annotated[str, Field(pattern=r"^[\w .:/=+@-]{1,24}$", description="short enough for ten of them in one tag")]
RetentionDays = Literal[90, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


SecretArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+-\w{6}$")]
KlaviyoAccountId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{6}$")]


class OAuthAppSettings(Section):
    """The OAuth app of the service that access.yaml gives one.

    Attributes:
        accounts: ids of the Klaviyo accounts that it may be installed in; each gets a secret for its tokens.
    """

    accounts: Annotated[tuple[KlaviyoAccountId, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _accounts_are_distinct(self) -> "OAuthAppSettings":
        twice = {account for account in self.accounts if self.accounts.count(account) > 1}
        if twice:
            raise ValueError(
                "accounts must be distinct, because an account has one secret; named twice: "
                f"{', '.join(sorted(twice))}. Fix: name each once."
            )
        return self


class WebhookSettings(Section):
    """One webhook of Klaviyo's whose secret rotates.

    Attributes:
        webhook_id: its id at Klaviyo.
        role: the role in access.yaml whose key changes the secret; it has ``webhooks:write`` here.
        receivers: the services that its deliveries reach, and that read the secret.
    """

    webhook_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    role: str
    receivers: Annotated[tuple[str, ...], Field(min_length=1)]


class AuditSettings(Section):
    """The record of who read which key.

    Attributes:
        trail: ``own`` makes a trail with bucket and log group; ``existing`` relies on one that the account has, which
            must cover all regions and log every management event, and makes the alerts alone.
        trail_arn: ARN of the existing trail, the organization's where that is the one.
    """

    trail: Literal["own", "existing"] = "own"
    trail_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:cloudtrail:[a-z0-9-]+:\d{12}:trail/[\w.-]+$")] | None = (
        None
    )

    @model_validator(mode="after")
    def _an_existing_trail_is_named(self) -> "AuditSettings":
        if (self.trail == "existing") != (self.trail_arn is not None):
            raise ValueError(
                f"trailArn goes with trail: existing, and with it alone, because that trail is what is checked; trail "
                f"is {self.trail}, trailArn {self.trail_arn or 'not given'}. Fix: give both, or neither."
            )
        return self


class RestoredSettings(Section):
    """What `klaviyo-access restore` called back from deletion, for the one run that takes it over.

    Attributes:
        encryption_key: id of the secrets' KMS key.
        secrets: ARN of each secret, by its name.
    """

    encryption_key: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")] | None = None
    secrets: Annotated[Mapping[str, SecretArn], Field(min_length=1)]


WebhookName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=32)]


class Settings(Section):
    """The settings of one environment beside `Environment`.

    Attributes:
        purpose: what the environment is for, which says how long records stay at least, and in production that nothing
            is deleted for good. Without it ``local`` and ``dev`` are for development, ``staging`` is for staging, and
            every other name for production.
        owner: team that answers for the environment; a tag on every resource.
        compliance: names of the regimes that apply, as in ``soc2``; a tag.
        deployers: who may run ``pulumi up``; the caller must be one of them.
        break_glass: who else may manage the secrets in an emergency.
        operators: who may take the operators' role, to stage and rotate keys.
        services: platform of each service that runs in this environment, by the service's name in access.yaml.
        oauth_app: the accounts of the OAuth app; without it no secret of the app is made.
        webhooks: the webhooks whose secrets rotate, each by a name of your choice.
        rotate_every: how often each role's key rotates.
        require_proof: ``all`` refuses a key of which a scope cannot be proved by a probe.
        write_probes: whether a spare's write scopes are proved too, by writes that Klaviyo is to refuse as malformed.
        recovery_window_days: how long a deleted secret can be restored, 7 to 30 days.
        replica_regions: other regions in which services read; each gets a replica of every role's key.
        audit: the record of who read which key.
        without_path: which of the principals truly have no path, as ``aws iam get-role`` shows them.
        removed_secrets: names of secrets that may go: list them, ``pulumi up``, and then remove their role, webhook or
            account.
        restored: what was called back from deletion; only for the run that takes it over.
        force_destroy: whether ``pulumi destroy`` may delete the audit bucket with its content, and secrets at once.
            Without it Pulumi protects secrets and their KMS key.
        alert_emails: who is told by e-mail; each confirms AWS's message once.
        audit_retention_days: how long the trail's files and log events are kept.
        application_audit_retention_days: how long the services' audit entries are kept.
    """

    purpose: Purpose | None = None
    owner: Annotated[str, Field(pattern=r"^[\w .@/-]{1,64}$")]
    compliance: Annotated[tuple[Regime, ...], Field(max_length=10)] = ()
    deployers: Annotated[tuple[PrincipalArn, ...], Field(min_length=1)]
    break_glass: tuple[PrincipalArn, ...] = ()
    operators: Annotated[tuple[PrincipalArn, ...], Field(min_length=1)]
    services: Mapping[str, Platform] = {}
    oauth_app: OAuthAppSettings | None = None
    webhooks: Mapping[WebhookName, WebhookSettings] = {}
    rotate_every: Literal["month", "quarter"] = "quarter"
    require_proof: Literal["available", "all"] = "available"
    write_probes: bool = False
    recovery_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    replica_regions: tuple[Region, ...] = ()
    audit: AuditSettings = AuditSettings()
    without_path: tuple[PrincipalArn, ...] = ()
    removed_secrets: tuple[str, ...] = ()
    restored: RestoredSettings | None = None
    force_destroy: bool = False
    alert_emails: tuple[Email, ...] = ()
    audit_retention_days: RetentionDays = 400
    application_audit_retention_days: RetentionDays = 400

    @property
    def given_roles(self) -> Mapping[str, str]:
        """ARN of the role of each service that has one of its own already."""
        return {
            service: platform.role_arn
            for service, platform in self.services.items()
            if isinstance(platform, (ExistingRole, ForeignRole))
        }

    @property
    def principals(self) -> Mapping[str, tuple[str, ...]]:
        """The ARNs that are named, by the setting that names them."""
        return {
            "deployers": self.deployers,
            "breakGlass": self.break_glass,
            "operators": self.operators,
            **{f"services.{service}.roleArn": (arn,) for service, arn in self.given_roles.items()},
        }

    @model_validator(mode="after")
    def _principals_are_distinct(self) -> "Settings":
        both = set(self.operators) & {*self.deployers, *self.break_glass}
        if both:
            raise ValueError(
                "operators must be other principals than deployers and breakGlass, because whoever stages keys must "
                f"not be able to change who reads them; in both: {', '.join(sorted(both))}. Fix: name another there."
            )
        return self


_ENVIRONMENT_SETTINGS = frozenset({"accountId", "partition", "prefix", "klaviyoUrl", "klaviyoAccountId"})
_SETTINGS = frozenset(field.alias for field in Settings.model_fields.values() if field.alias)


def load_settings(stack: str, directory: Path) -> tuple[Environment, Settings]:
    """Read the running stack's configuration through Pulumi, so that `--config` and Pulumi ESC count too.

    Raises:
        EnvironmentSettingsError: a setting is missing, unknown or against its rule.
    """
    unknown_settings(stack, read_config(directory, stack))
    config = pulumi.Config(PROJECT)
    strings = {"purpose", "owner", "rotateEvery", "requireProof"} | _ENVIRONMENT_SETTINGS
    values: dict[str, Any] = {}
    for setting in sorted(_SETTINGS | _ENVIRONMENT_SETTINGS):
        value = config.get(setting) if setting in strings else _structured(config, setting)
        if value is not None:
            values[setting] = value
    here = {f"{PROJECT}:{name}": values[name] for name in _ENVIRONMENT_SETTINGS & values.keys()}
    environment = Environment.of_config(stack, here | {"aws:region": pulumi.Config("aws").get("region")}, os.environ)
    return environment, parse_settings(stack, {name: values[name] for name in _SETTINGS & values.keys()})


def _structured(config: pulumi.Config, setting: str) -> Any:
    """A setting that is no text; where text was given, that, so that it is refused by its rule."""
    try:
        return config.get_object(setting)
    except pulumi.ConfigTypeError:
        return config.get(setting)


def parse_settings(stack: str, values: Mapping[str, Any]) -> Settings:
    """Check ``values``, keyed by the settings' names without the project's.

    Raises:
        EnvironmentSettingsError: names every setting that is against its rule.
    """
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        lines = [f"Pulumi.{stack}.yaml:", *sentences(error.errors(include_url=False))]
        raise EnvironmentSettingsError("\n".join(lines)) from None


def unknown_settings(stack: str, config: Mapping[str, Any]) -> None:
    """Refuse settings of this project that do not exist, so that a typo is never a silent default."""
    known = _SETTINGS | _ENVIRONMENT_SETTINGS
    ours = [key.removeprefix(f"{PROJECT}:") for key in config if key.startswith(f"{PROJECT}:")]
    lines = []
    for setting in sorted(set(ours) - known):
        nearest = get_close_matches(setting, known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(sorted(known))}"
        lines.append(f"  {PROJECT}:{setting} is no setting; {hint}")
    if lines:
        raise EnvironmentSettingsError("\n".join([f"Pulumi.{stack}.yaml:", *lines]))
