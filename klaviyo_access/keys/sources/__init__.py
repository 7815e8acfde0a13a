"""Where a role's key comes from: a module a source, and one that tries several in order."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from klaviyo_access.keys.location import SecretLocation, locate, named_role
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KeySnapshot


class Source(Protocol):
    """Where a role's key comes from. A store calls it from one thread at a time."""

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:
        """The key that is current now; raises a ``KeyStoreError``.

        Args:
            rejected: the last key that Klaviyo answered 401 to. A source that still has it looks past its cache.
        """
        ...


class Sought(NamedTuple):
    """What a store was asked for; each source takes from it what it needs.

    Attributes:
        named: the role's name; None to take ``KLAVIYO_ACCESS_ROLE``.
        secret_id: the secret's name or ARN; None to make up the name from the variables.
        region: None to take the ARN's or AWS's own settings.
        environ: the environment variables.
        clock: the time in seconds since the epoch.
    """

    named: str | None
    secret_id: str | None
    region: str | None
    environ: Mapping[str, str]
    clock: Callable[[], float]

    @property
    def role(self) -> str:
        """The role; raises ``KeyStoreNotConfigured`` where none is named."""
        return named_role(self.named, self.environ)

    @property
    def location(self) -> SecretLocation:
        """The role's secret; raises ``KeyStoreNotConfigured`` where neither it nor an environment is named."""
        return locate(self.named, secret_id=self.secret_id, region=self.region, environ=self.environ)
