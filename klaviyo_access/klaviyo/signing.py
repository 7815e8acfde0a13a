"""What requests to Klaviyo are signed with: a role's key here, an account's access token in `klaviyo_access.oauth`."""

from typing import Protocol

from klaviyo_access.hidden import Hidden
from klaviyo_access.keys.store import KeyStore
from klaviyo_access.klaviyo.refusals import RoleScopes, Sender


class Signing(Protocol):
    """Signs requests. Clients send a request once more when ``renewed`` has another secret than Klaviyo rejected."""

    @property
    def scheme(self) -> str:
        """What stands before the secret in the header ``Authorization``."""
        ...

    @property
    def endpoint(self) -> str:
        """Klaviyo's base URL, without a slash at its end: where the secret goes, and nowhere else."""
        ...

    @property
    def sender(self) -> Sender:
        """Who signs, for messages; asks nobody."""
        ...

    def secret(self) -> Hidden[str]:
        """The secret to sign with now."""
        ...

    async def asecret(self) -> Hidden[str]:
        """The same for a task."""
        ...

    def renewed(self, rejected: Hidden[str]) -> Hidden[str]:
        """What there is after Klaviyo answered 401 to ``rejected``: another secret, or the same where there is none."""
        ...

    async def arenewed(self, rejected: Hidden[str]) -> Hidden[str]:
        """The same for a task."""
        ...


class RoleSigning:
    """Signs with a role's key.

    Args:
        store: where the key comes from.
        roles: what the application knows of access.yaml.
    """

    scheme = "Klaviyo-API-Key"

    def __init__(self, store: KeyStore, roles: RoleScopes | None = None) -> None:
        self._store = store
        self._roles = roles

    @property
    def endpoint(self) -> str:
        """Klaviyo's base URL, as the role's secret names it."""
        return self._store.snapshot.endpoint

    @property
    def sender(self) -> Sender:
        """The role."""
        snapshot = self._store.snapshot
        return Sender(role=snapshot.role, key=snapshot.key, roles=self._roles)

    def secret(self) -> Hidden[str]:
        """The key; raises a ``KeyStoreError`` where it is too old to be served."""
        return self._store.key

    async def asecret(self) -> Hidden[str]:
        """The same, which waits for nobody."""
        return self._store.key

    def renewed(self, rejected: Hidden[str]) -> Hidden[str]:
        """The key after one fetch; raises a ``KeyStoreError`` where there was none."""
        held = self._store.snapshot.key
        if held == rejected:
            self._store.refresh(rejected=held)
        return self._store.snapshot.key

    async def arenewed(self, rejected: Hidden[str]) -> Hidden[str]:
        """The same for a task."""
        held = self._store.snapshot.key
        if held == rejected:
            await self._store.arefresh(rejected=held)
        return self._store.snapshot.key
