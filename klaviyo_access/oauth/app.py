"""The OAuth app of a service: asks an account's owner for consent, and keeps the connection to each account."""

import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from klaviyo_access.aws.client import AwsClient, Patience
from klaviyo_access.aws.places import ENVIRONMENT, environment_folder
from klaviyo_access.aws.settings import SECRETS_MANAGER
from klaviyo_access.endpoint import KLAVIYO_URL
from klaviyo_access.errors import OAuthAccountMismatch, OAuthNotConfigured, OAuthReauthorizationNeeded
from klaviyo_access.oauth.client import OAuthClient
from klaviyo_access.oauth.connection import OAuthConnection
from klaviyo_access.oauth.host import HostLocks
from klaviyo_access.oauth.refusals import Refusal, Step, error_for, refusal_of
from klaviyo_access.oauth.secret import Secret
from klaviyo_access.oauth.secrets_manager import AppSecrets
from klaviyo_access.oauth.state import StateSeal
from klaviyo_access.oauth.stores import TokenStore

SCOPES: Final = "KLAVIYO_OAUTH_SCOPES"
REDIRECT_URI: Final = "KLAVIYO_OAUTH_REDIRECT_URI"
URL: Final = "KLAVIYO_URL"

_PATIENCE: Final = Patience(connect=3.0, read=10.0)
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9]{6}")


class OAuthApp:
    """One app, and the accounts that gave it their consent. Make one for the process; threads and tasks share it.

    Args:
        client: asks Klaviyo.
        seal: makes and checks states.
        store: keeps the tokens.
        clock: the time in seconds since the epoch.
        sleep: waits that many seconds.
        locks: the directory of the locks by which one process of this host at a time renews an account's tokens; made
            with mode 0700. Without it one of this user's below the temporary directory.
    """

    def __init__(
        self,
        client: OAuthClient,
        seal: StateSeal,
        store: TokenStore,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        locks: Path | None = None,
    ) -> None:
        self._client = client
        self._seal = seal
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._locks = HostLocks(locks, sleep=sleep)
        self._connections: dict[str, OAuthConnection] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "OAuthApp":
        """The app as the program's output ``oauthApp`` describes it, with its client secret from Secrets Manager.

        Args:
            environ: holds ``KLAVIYO_ACCESS_ENVIRONMENT``, ``KLAVIYO_OAUTH_SCOPES`` (with spaces between them),
                ``KLAVIYO_OAUTH_REDIRECT_URI``; may hold ``KLAVIYO_ACCESS_PREFIX`` (else ``klaviyo``), ``KLAVIYO_URL``
                and AWS's own, as ``AWS_REGION``.

        Raises:
            OAuthNotConfigured: a variable is missing, or the client secret is not to be had.
            OAuthUnavailable: AWS could not be asked.
        """
        if missing := [name for name in (ENVIRONMENT, SCOPES, REDIRECT_URI) if not environ.get(name)]:
            raise OAuthNotConfigured(
                f"The environment says which OAuth app this is, and lacks {', '.join(missing)}. The program's output "
                f"'oauthApp' prints the lines to set; {REDIRECT_URI} is the service's own."
            )
        client_of_aws = AwsClient(SECRETS_MANAGER, environ=environ, patience=_PATIENCE)
        kept = AppSecrets(f"{environment_folder(environ)}/oauth", client_of_aws.ask)
        credentials = kept.credentials()
        client = OAuthClient(
            credentials,
            redirect_uri=environ[REDIRECT_URI],
            scopes=environ[SCOPES].split(),
            klaviyo_url=environ.get(URL, KLAVIYO_URL).rstrip("/"),
        )
        return cls(client, StateSeal(credentials.client_secret, clock=time.time), kept)

    def authorization_url(self, *, session: str) -> str:
        """Where to send the browser of an account's owner, to be asked for consent.

        Args:
            session: what the service's own session cookie identifies this browser by; nobody else can know it.
        """
        state, verifier = self._seal.begin(session)
        return self._client.authorization_url(state=state, verifier=verifier)

    def connect(self, callback_url: object, *, session: str, account: str | None = None) -> OAuthConnection:
        """Take what Klaviyo sent the browser back with: check it, exchange it, store the tokens.

        Args:
            callback_url: the request's URL, or its query string after a ``?``; a text, or a framework's URL.
            session: as for ``authorization_url``, of the browser that came back.
            account: the Klaviyo account that is to be connected; None takes any that has a secret.

        Raises:
            OAuthStateMismatch: another browser asked for this consent.
            OAuthStateExpired: it was asked for more than ten minutes ago.
            OAuthConsentDenied: the account's owner said no.
            OAuthCodeExpired: the code was used before, or is five minutes old.
            OAuthReauthorizationNeeded: the owner granted less than was asked for; nothing is stored.
            OAuthAccountMismatch: the owner of another account consented; nothing is stored.
            OAuthError: Klaviyo refused otherwise, or Klaviyo or AWS could not be asked.
        """
        state, answer = _read(str(callback_url))
        del callback_url  # it holds the code, which no frame of an error shall show
        verifier = self._seal.verify(state, session)
        if isinstance(answer, Refusal):
            raise error_for(answer, Step.AUTHORIZE)
        tokens = self._client.exchange(answer, verifier=verifier)
        if missing := tokens.lacking(self._client.scopes):
            raise OAuthReauthorizationNeeded(f"it did not grant {', '.join(missing)}", account=account or "")
        given = self._client.account_of(tokens)
        if account is not None and given != account:
            raise OAuthAccountMismatch(expected=account, given=given)
        connection = self.connection(given)
        connection.adopt(tokens)
        return connection

    def connection(self, account: str) -> OAuthConnection:
        """The connection to an account; the same one for everybody who asks, so that they share its renewals.

        Raises:
            ValueError: ``account`` is no id of a Klaviyo account: 6 letters and digits.
        """
        if not _ACCOUNT.fullmatch(account):
            raise ValueError(
                f"A Klaviyo account's id has 6 letters and digits, and becomes a secret's name: {account!r}"
            )
        with self._lock:
            if account not in self._connections:
                self._connections[account] = OAuthConnection(
                    account,
                    client=self._client,
                    store=self._store,
                    clock=self._clock,
                    sleep=self._sleep,
                    locks=self._locks,
                )
            return self._connections[account]


def _read(callback_url: str) -> tuple[str, Secret | Refusal]:
    """The state that came back, and the code or what came instead."""
    # Not by urlsplit: it fails on a host that the sender made up, in a frame that holds the code.
    query = callback_url.partition("#")[0].partition("?")[2]
    answer = {name: values[-1] for name, values in parse_qs(query).items()}
    if "code" in answer:
        return answer.get("state", ""), Secret(answer["code"])
    return answer.get("state", ""), refusal_of({"error": "no_code", **answer}, status=302)
