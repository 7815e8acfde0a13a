"""The account's private keys: resources of the type ``api-key``, whose values the store never shows."""

import secrets
from collections.abc import Iterable
from typing import Any, Literal

from klaviyo_access.access_model.catalog import BETA_SCOPES, GA_SCOPES
from klaviyo_access.keys.secret import Key
from sandbox.klaviyo.store import Resource, Store

Format = Literal["plain", "company"]


class UnknownScopeError(ValueError):
    """Klaviyo has no such scope."""


class KeyRing:
    """All private keys of one account.

    Args:
        account_id: the company id, which the newer format of keys carries.
        store: where the keys are kept.
    """

    def __init__(self, account_id: str, store: Store) -> None:
        self._account_id = account_id
        self._store = store

    def create(self, *, name: str, scopes: Iterable[str], written: Format = "plain") -> tuple[str, Key]:
        """Make a key; names are labels and may repeat. Returns its identifier and its value.

        Raises:
            UnknownScopeError: a scope that Klaviyo does not have.
        """
        wanted = frozenset(scopes)
        if unknown := sorted(wanted.difference(GA_SCOPES, BETA_SCOPES)):
            raise UnknownScopeError(f"Klaviyo has no scope {', '.join(unknown)}.")
        company = f"{self._account_id}_" if written == "company" else ""
        key = Key(f"pk_{company}{secrets.token_hex(17)}")
        shown = {
            "name": name,
            "status": "active",
            "scopes": sorted(wanted),
            "created": self._store.now(),
            "redacted_key": f"pk_****{key.reveal()[-4:]}",
        }
        made = self._store.add("api-key", shown, identifier=secrets.token_hex(13))
        made.hidden["key"] = key
        return made.ref.id, key

    def inventory(self) -> list[dict[str, Any]]:
        """What the dashboard shows of all keys, oldest first. The fingerprint is the sandbox's own."""
        return [
            {"id": one.ref.id, "fingerprint": one.hidden["key"].fingerprint, **one.attributes}
            for one in self._store.all("api-key")
        ]

    def scopes_of(self, value: str) -> frozenset[str] | None:
        """The scopes of the active key with this value; None where there is none."""
        found = next(filter(lambda one: _has_value(one, value), self._store.all("api-key")), None)
        return frozenset(found.attributes["scopes"]) if found and found.attributes["status"] == "active" else None


def _has_value(resource: Resource, value: str) -> bool:
    key: Key = resource.hidden["key"]
    return secrets.compare_digest(key.reveal().encode(), value.encode())
