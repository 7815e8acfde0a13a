"""AWS's own settings as botocore finds them, by the shortest way that gives the same answer."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from botocore.exceptions import BotoCoreError

from klaviyo_access.aws.answers import Kind, Refusal
from klaviyo_access.aws.places import named_region

if TYPE_CHECKING:
    from botocore.session import Session


class Service(NamedTuple):
    """One of AWS's services that speak JSON.

    Attributes:
        name: as hosts and signatures name it.
        target: what ``X-Amz-Target`` begins with.
        setting: as ``AWS_ENDPOINT_URL_…`` and, in lower case, AWS's files name it.
    """

    name: str
    target: str
    setting: str


SECRETS_MANAGER: Final = Service("secretsmanager", "secretsmanager", "SECRETS_MANAGER")
CLOUDWATCH_LOGS: Final = Service("logs", "Logs_20140328", "CLOUDWATCH_LOGS")

_FROM_ENVIRON: Final = ("profile", "region", "config_file", "credentials_file", "ca_bundle", "use_fips_endpoint")


class Credentials(NamedTuple):
    """What a request is signed with."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key})"


class AwsSettings(NamedTuple):
    """Where a service of AWS's is and how to speak with it.

    Attributes:
        region: the AWS region.
        endpoint: the service's URL, without a slash at its end.
        ca_bundle: a file of trusted certificates; None for botocore's own.
        credentials: the credentials that are valid now, renewed where they expire; None where there are none.
    """

    region: str
    endpoint: str
    ca_bundle: str | None
    credentials: Callable[[], Credentials | None]


def find_settings(service: Service, region: str, environ: Mapping[str, str]) -> AwsSettings | Refusal:
    """Find AWS's settings for a service.

    Where variables say everything and there is no file that could say more, as in a Lambda function, they are taken
    as they are: botocore would find the same after importing and asking all that it has.

    Args:
        service: what is to be asked.
        region: without it ``AWS_REGION``, ``AWS_DEFAULT_REGION``, then that of the AWS profile.
        environ: the environment variables; where they are not the process's own, the credentials of containers and
            machines are looked for all the same.
    """
    region = region or named_region(environ)
    try:
        return _from_variables(service, region, environ) or _from_botocore(service, region, environ)
    except BotoCoreError as error:
        cause = error.with_traceback(None)
        return Refusal(Kind.SETTINGS, f"AWS's own settings cannot be read: {error}. Mend them.", cause=cause)


def _from_variables(service: Service, region: str, environ: Mapping[str, str]) -> AwsSettings | None:
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not (region and access_key and secret_key) or _may_say_more(environ):
        return None
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    credentials = Credentials(access_key, secret_key, token)
    configured = _endpoint_variable(service, environ)
    return AwsSettings(
        region=region,
        endpoint=_endpoint(service, region, configured, fips=environ.get("AWS_USE_FIPS_ENDPOINT")),
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


def _from_botocore(service: Service, region: str, environ: Mapping[str, str]) -> AwsSettings | Refusal:
    session = _session(environ)
    region = region or session.get_config_variable("region") or ""
    if not region:
        return Refusal(Kind.SETTINGS, "it lies in a region of AWS, and none was named: set AWS_REGION, or pass region")
    configured = _endpoint_variable(service, environ) or _endpoint_in_files(service, session)

    def credentials() -> Credentials | None:
        found = session.get_credentials()
        if found is None:
            return None
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)

    return AwsSettings(
        region=region,
        endpoint=_endpoint(service, region, configured, fips=str(session.get_config_variable("use_fips_endpoint"))),
        ca_bundle=session.get_config_variable("ca_bundle"),
        credentials=credentials,
    )


def _session(environ: Mapping[str, str]) -> "Session":
    """botocore's session, which by itself asks the process's own variables, whatever ``environ`` is."""
    from botocore.configprovider import (  # noqa: PLC0415 - a third of the start of a process that needs it not
        BOTOCORE_DEFAUT_SESSION_VARIABLES,
        ConfigChainFactory,
    )
    from botocore.credentials import EnvProvider  # noqa: PLC0415 - the same
    from botocore.session import Session  # noqa: PLC0415 - the same

    session = Session()
    if environ is not os.environ:
        chains, store = ConfigChainFactory(session, environ), session.get_component("config_store")
        for name in _FROM_ENVIRON:
            in_files, variables, default, convert = BOTOCORE_DEFAUT_SESSION_VARIABLES[name]
            chain = chains.create_config_chain(name, variables, in_files, default, convert)
            store.set_config_provider(name, chain)
        resolver = session.get_component("credential_provider")
        resolver.providers = [
            EnvProvider(environ) if isinstance(known, EnvProvider) else known for known in resolver.providers
        ]
    return session


def _endpoint(service: Service, region: str, configured: str | None, *, fips: str | None) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    host = f"{service.name}-fips" if str(fips).lower() == "true" else service.name
    return (configured or f"https://{host}.{region}.{suffix}").rstrip("/")


def _endpoint_variable(service: Service, environ: Mapping[str, str]) -> str | None:
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get(f"AWS_ENDPOINT_URL_{service.setting}") or environ.get("AWS_ENDPOINT_URL")


def _endpoint_in_files(service: Service, session: "Session") -> str | None:
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    return services.get(service.setting.lower(), {}).get("endpoint_url") or profile.get("endpoint_url")
