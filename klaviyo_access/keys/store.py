"""A role's key in a service's own process: fetched at startup, fetched anew when Klaviyo rejects it."""

import os
import threading
from collections.abc import Mapping
from typing import Protocol

from klaviyo_access.keys.location import locate
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.secrets_manager import SecretsManagerSource
from klaviyo_access.keys.snapshot import KeySnapshot


class Source(Protocol):
    """Where a role's key comes from."""

    def fetch(self) -> KeySnapshot:
        """The key that is current now; raises a ``KeyStoreError``."""
        ...


class KeyStore:
    """One role's key, ready when the store is.

    ``store.key`` reads one immutable snapshot: no lock, no copy, no input or output. A store may be shared by any
    number of threads.

    Args:
        role: as in access.yaml; without it ``KLAVIYO_ACCESS_ROLE``.
        secret_id: the secret's name or ARN; without it ``KLAVIYO_ACCESS_PREFIX`` and ``KLAVIYO_ACCESS_ENVIRONMENT``.
        region: without it the ARN's, ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or the AWS profile's.
        source: where the key comes from; without it Secrets Manager.
        environ: the environment variables.

    Raises:
        KeyStoreError: the key could not be had; its kinds are drawn in `klaviyo_access.klaviyo.errors`.
    """

    def __init__(
        self,
        role: str | None = None,
        *,
        secret_id: str | None = None,
        region: str | None = None,
        source: Source | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._source = source or SecretsManagerSource(
            locate(role, secret_id=secret_id, region=region, environ=environ), environ=environ
        )
        self._fetching = threading.Lock()
        self._snapshot = self._source.fetch()

    @property
    def key(self) -> Key:
        """The key as last fetched."""
        return self._snapshot.key

    @property
    def snapshot(self) -> KeySnapshot:
        """The key with its role, scopes, endpoint, version and the time it was fetched."""
        return self._snapshot

    def refresh(self, *, rejected: Key) -> None:
        """Fetch the key anew after Klaviyo answered 401 to ``rejected``; call it for no other answer.

        One fetch at a time: whoever comes while it runs waits for its result. Where the store holds another key than
        the rejected one already, nothing is fetched.

        Raises:
            KeyStoreError: the key could not be fetched; the store keeps the one it has.
        """
        seen = self._snapshot
        if seen.key != rejected:
            return
        with self._fetching:
            if self._snapshot is seen:
                self._snapshot = self._source.fetch()

    def __repr__(self) -> str:
        return f"KeyStore(role={self._snapshot.role!r}, key={self._snapshot.key})"
