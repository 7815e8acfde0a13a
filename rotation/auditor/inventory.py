"""Klaviyo's own list of the account's keys, which tells their names, scopes and states, and can disable them.

A beta of Klaviyo's, which the SDK does not have. A key is found by its last four characters and its scopes, and from
then on by the mark in its name (`rotation.auditor.marks`); nothing is ever done to a key that is not the only one to
fit.

Source: Klaviyo's OpenAPI, revision 2026-07-15.pre.
"""

import http.client
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.answers import Meaning, read_answer
from rotation.auditor.marks import End, Mark, denied, marks, with_mark, without_mark
from rotation.errors import RotationError

REVISION: Final = "2026-07-15.pre"
Send = Callable[[str, str, Mapping[str, str], float, bytes | None], tuple[int, Mapping[str, str], bytes]]
"""Sends one request with a body and returns status, headers and body; follows no redirect; OSError on no answer."""

_PATH: Final = "/api/api-keys"
_REQUEST_TIMEOUT: Final = 10.0
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class InventoryError(RotationError):
    """Klaviyo did not show its list of keys, or did not change it."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A key as Klaviyo lists it.

    Attributes:
        id: by which it is changed.
        name: a free label.
        is_active: whether Klaviyo accepts it.
        scopes: what it may do.
        ends_with: its last four characters.
    """

    id: str
    name: str
    is_active: bool
    scopes: frozenset[str]
    ends_with: str

    @property
    def marks(self) -> Mapping[str, End | None]:
        """The fingerprints that its name gives it, each with its key's end."""
        return {mark.fingerprint: mark.end for mark in marks(self.name, ends_with=self.ends_with)}

    def may_be(self, fingerprint: str, *, ends_with: str) -> bool:
        """Whether it could be the key: it ends so, and turned out to be another one never yet."""
        return self.ends_with == ends_with and fingerprint not in denied(self.name)

    def marked(self, fingerprint: str, end: End | None = None) -> str:
        """Its name as that of this key."""
        return with_mark(self.name, Mark(fingerprint, self.ends_with, end))

    def denying(self, fingerprint: str) -> str:
        """Its name as that of another key than this one."""
        return without_mark(self.name, fingerprint)


def find(entries: Iterable[Entry], *, fingerprint: str, ends_with: str, scopes: frozenset[str]) -> Entry | None:
    """The entry of a key: by mark and ending, else the only one with its ending, if it is active and its scopes fit.

    A name alone proves nothing, since names are free and may repeat.
    """
    same_ending = [entry for entry in entries if entry.may_be(fingerprint, ends_with=ends_with)]
    marked = [entry for entry in same_ending if fingerprint in entry.marks]
    if marked:
        return marked[0] if len(marked) == 1 else None
    fitting = [entry for entry in same_ending if entry.is_active and entry.scopes == scopes and not entry.marks]
    return fitting[0] if len(same_ending) == len(fitting) == 1 else None


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Lists, renames, disables and enables the account's keys.

    Args:
        url: Klaviyo's base URL, without a trailing slash.
        key: the custodian's.
        transport: sends one request.
        sleep: waits that many seconds.
        time_left: seconds in which something may still be begun.
        reserve: seconds beyond these, for enabling a key again.
    """

    url: str
    key: Key
    transport: Send
    sleep: Callable[[float], None]
    time_left: Callable[[], float]
    reserve: float = 0.0

    def entries(self) -> tuple[Entry, ...]:
        """All keys of the account.

        Raises:
            InventoryError: Klaviyo did not show them, or not in a known form.
        """
        found: list[Entry] = []
        query, cursors = {"additional-fields[api-key]": "redacted_key"}, set[str]()
        while True:
            page = self._ask("GET", f"{_PATH}?{urlencode(query)}", left=self.time_left)
            try:
                found += [_entry(one) for one in page["data"]]
                cursor = _cursor(page)
            except (LookupError, TypeError, AttributeError, ValueError):
                raise InventoryError("Klaviyo lists its keys in another form than this version knows.") from None
            if cursor is None:
                return tuple(found)
            if cursor in cursors:
                raise InventoryError("Klaviyo's list of keys leads back to a page that was read already.")
            cursors.add(cursor)
            query["page[cursor]"] = cursor

    def change(
        self,
        entry: Entry,
        *,
        name: str,
        status: Literal["active", "disabled"] | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """Rename a key, and disable or enable it.

        Args:
            entry: the key.
            name: its name from now on.
            status: its state from now on.
            look: called directly before each try, also when the quota was waited for; what it raises ends the change.

        Raises:
            InventoryError: Klaviyo did not do it, or its answer was lost.
        """
        attributes = {"name": name} | ({"status": status} if status else {})
        document = {"data": {"type": "api-key", "id": entry.id, "attributes": attributes}}
        left = self._to_the_end if status == "active" else self.time_left
        self._ask("PATCH", f"{_PATH}/{quote(entry.id, safe='')}", json.dumps(document).encode(), left=left, look=look)

    def _to_the_end(self) -> float:
        return self.time_left() + self.reserve

    def _ask(
        self,
        method: Literal["GET", "PATCH"],
        path: str,
        body: bytes | None = None,
        *,
        left: Callable[[], float],
        look: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        while True:
            look()
            status, headers, text = self._send(method, path, body, min(_REQUEST_TIMEOUT, left()))
            answer = read_answer(status, headers, text)
            if answer.meaning is Meaning.ACCEPTED:
                return _document(text)
            if answer.meaning is not Meaning.RATE_LIMITED:
                raise InventoryError(f"Klaviyo answered {method} {_PATH} with {status} ({answer.meaning.value}).")
            wait = max(1, answer.retry_after or 0)
            if wait >= left():
                raise InventoryError(
                    "The quota of Klaviyo's list of keys is used up, and the time of this run with it."
                )
            self.sleep(wait)

    def _send(self, method: str, path: str, body: bytes | None, timeout: float) -> tuple[int, Mapping[str, str], bytes]:
        if timeout <= 0:
            raise InventoryError("The time of this run is over.")
        headers = {
            "Authorization": f"Klaviyo-API-Key {self.key.reveal()}",
            "revision": REVISION,
            "Accept": "application/vnd.api+json",
            "Content-Type": "application/vnd.api+json",
        }
        try:
            return self.transport(method, f"{self.url}{path}", headers, timeout, body)
        except (OSError, http.client.HTTPException) as error:
            raise InventoryError(f"Klaviyo gave no answer to {method} {_PATH} ({type(error).__name__}).") from None


def _entry(one: Mapping[str, Any]) -> Entry:
    attributes = one["attributes"]
    if not _ID.fullmatch(one["id"]):
        raise LookupError
    return Entry(
        id=one["id"],
        name=str(attributes["name"]),
        is_active=attributes["status"] == "active",
        scopes=frozenset(attributes["scopes"]),
        ends_with=str(attributes["redacted_key"])[-4:],
    )


def _cursor(page: Mapping[str, Any]) -> str | None:
    """Where the next page begins; None at the last one. The key goes to no address that an answer names.

    Raises:
        LookupError, ValueError: there is a next page, and no telling where: of a list that is cut off, an entry that
            fits need not be the only one.
    """
    link = (page.get("links") or {}).get("next")
    return parse_qs(urlsplit(link).query)["page[cursor]"][0] if link else None


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InventoryError("Klaviyo answered about its keys with something that is no JSON object.")
    return document
