"""What one would use in place of ``KeyStore``: AWS's caching library and Powertools, each over boto3."""

import json
from collections.abc import Callable

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_secretsmanager_caching import (  # type: ignore[import-untyped] # it ships no types
    SecretCache,
    SecretCacheConfig,
)

from benchmarks.secrets_endpoint import SECRET_ID

CACHING = "aws-secretsmanager-caching"
POWERTOOLS = "aws-lambda-powertools"


def caching_library(*, refresh_every: int = 3600) -> Callable[[], str]:
    """Reads the secret's text through the caching library, which looks for a new version every so many seconds."""
    config = SecretCacheConfig(secret_refresh_interval=refresh_every)
    cache = SecretCache(config=config, client=boto3.client("secretsmanager"))
    return lambda: str(cache.get_secret_string(SECRET_ID))


def powertools(*, max_age: int = 3600) -> Callable[[], str]:
    """Reads the secret's text through Powertools, which keeps it for so many seconds."""
    provider = SecretsProvider()
    return lambda: str(provider.get(SECRET_ID, max_age=max_age))


def key_in(text: str) -> str:
    """The key in a secret's text."""
    return str(json.loads(text)["apiKey"])
