"""AWS's own settings as botocore finds them, by the shortest way that gives the same answer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError

from klaviyo_access.errors import KeyStoreNotConfigured
from klaviyo_access.keys.location import SecretLocation

if TYPE_CHECKING:
    from botocore.session import Session


class Credentials(NamedTuple):
    """What a request is signed with."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key})"


class AwsSettings(NamedTuple):
    """Where Secrets Manager is and how to speak with it.

    Attributes:
        region: the AWS region.
        endpoint: Secrets Manager's URL, without a slash at its end.
        ca_bundle: a file of trusted certificates; None for botocore's own.
        credentials: the credentials that are valid now, renewed where they expire; None where there are none.
    """

    region: str
    endpoint: str
    ca_bundle: str | None
    credentials: Callable[[], Credentials | None]


def find_settings(location: SecretLocation, environ: Mapping[str, str]) -> AwsSettings:
    """Find AWS's settings for a secret.

    Where variables say everything and there is no file that could say more, as in a Lambda function, they are taken
    as they are: botocore would find the same after importing and asking all that it has.

    Raises:
        KeyStoreNotConfigured: no region is named anywhere, or the AWS profile is broken.
        BotoCoreError: whatever else botocore has to say of its settings.
    """
    return _from_variables(location, environ) or _from_botocore(location, environ)


def _from_variables(location: SecretLocation, environ: Mapping[str, str]) -> AwsSettings | None:
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not (location.region and access_key and secret_key) or _may_say_more(environ):
        return None
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    credentials = Credentials(access_key, secret_key, token)
    return AwsSettings(
        region=location.region,
        endpoint=_endpoint(location.region, _endpoint_variable(environ), fips=environ.get("AWS_USE_FIPS_ENDPOINT")),
        ca_bundle=environ.get("AWS_CA_BUNDLE"),
        credentials=lambda: credentials,
    )


def _may_say_more(environ: Mapping[str, str]) -> bool:
    """Whether botocore would read settings from elsewhere too, or renew the credentials."""
    config = environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    credentials = environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    profile = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    return bool(
        profile
        or environ.get("AWS_CREDENTIAL_EXPIRATION")
        or any(Path(file).expanduser().exists() for file in (config, credentials))
    )


def _from_botocore(location: SecretLocation, environ: Mapping[str, str]) -> AwsSettings:
    from botocore.session import Session  # noqa: PLC0415 - a third of the start of a process that needs it not

    session = Session()
    try:
        region = location.region or session.get_config_variable("region")
        if not region:
            raise KeyStoreNotConfigured(
                f"The secret {location.secret_id} lies in a region, and none was named: set AWS_REGION, or pass region."
            )
        configured = _endpoint_variable(environ) or _endpoint_in_files(session)
        fips = session.get_config_variable("use_fips_endpoint")
        ca_bundle = session.get_config_variable("ca_bundle")
    except BotoCoreError as error:
        raise KeyStoreNotConfigured(f"AWS's own settings cannot be read: {error}. Mend them.") from error

    def credentials() -> Credentials | None:
        found = session.get_credentials()
        if found is None:
            return None
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)

    endpoint = _endpoint(region, configured, fips=str(fips))
    return AwsSettings(region=region, endpoint=endpoint, ca_bundle=ca_bundle, credentials=credentials)


def _endpoint(region: str, configured: str | None, *, fips: str | None) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    service = "secretsmanager-fips" if str(fips).lower() == "true" else "secretsmanager"
    return (configured or f"https://{service}.{region}.{suffix}").rstrip("/")


def _endpoint_variable(environ: Mapping[str, str]) -> str | None:
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or environ.get("AWS_ENDPOINT_URL")


def _endpoint_in_files(session: "Session") -> str | None:
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    return services.get("secrets_manager", {}).get("endpoint_url") or profile.get("endpoint_url")
