"""One Klaviyo account that gave its consent: an access token that works, whenever it is asked for.

Many hosts may share an account, and many processes a host. On a host one renews while the others wait, and then find
its tokens in the store. Each host refreshes by itself; where Klaviyo ends a refresh token with its use, one host wins,
and the others find the winner's tokens in the store.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from klaviyo_access.errors import OAuthReauthorizationNeeded, OAuthUnavailable
from klaviyo_access.oauth.client import OAuthClient
from klaviyo_access.oauth.flight import SingleFlight
from klaviyo_access.oauth.host import HostLocks
from klaviyo_access.oauth.secret import Secret
from klaviyo_access.oauth.stores import TokenStore
from klaviyo_access.oauth.tokens import OAuthTokens

EARLY: Final = 300.0
"""Seconds before its end at which an access token is renewed, so that a failure leaves time to try again."""

HOLD_OFF: Final = 30.0
"""Seconds from one attempt to renew to the next, as long as the token still works: nobody waits for either."""

PAUSES: Final = (0.2, 0.8, 2.0)
"""Seconds to wait between looks at the store, once another host was faster: it has still to store what it got."""


class _Unsaved(NamedTuple):
    """Tokens that Klaviyo gave and the store has not taken yet, and those that they follow."""

    fresh: OAuthTokens
    instead_of: OAuthTokens


class OAuthConnection:
    """The tokens of one account, shared by any number of threads and asyncio tasks.

    Args:
        account: the Klaviyo account's id.
        client: asks Klaviyo.
        store: keeps the tokens.
        clock: the time in seconds since the epoch.
        sleep: waits that many seconds.
        locks: let one process of this host at a time renew; without it, those of this user.
    """

    def __init__(
        self,
        account: str,
        *,
        client: OAuthClient,
        store: TokenStore,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        locks: HostLocks | None = None,
    ) -> None:
        self.account = account
        self.klaviyo_url = client.klaviyo_url
        self._client = client
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._locks = locks or HostLocks(sleep=sleep)
        self._flight: SingleFlight[OAuthTokens] = SingleFlight()
        self._current: OAuthTokens | None = None
        self._unsaved: _Unsaved | None = None
        self._dead: OAuthTokens | None = None
        self._not_before = 0.0

    def access_token(self, *, rejected: Secret | None = None, needs: Iterable[str] = ()) -> Secret:
        """An access token that is good for a request now.

        Args:
            rejected: the token to which Klaviyo answered 401; another one is returned, or an error raised.
            needs: the scopes that the request takes.

        Raises:
            OAuthReauthorizationNeeded: there is no consent any more, or it does not cover ``needs``.
            OAuthUnavailable: neither this process nor the store has a token, and Klaviyo or AWS cannot be asked.
            OAuthError: Klaviyo refused otherwise.
        """
        tokens, work = self._good(rejected), partial(self._renew, rejected)
        try:
            # Twice, since the first may be the renewal of somebody who did not know of the rejection yet.
            tokens = tokens or self._unless(rejected, self._flight.run(work)) or self._flight.run(work)
        except OAuthUnavailable:
            if (tokens := self._good(rejected)) is None:
                raise
        return self._covering(tokens, needs)

    async def aaccess_token(self, *, rejected: Secret | None = None, needs: Iterable[str] = ()) -> Secret:
        """The same without blocking the event loop; tasks and threads share one renewal."""
        tokens, work = self._good(rejected), partial(self._renew, rejected)
        try:
            tokens = tokens or self._unless(rejected, await self._flight.arun(work)) or await self._flight.arun(work)
        except OAuthUnavailable:
            if (tokens := self._good(rejected)) is None:
                raise
        return self._covering(tokens, needs)

    def revoke(self) -> None:
        """Give the consent back: uninstalls the app from the account, and forgets the tokens.

        Raises:
            OAuthError: Klaviyo or the store could not be asked; call it again.
        """
        tokens = self._unsaved.fresh if self._unsaved else self._store.load(self.account)
        if tokens is not None:
            self._client.revoke(tokens, account=self.account)
        self._store.save(self.account, None)
        self._current = self._unsaved = None

    def adopt(self, tokens: OAuthTokens) -> None:
        """Store tokens that the account's owner has just granted, and use them from now on.

        Raises:
            OAuthError: they could not be stored.
        """
        self._store.save(self.account, tokens)
        self._unsaved = self._dead = None
        self._current = tokens

    def _good(self, rejected: Secret | None) -> OAuthTokens | None:
        """The tokens of this process, unless they ended or it is time to renew them."""
        tokens, now = self._current, self._clock()
        if tokens is None or tokens.access_token == rejected or now >= tokens.expires_at:
            return None
        return tokens if now < max(tokens.expires_at - EARLY, self._not_before) else None

    @staticmethod
    def _unless(rejected: Secret | None, tokens: OAuthTokens) -> OAuthTokens | None:
        return None if tokens.access_token == rejected else tokens

    def _covering(self, tokens: OAuthTokens, needs: Iterable[str]) -> Secret:
        if missing := tokens.lacking(needs):
            raise OAuthReauthorizationNeeded(f"it never granted {', '.join(missing)}", account=self.account)
        return tokens.access_token

    def _renew(self, rejected: Secret | None) -> OAuthTokens:
        """Store what could not be stored before; then take the store's tokens, or refresh them."""
        self._not_before = self._clock() + HOLD_OFF
        with self._locks.held(f"{self.klaviyo_url} {self._client.client_id} {self.account}"):
            return self._renew_alone(rejected)

    def _renew_alone(self, rejected: Secret | None) -> OAuthTokens:
        if self._unsaved is not None:
            self._keep(self._unsaved)
        stored = self._store.load(self.account)
        if stored is None:
            raise OAuthReauthorizationNeeded("it gave no consent, or withdrew it", account=self.account)
        if stored.access_token != rejected and self._clock() < stored.expires_at - EARLY:
            self._current = stored
            return stored
        return self._refresh(stored)

    def _refresh(self, stored: OAuthTokens) -> OAuthTokens:
        if stored == self._dead:
            raise OAuthReauthorizationNeeded("Klaviyo no longer takes its refresh token", account=self.account)
        try:
            fresh = self._client.refresh(stored, account=self.account)
        except OAuthReauthorizationNeeded:
            self._current = self._of_a_faster_host(stored)
            if self._current is None:
                self._dead = stored
                raise
            return self._current
        self._unsaved = _Unsaved(fresh, stored)
        return self._keep(self._unsaved)

    def _of_a_faster_host(self, used: OAuthTokens) -> OAuthTokens | None:
        """What another host got for the refresh token that ``used`` holds, once it has stored it."""
        for pause in PAUSES:
            self._sleep(pause)
            stored = self._store.load(self.account)
            if stored is not None and stored.refresh_token != used.refresh_token:
                return stored
        return None

    def _keep(self, unsaved: _Unsaved) -> OAuthTokens:
        """Store tokens before anybody uses them, unless the owner has given a newer consent meanwhile."""
        stored = self._store.load(self.account)
        if stored is not None and stored.refresh_token != unsaved.instead_of.refresh_token:
            self._unsaved, self._current = None, stored
            return stored
        self.adopt(unsaved.fresh)
        return unsaved.fresh
