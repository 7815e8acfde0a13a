"""The account's private keys, as Klaviyo's dashboard makes, lists and disables them. In memory only."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from klaviyo_access.access_model.catalog import BETA_SCOPES, GA_SCOPES
from klaviyo_access.keys.secret import Key

Status = Literal["active", "disabled"]
Format = Literal["plain", "company"]


@dataclass(frozen=True, kw_only=True)
class PrivateKey:
    """One key; ``key`` shows nothing of itself."""

    id: str
    name: str
    status: Status
    scopes: frozenset[str]
    created: datetime
    key: Key

    def describe(self) -> dict[str, Any]:
        """What the dashboard shows: never the value, which Klaviyo shows once. The fingerprint is the sandbox's own."""
        return {
            "id": self.id,
            "fingerprint": self.key.fingerprint,
            "name": self.name,
            "status": self.status,
            "scopes": sorted(self.scopes),
            "created": self.created.isoformat(),
            "redacted_key": f"pk_****{self.key.reveal()[-4:]}",
        }


class UnknownScopeError(ValueError):
    """Klaviyo has no such scope."""


class KeyRing:
    """All private keys of one account.

    Args:
        account_id: the company id, which the newer format of keys carries.
        clock: the time in seconds since the epoch.
    """

    def __init__(self, account_id: str, clock: Callable[[], float]) -> None:
        self._account_id = account_id
        self._clock = clock
        self._keys: dict[str, PrivateKey] = {}

    def create(self, *, name: str, scopes: Iterable[str], written: Format = "plain") -> PrivateKey:
        """Make a key; names are labels and may repeat.

        Raises:
            UnknownScopeError: a scope that Klaviyo does not have.
        """
        wanted = frozenset(scopes)
        if unknown := sorted(wanted.difference(GA_SCOPES, BETA_SCOPES)):
            raise UnknownScopeError(f"Klaviyo has no scope {', '.join(unknown)}.")
        company = f"{self._account_id}_" if written == "company" else ""
        made = PrivateKey(
            id=secrets.token_hex(13),
            name=name,
            status="active",
            scopes=wanted,
            created=datetime.fromtimestamp(self._clock(), UTC),
            key=Key(f"pk_{company}{secrets.token_hex(17)}"),
        )
        self._keys[made.id] = made
        return made

    def inventory(self) -> list[PrivateKey]:
        """All keys, oldest first."""
        return list(self._keys.values())

    def set_status(self, identifier: str, status: Status) -> PrivateKey | None:
        """Disable or enable a key, at once; None where there is no such key."""
        if (known := self._keys.get(identifier)) is None:
            return None
        self._keys[identifier] = replace(known, status=status)
        return self._keys[identifier]

    def scopes_of(self, value: str) -> frozenset[str] | None:
        """The scopes of the active key with this value; None where there is none."""
        for known in self._keys.values():
            if secrets.compare_digest(known.key.reveal().encode(), value.encode()):
                return known.scopes if known.status == "active" else None
        return None
