"""The app's secrets in AWS Secrets Manager: its client secret, and the tokens of each Klaviyo account.

Both lie where the Pulumi component `OAuthApp` made their secrets, which one service alone may read and write.
"""

from uuid import uuid4

from klaviyo_access.aws.answers import MISSING, Document, Kind, Refusal
from klaviyo_access.aws.client import Ask
from klaviyo_access.errors import OAuthError, OAuthNotConfigured, OAuthUnavailable
from klaviyo_access.oauth.client import AppCredentials
from klaviyo_access.oauth.secret import Secret
from klaviyo_access.oauth.tokens import REVOKED, OAuthTokens, json_object, stored_tokens


class AppSecrets:
    """The secrets of one OAuth app: reads the client secret, and is the `TokenStore` of its accounts.

    Args:
        folder: what the secrets' names begin with, as in ``klaviyo/prod/oauth``.
        ask: asks Secrets Manager, as `klaviyo_access.aws.client.AwsClient.ask` does.
    """

    def __init__(self, folder: str, ask: Ask) -> None:
        self._folder = folder
        self._ask = ask

    def credentials(self) -> AppCredentials:
        """Client id and secret, as an operator staged them: ``{"clientId": …, "clientSecret": …}``.

        Raises:
            OAuthNotConfigured: the secret is not there, not readable, or holds something else.
            OAuthUnavailable: AWS could not be asked.
        """
        name = f"{self._folder}/client"
        found = _credentials(self._get(name))
        if isinstance(found, Refusal):
            raise _error(found, name)
        if found is None:
            raise OAuthNotConfigured(
                f'The secret {name} holds the app\'s {{"clientId": …, "clientSecret": …}}; it holds nothing of the '
                "kind yet. An operator stages it: klaviyo-access oauth stage."
            )
        return found

    def load(self, account: str) -> OAuthTokens | None:
        """The account's tokens as stored last; None where there are none.

        Raises:
            OAuthNotConfigured: the account has no secret, or this principal may not read it.
            OAuthUnavailable: AWS could not be asked.
        """
        found = _tokens(self._get(self._name(account)))
        if isinstance(found, Refusal):
            raise _error(found, self._name(account))
        return found

    def save(self, account: str, tokens: OAuthTokens | None) -> None:
        """Store the account's tokens as the secret's current value; None overwrites them.

        Raises:
            OAuthNotConfigured: the account has no secret, or this principal may not write it.
            OAuthUnavailable: AWS could not be asked.
        """
        failure = self._put(self._name(account), tokens)
        if failure is not None:
            raise _error(failure, self._name(account))

    def _name(self, account: str) -> str:
        return f"{self._folder}/{account}/tokens"

    # Nothing is raised below while a value in clear is in the frame: an error would carry it.

    def _get(self, name: str) -> Document | Refusal:
        answer = self._ask("GetSecretValue", {"SecretId": name})
        return {} if isinstance(answer, Refusal) and answer.has_no_value else answer

    def _put(self, name: str, tokens: OAuthTokens | None) -> Refusal | None:
        value = tokens.to_json() if tokens else REVOKED
        # A token of its own for each put: without it a retried one would be a second version.
        parameters = {"SecretId": name, "SecretString": value, "ClientRequestToken": str(uuid4())}
        answer = self._ask("PutSecretValue", parameters)
        return answer if isinstance(answer, Refusal) else None


def _tokens(answer: Document | Refusal) -> OAuthTokens | Refusal | None:
    return answer if isinstance(answer, Refusal) else stored_tokens(str(answer.get("SecretString", "")))


def _credentials(answer: Document | Refusal) -> AppCredentials | Refusal | None:
    if isinstance(answer, Refusal):
        return answer
    match json_object(str(answer.get("SecretString", ""))):
        case {"clientId": str(client_id), "clientSecret": str(client_secret)} if client_id and client_secret:
            return AppCredentials(client_id=client_id, client_secret=Secret(client_secret))
    return None


def _error(refusal: Refusal, name: str) -> OAuthError:
    if refusal.code == MISSING or refusal.is_denied:
        # AWS answers both alike to whoever may not see what secrets there are.
        return OAuthNotConfigured(
            f"The program makes the secret {name} for one service alone, which klaviyo-access:oauthApp is about; AWS "
            f"answers {refusal.code}. Run as that service, in its region; if you do, add the account to "
            "klaviyo-access:oauthApp and deploy."
        )
    if refusal.kind is Kind.SETTINGS:
        return OAuthNotConfigured(f"The secret {name} cannot be asked for: {refusal}.")
    if refusal.kind is Kind.NO_CREDENTIALS:
        return OAuthUnavailable(f"AWS Secrets Manager was not asked for {name}: {refusal}", then="Then try again")
    return OAuthUnavailable(f"AWS Secrets Manager could not be asked for {name}: {refusal}")
