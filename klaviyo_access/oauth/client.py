"""The app's side of Klaviyo's OAuth endpoints, on Authlib's httpx client: one request each, nothing kept.

Source: https://developers.klaviyo.com/en/docs/set_up_oauth
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import httpx2
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped] # Authlib ships no types
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped] # Authlib ships no types

from klaviyo_access.endpoint import KLAVIYO_URL, RULE, is_safe
from klaviyo_access.errors import OAuthNotConfigured
from klaviyo_access.klaviyo.operations import REVISION
from klaviyo_access.oauth.refusals import Refusal, Step, error_for, refusal_of
from klaviyo_access.oauth.secret import Secret
from klaviyo_access.oauth.tokens import OAuthTokens, answered_tokens, json_object

LOGIN_URL: Final = "https://www.klaviyo.com"
TIMEOUT: Final = 10.0
"""Seconds for connecting, and for each read."""

Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class AppCredentials:
    """Who the app is to Klaviyo; the secret shows nothing of itself."""

    client_id: str
    client_secret: Secret


class OAuthClient:
    """Asks Klaviyo for consent, tokens and their end.

    Args:
        credentials: client id and secret.
        redirect_uri: where Klaviyo sends the browser back to; registered with the app, character by character.
        scopes: what is asked for.
        klaviyo_url: base URL of Klaviyo's API without a slash at its end; any but Klaviyo's own serves all endpoints.
        clock: the time in seconds since the epoch.
        transport: how requests travel; without it httpx's own.

    Raises:
        OAuthNotConfigured: secrets must not travel to ``klaviyo_url``.
    """

    def __init__(
        self,
        credentials: AppCredentials,
        *,
        redirect_uri: str,
        scopes: Sequence[str],
        klaviyo_url: str = KLAVIYO_URL,
        clock: Callable[[], float] = time.time,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        if not is_safe(klaviyo_url):
            raise OAuthNotConfigured(f"Client secret and tokens travel to {RULE}; Klaviyo's URL is {klaviyo_url!r}.")
        self.scopes = tuple(sorted(scopes))
        self.client_id = credentials.client_id
        self._credentials = credentials
        self._redirect_uri = redirect_uri
        self._login_url = LOGIN_URL if klaviyo_url == KLAVIYO_URL else klaviyo_url
        self.klaviyo_url = klaviyo_url
        self._clock = clock
        self._transport = transport

    def authorization_url(self, *, state: str, verifier: Secret) -> str:
        """Where to send the browser of the account's owner.

        Args:
            state: comes back with the answer.
            verifier: of which only the S256 challenge is sent.
        """
        with self._session([]) as session:
            url, _ = session.create_authorization_url(
                f"{self._login_url}/oauth/authorize",
                state=state,
                code_verifier=verifier.reveal(),
                scope=" ".join(self.scopes),
            )
        return str(url)

    def exchange(self, code: Secret, *, verifier: Secret) -> OAuthTokens:
        """Exchange an authorization code for tokens; Klaviyo takes a code once, within five minutes.

        Raises:
            OAuthError: Klaviyo refused, or could not be asked.
        """
        tokens = self._ask(
            lambda session: session.fetch_token(
                self._endpoint("token"),
                grant_type="authorization_code",
                code=code.reveal(),
                code_verifier=verifier.reveal(),
            ),
            read=partial(answered_tokens, asked_at=self._clock(), scopes=self.scopes),
        )
        if isinstance(tokens, Refusal):
            raise error_for(tokens, Step.EXCHANGE)
        return tokens

    def refresh(self, tokens: OAuthTokens, *, account: str) -> OAuthTokens:
        """Have a new access token for a refresh token, and with it the refresh token to use from then on.

        Raises:
            OAuthReauthorizationNeeded: Klaviyo no longer takes the refresh token.
            OAuthError: Klaviyo refused otherwise, or could not be asked.
        """
        token = tokens.refresh_token
        fresh = self._ask(
            lambda session: session.refresh_token(self._endpoint("token"), token.reveal()),
            read=partial(answered_tokens, asked_at=self._clock(), scopes=tokens.scopes, refresh_token=token),
        )
        if isinstance(fresh, Refusal):
            raise error_for(fresh, Step.REFRESH, account=account)
        return fresh

    def revoke(self, tokens: OAuthTokens, *, account: str) -> None:
        """Give the tokens back, which uninstalls the app from the account.

        Raises:
            OAuthError: Klaviyo refused, or could not be asked.
        """
        token = tokens.refresh_token
        answer = self._ask(
            lambda session: session.revoke_token(self._endpoint("revoke"), token.reveal(), "refresh_token"),
            read=lambda _: True,
        )
        if isinstance(answer, Refusal):
            raise error_for(answer, Step.REVOKE, account=account)

    def account_of(self, tokens: OAuthTokens) -> str:
        """The id of the Klaviyo account whose owner granted ``tokens``; needs accounts:read.

        Raises:
            OAuthError: Klaviyo refused, or could not be asked.
        """
        url = f"{self.klaviyo_url}/api/accounts?fields%5Baccount%5D=public_api_key"
        account = self._ask(
            lambda session: session.request("GET", url, withhold_token=True, headers=_bearer(tokens)), read=_account
        )
        if isinstance(account, Refusal):
            raise error_for(account, Step.ACCOUNT)
        return account

    def _endpoint(self, name: str) -> str:
        return f"{self.klaviyo_url}/oauth/{name}"

    def _ask(
        self, request: Callable[[Any], object], *, read: Callable[[Mapping[str, Any]], Read | None]
    ) -> Read | Refusal:
        # Frames of Authlib and httpx hold secrets in clear, and so does an answer: neither goes on from here.
        seen: list[httpx2.Response] = []
        try:
            with self._session(seen) as session:
                request(session)
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            return Refusal(status=0, description=type(error).__name__)
        except (AuthlibBaseError, httpx2.HTTPStatusError, ValueError, TypeError, RecursionError):
            pass  # what Authlib makes of the answer, which is read here
        if not seen:
            return Refusal(status=0, description="the request holds what cannot be sent")
        document = json_object(seen[-1].content)
        if not seen[-1].is_success or "error" in document:
            retry_after = seen[-1].headers.get("retry-after", "")
            return refusal_of(document, status=seen[-1].status_code, retry_after=retry_after)
        return read(document) or Refusal(status=seen[-1].status_code, description="without what was asked for")

    def _session(self, seen: list[httpx2.Response]) -> Any:
        return OAuth2Client(
            self._credentials.client_id,
            self._credentials.client_secret.reveal(),
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - the method's name, no secret
            revocation_endpoint_auth_method="client_secret_basic",
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            event_hooks={"response": [seen.append]},
            timeout=TIMEOUT,
            transport=self._transport,
        )


def _bearer(tokens: OAuthTokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.access_token.reveal()}", "revision": REVISION}


def _account(document: Mapping[str, Any]) -> str | None:
    match document:
        case {"data": [{"id": str(account)}]}:
            return account
    return None
