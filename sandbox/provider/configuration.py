"""What a provider resource is configured with, and the rule that its AWS is on this machine."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from klaviyo_access.endpoint import is_loopback
from sandbox.provider.wire import UNKNOWN, Properties

TAKEN: Final = frozenset({"allowedAccountIds", "defaultTags", "endpoints", "region", "s3UsePathStyle"})
NEEDLESS: Final = frozenset(
    {"skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation", "skipRequestingAccountId"}
)
"""Settings that leave out checks which this provider does not make anyway."""

SERVICES: Final = {"cloudwatchevents": "events", "cloudwatchlogs": "logs", "eventbridge": "events"}
"""Names in ``endpoints`` that boto3 spells otherwise."""


class ConfigurationError(ValueError):
    """The provider cannot work with what it was configured with."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Where a provider resource works: ``endpoints`` by boto3's service name, ``endpoint`` for all others."""

    region: str
    endpoint: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    default_tags: Mapping[str, str] = field(default_factory=dict)
    allowed_accounts: tuple[str, ...] = ()

    def endpoint_of(self, service: str) -> str:
        """The loopback URL of a service.

        Raises:
            ConfigurationError: there is none, or it is not on this machine.
        """
        url = self.endpoints.get(service) or self.endpoint
        if not url:
            raise ConfigurationError(
                f"The local aws provider has no endpoint for '{service}'. Set AWS_ENDPOINT_URL to the sandbox's "
                'address: eval "$(python -m sandbox env)".'
            )
        if not is_loopback(url):
            raise ConfigurationError(
                f"The local aws provider calls loopback addresses only; the endpoint of '{service}' is '{url}'. "
                "It imitates AWS's provider for the sandbox: use the real plugin for a real account."
            )
        return url


def refusals(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Provider settings that cannot be honoured, each with the reason."""
    return [
        (name, f"The local aws provider does not take the setting '{name}'; it takes {', '.join(sorted(TAKEN))}.")
        for name in sorted(settings)
        if name not in TAKEN | NEEDLESS | {"version"}
    ]


def configuration(settings: Properties, environ: Mapping[str, str] = os.environ) -> Configuration:
    """Read provider settings as the engine sends them: everything that is no string arrives as JSON.

    Raises:
        ConfigurationError: a setting is not known yet, not JSON where it must be, or there is no region.
    """
    if unknown := [name for name, value in settings.items() if value is UNKNOWN]:
        raise ConfigurationError(f"The provider's settings {', '.join(unknown)} are not known yet.")
    region = settings.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigurationError("No region: set 'aws:region' in the stack's configuration, or AWS_REGION.")
    endpoints = {
        SERVICES.get(service, service): url
        for entry in _parsed(settings, "endpoints", [])
        for service, url in entry.items()
    }
    return Configuration(
        region=region,
        endpoint=environ.get("AWS_ENDPOINT_URL", ""),
        endpoints=endpoints,
        default_tags=_parsed(settings, "defaultTags", {}).get("tags") or {},
        allowed_accounts=tuple(_parsed(settings, "allowedAccountIds", [])),
    )


def _parsed(settings: Properties, name: str, default: Any) -> Any:
    value = settings.get(name, default)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ConfigurationError(f"The provider's setting '{name}' must be JSON; it is '{value}'.") from error
