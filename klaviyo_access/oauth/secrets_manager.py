"""The app's secrets in AWS Secrets Manager: its client secret, and the tokens of each Klaviyo account.

Both lie where the Pulumi component `OAuthApp` made their secrets, which one service alone may read and write.
"""

import os
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from klaviyo_access.errors import OAuthError, OAuthNotConfigured, OAuthUnavailable
from klaviyo_access.oauth.client import AppCredentials
from klaviyo_access.oauth.secret import Secret
from klaviyo_access.oauth.tokens import REVOKED, OAuthTokens, json_object, stored_tokens

Found = TypeVar("Found")

_PATIENCE: Final = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
_NOT_FOUND: Final = "ResourceNotFoundException"
_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied"})


class SecretsManager(Protocol):
    """The two calls that are made; a botocore or boto3 client of Secrets Manager has them."""

    def get_secret_value(self, *, SecretId: str) -> Any: ...  # noqa: N803 - AWS's own name

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> Any: ...  # noqa: N803 - AWS's own names


def secrets_manager(region: str | None = None) -> SecretsManager:
    """A client of Secrets Manager, with credentials and endpoint as botocore finds them.

    Args:
        region: without it ``AWS_REGION``, ``AWS_DEFAULT_REGION``, then that of the AWS profile.

    Raises:
        OAuthNotConfigured: botocore finds no region, or its settings are broken.
    """
    try:
        # botocore itself looks at AWS_DEFAULT_REGION alone; Lambda and ECS set AWS_REGION.
        here = region or os.environ.get("AWS_REGION")
        client: Any = Session().create_client("secretsmanager", region_name=here, config=_PATIENCE)
    except BotoCoreError as error:
        raise OAuthNotConfigured(f"Secrets Manager needs a region: {error} Set AWS_REGION.") from error
    return client  # type: ignore[no-any-return] # the stubs know no client but the one that all services share


class AppSecrets:
    """The secrets of one OAuth app: reads the client secret, and is the `TokenStore` of its accounts.

    Args:
        folder: what the secrets' names begin with, as in ``klaviyo/prod/oauth``.
        client: Secrets Manager.
    """

    def __init__(self, folder: str, client: SecretsManager) -> None:
        self._folder = folder
        self._client = client

    def credentials(self) -> AppCredentials:
        """Client id and secret, as an operator staged them: ``{"clientId": …, "clientSecret": …}``.

        Raises:
            OAuthNotConfigured: the secret is not there, not readable, or holds something else.
            OAuthUnavailable: AWS could not be asked.
        """
        name = f"{self._folder}/client"
        found = self._get(name, read=_credentials)
        if isinstance(found, OAuthError):
            raise found
        if found is None:
            raise OAuthNotConfigured(
                f'The secret {name} holds the app\'s {{"clientId": …, "clientSecret": …}}; it holds nothing of the '
                "kind yet. An operator stages it from Klaviyo's app page."
            )
        return found

    def load(self, account: str) -> OAuthTokens | None:
        """The account's tokens as stored last; None where there are none.

        Raises:
            OAuthNotConfigured: the account has no secret, or this principal may not read it.
            OAuthUnavailable: AWS could not be asked.
        """
        found = self._get(self._name(account), read=stored_tokens)
        if isinstance(found, OAuthError):
            raise found
        return found

    def save(self, account: str, tokens: OAuthTokens | None) -> None:
        """Store the account's tokens as the secret's current value; None overwrites them.

        Raises:
            OAuthNotConfigured: the account has no secret, or this principal may not write it.
            OAuthUnavailable: AWS could not be asked.
        """
        failure = self._put(self._name(account), tokens)
        if failure is not None:
            raise failure

    def _name(self, account: str) -> str:
        return f"{self._folder}/{account}/tokens"

    # Nothing is raised in the two methods below: botocore's frames and its errors hold values in clear.

    def _get(self, name: str, *, read: Callable[[str], Found]) -> Found | OAuthError | None:
        try:
            return read(str(self._client.get_secret_value(SecretId=name)["SecretString"]))
        except (BotoCoreError, ClientError) as error:
            # A secret that nobody has put a value into yet is told apart by AWS's words alone.
            return None if "staging label" in str(error) else _failure(error, name)

    def _put(self, name: str, tokens: OAuthTokens | None) -> OAuthError | None:
        try:
            self._client.put_secret_value(SecretId=name, SecretString=tokens.to_json() if tokens else REVOKED)
        except (BotoCoreError, ClientError) as error:
            return _failure(error, name)
        return None


def _credentials(text: str) -> AppCredentials | None:
    match json_object(text):
        case {"clientId": str(client_id), "clientSecret": str(client_secret)} if client_id and client_secret:
            return AppCredentials(client_id=client_id, client_secret=Secret(client_secret))
    return None


def _failure(error: BotoCoreError | ClientError, name: str) -> OAuthError:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if code in (_NOT_FOUND, *_DENIED):
        # AWS answers both alike to whoever may not see what secrets there are.
        return OAuthNotConfigured(
            f"The program makes the secret {name} for one service alone, which klaviyo-access:oauthApp is about; AWS "
            f"answers {code}. Run as that service, in its region; if you do, add the account to "
            "klaviyo-access:oauthApp and deploy."
        )
    return OAuthUnavailable(f"AWS Secrets Manager could not be asked for {name}: {code}")
