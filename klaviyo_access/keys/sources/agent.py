"""The key out of a cache of Secrets Manager on this machine: the Secrets Manager Agent, or the Lambda extension.

Both answer ``GET /secretsmanager/get?secretId=…`` as GetSecretValue does. Neither needs botocore here, since they do
the signing. Sources: https://docs.aws.amazon.com/secretsmanager/latest/userguide/secrets-manager-agent.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from klaviyo_access.aws.answers import Kind, Refusal, read_answer
from klaviyo_access.endpoint import is_loopback
from klaviyo_access.errors import KeyStoreNotConfigured
from klaviyo_access.keys.location import SecretLocation
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.keys.sources import Sought
from klaviyo_access.keys.sources.answers import Found, error_for, read_document
from klaviyo_access.keys.sources.local_http import get

AGENT_URL: Final = "KLAVIYO_ACCESS_AGENT_URL"
EXTENSION_PORT: Final = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
PORT: Final = 2773
TOKEN_FILE: Final = Path("/var/run/awssmatoken")
TIMEOUT: Final = 5.0
FRESH_FOR: Final = 300.0
"""Seconds; what both keep a value by default, so that asking more often brings nothing new."""


class LocalCache(NamedTuple):
    """A cache on this machine.

    Attributes:
        name: what it is called.
        setting: the variable that says where it listens.
        url: where it listens, without a slash at its end.
        token: reads the token that it asks for; raises OSError, or ``KeyStoreNotConfigured``.
        can_look_past: whether it understands ``refreshNow``.
    """

    name: str
    setting: str
    url: str
    token: Callable[[], str]
    can_look_past: bool


class AgentSource:
    """Fetches a role's current key from a cache of Secrets Manager on this machine.

    Args:
        location: the secret; its region is the cache's own affair.
        cache: the agent or the extension.
        clock: the time in seconds since the epoch.
    """

    def __init__(self, location: SecretLocation, cache: LocalCache, *, clock: Callable[[], float] = time.time) -> None:
        self._location = location
        self._cache = cache
        self._clock = clock

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:
        """Fetch the key; one that Klaviyo rejected is looked for past the agent's cache, which the extension cannot.

        Raises:
            KeyStoreError: as the Secrets Manager source.
        """
        found = self._ask(look_past=False)
        if self._cache.can_look_past and isinstance(found, KeySnapshot) and found.key == rejected:
            found = self._ask(look_past=True)
        if isinstance(found, KeySnapshot):
            return found
        cause = found.cause if isinstance(found, Refusal) else None
        raise error_for(found, self._location, by_way_of=f"by way of {self._cache.name}") from cause

    def _ask(self, *, look_past: bool) -> Found:
        # The value in clear lives in this frame and below; whatever it was, nothing is raised while it does.
        try:
            token = self._cache.token()
        except OSError as error:
            return Refusal(Kind.NO_ANSWER, f"the agent's token cannot be read: {error}", cause=error)
        query = f"secretId={quote(self._location.secret_id, safe='')}{'&refreshNow=true' * look_past}"
        url = f"{self._cache.url}/secretsmanager/get?{query}"
        try:
            status, content = get(url, headers={"X-Aws-Parameters-Secrets-Token": token}, timeout=TIMEOUT)
        except OSError as error:
            message = (
                f"{type(error).__name__}: {error}. Does it run, and listen at {self._cache.url} "
                f"({self._cache.setting} names another place)?"
            )
            return Refusal(Kind.NO_ANSWER, message, cause=error.with_traceback(None))
        answer = read_answer(status, content)
        if status == 403 and isinstance(answer, Refusal) and not answer.code:
            answer = answer._replace(message="it refuses the token (HTTP 403); is it the one that it started with?")
        return read_document(answer, location=self._location, fetched_at=self._clock(), fresh_for=FRESH_FOR)


def from_agent(sought: Sought) -> AgentSource:
    """Open the Secrets Manager Agent for what a store was asked for.

    It listens on ``KLAVIYO_ACCESS_AGENT_URL``, without it http://localhost:2773. It takes its token from ``AWS_TOKEN``,
    as itself or as ``file://…``, from /var/run/awssmatoken, where its installer puts it, or from a Lambda function's
    own variables.

    Raises:
        KeyStoreNotConfigured: the URL is not on this machine, or what names the secret is missing.
    """
    url = sought.environ.get(AGENT_URL, f"http://localhost:{PORT}").rstrip("/")
    if not (url.startswith("http://") and is_loopback(url)):
        raise KeyStoreNotConfigured(
            f"An agent speaks plain HTTP and so must be on this machine; {AGENT_URL} is {url!r}: set it to "
            f"http://localhost:{PORT}, or leave it out."
        )
    cache = LocalCache(
        name="the Secrets Manager Agent",
        setting=AGENT_URL,
        url=url,
        token=partial(_agent_token, sought.environ),
        can_look_past=True,
    )
    return AgentSource(sought.location, cache, clock=sought.clock)


def from_lambda_extension(sought: Sought) -> AgentSource:
    """Open the AWS Parameters and Secrets Lambda extension for what a store was asked for.

    It listens on ``PARAMETERS_SECRETS_EXTENSION_HTTP_PORT``, without it 2773, and asks for the function's own
    ``AWS_SESSION_TOKEN``. It answers within an invocation only, not while the handler's module is imported.

    Raises:
        KeyStoreNotConfigured: what names the secret is missing.
    """
    url = f"http://localhost:{sought.environ.get(EXTENSION_PORT) or PORT}"
    cache = LocalCache(
        name="the AWS Parameters and Secrets Lambda extension",
        setting=EXTENSION_PORT,
        url=url,
        token=partial(_extension_token, sought.environ),
        can_look_past=False,
    )
    return AgentSource(sought.location, cache, clock=sought.clock)


def _agent_token(environ: Mapping[str, str]) -> str:
    named = environ.get("AWS_TOKEN")
    if named and not named.startswith("file://"):
        return named.strip()
    if named or TOKEN_FILE.exists():
        file = Path(named.removeprefix("file://")) if named else TOKEN_FILE
        return file.read_text("utf-8").strip()
    if found := environ.get("AWS_SESSION_TOKEN") or environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"):
        return found
    raise KeyStoreNotConfigured(
        f"The Secrets Manager Agent asks for its token, and there is none in {TOKEN_FILE}: is the agent installed? "
        "Set AWS_TOKEN to the token, or to file:// and where it is."
    )


def _extension_token(environ: Mapping[str, str]) -> str:
    if found := environ.get("AWS_SESSION_TOKEN"):
        return found
    raise KeyStoreNotConfigured(
        "The Lambda extension asks for the function's AWS_SESSION_TOKEN, which is not set: is this a Lambda function "
        "with the extension's layer?"
    )
