"""Ask Klaviyo, by the probes of `probe_table`, whether a key is accepted and has the scopes of its role.

Standard library only, since the rotator's bundle carries this module. All private keys of an account share one quota,
so a key is proved once, scope by scope, and later asked for with one call; a key's scopes cannot be edited after its
creation, so the first proof stands.

::

    ProbeError
    ├── KeyRefusedError     a definite refusal: Klaviyo answered, and the key is not the one that the role needs
    ├── NoAnswerError       no definite answer: it says nothing about the key, and the next try decides
    └── WriteAcceptedError  a write probe was not refused for its body: something may have been changed, stop asking
"""

import http.client
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from klaviyo_access.keys.labels import REFUSED
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.answers import Answer, Meaning, read_answer
from klaviyo_access.klaviyo.probe_table import ACCOUNT_SCOPE, MALFORMED, READ_PROBES, WRITE_PROBES, Probe
from klaviyo_access.klaviyo.transport import REQUEST_TIMEOUT, Transport

NAMED_SCOPES: Final = 8
"""Missing scopes that a reason names: AWS allows 256 characters in the label that carries it."""


class Evidence(StrEnum):
    """How it is known that a key has a scope."""

    INVENTORY = "inventory"
    """Klaviyo's own list of keys says so, which the auditor reads: exact."""
    PROBE = "probe"
    UNPROVED = "unproved"
    ABSENT = "absent"
    """Klaviyo's list says that it has it not."""


class ProbeError(Exception):
    """A key could not be proved."""


class KeyRefusedError(ProbeError):
    """Klaviyo definitely refused the key.

    Attributes:
        reason: as the REJECTED label carries it: ``refused``, ``other-account`` or ``missing:`` and scopes.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        self.reason = reason
        super().__init__(message)


class NoAnswerError(ProbeError):
    """Klaviyo gave no definite answer: no connection, a server error, a challenge, a quota that is used up."""


class WriteAcceptedError(ProbeError):
    """Klaviyo took a write whose body is malformed, though it was to refuse it: look what it made of it."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What Klaviyo confirmed of a key.

    Attributes:
        evidence: each scope of the role and how it is known.
    """

    evidence: Mapping[str, Evidence]

    @property
    def unproved(self) -> tuple[str, ...]:
        """The scopes for which there is no proof, sorted."""
        return tuple(sorted(scope for scope, evidence in self.evidence.items() if evidence is Evidence.UNPROVED))


@dataclass(frozen=True, kw_only=True)
class Prober:
    """Asks Klaviyo about keys.

    Args:
        url: Klaviyo's base URL without a trailing slash.
        revision: the API revision to ask for, as in ``2026-10-15``.
        transport: sends one request.
        sleep: waits that many seconds.
        time_left: seconds that may still be spent.
    """

    url: str
    revision: str
    transport: Transport
    sleep: Callable[[float], None]
    time_left: Callable[[], float]

    def prove(self, key: Key, scopes: Iterable[str], *, account_id: str, writes: bool = False) -> Proof:
        """Prove that ``key`` is accepted, belongs to the account and has every scope that can be asked for.

        Reads come first: Klaviyo is asked for no write with a key that it refuses anyway.

        Args:
            key: the key to prove.
            scopes: the role's scopes; each that has a probe costs one call.
            account_id: the environment's Klaviyo account; empty where any account will do.
            writes: whether write scopes may be asked for as well, by a malformed write.

        Raises:
            KeyRefusedError: Klaviyo refused the key, a scope is missing, or the account is another one.
            NoAnswerError: Klaviyo gave no definite answer to one of the calls.
            WriteAcceptedError: Klaviyo took a malformed write; no further one is sent.
        """
        evidence = dict.fromkeys(sorted(scopes), Evidence.UNPROVED)
        for probes in (READ_PROBES, WRITE_PROBES if writes else {}):
            asked = {scope: self._ask(key, scope, probes[scope], account_id) for scope in evidence if scope in probes}
            if missing := [scope for scope, found in asked.items() if found is _Found.MISSING]:
                raise _scopes_missing(missing)
            evidence |= {scope: Evidence.PROBE for scope, found in asked.items() if found is _Found.PROVED}
        return Proof(evidence=evidence)

    def confirm(self, key: Key, scopes: Iterable[str]) -> None:
        """Make one cheap call which shows that ``key``, once proved, is still accepted.

        Args:
            key: the key to ask about.
            scopes: the role's scopes; the one whose probe has the widest limit is used.

        Raises:
            KeyRefusedError: Klaviyo refuses the key.
            NoAnswerError: Klaviyo gave no definite answer.
        """
        probed = sorted(READ_PROBES.keys() & set(scopes))
        widest = max(probed, key=lambda scope: READ_PROBES[scope].per_minute, default=ACCOUNT_SCOPE)
        if self._ask(key, widest, READ_PROBES[widest], "") is _Found.MISSING:
            raise _scopes_missing([widest])

    def _ask(self, key: Key, scope: str, probe: Probe, account_id: str) -> "_Found":
        while True:
            status, headers, body = self._send(key, probe)
            answer = read_answer(status, headers, body)
            if answer.meaning is Meaning.RATE_LIMITED:
                self._wait(answer.retry_after, probe)
                continue
            found = _written(probe, answer) if probe.writes else _read(probe, answer)
            if found is _Found.MISSING and scope not in answer.missing_scopes:
                raise _no_answer(probe, "it names another scope as missing")
            if scope == ACCOUNT_SCOPE and account_id and found is not _Found.MISSING:
                if found is not _Found.PROVED:
                    raise _no_answer(probe, "the account behind the key stays unknown")
                _require_account(body, account_id)
            return found

    def _send(self, key: Key, probe: Probe) -> tuple[int, Mapping[str, str], bytes]:
        timeout = min(REQUEST_TIMEOUT, self.time_left())
        if timeout <= 0:
            raise _no_answer(probe, "no time left")
        headers = {
            "Authorization": f"Klaviyo-API-Key {key.reveal()}",
            "revision": self.revision,
            "Accept": "application/vnd.api+json",
        }
        try:
            if not probe.writes:
                query = f"?{urlencode(probe.query)}" if probe.query else ""
                return self.transport("GET", f"{self.url}{probe.path}{query}", headers, timeout)
            headers["Content-Type"] = "application/vnd.api+json"
            return self.transport(probe.method, f"{self.url}{probe.asked_path}", headers, timeout, MALFORMED)
        except (OSError, http.client.HTTPException) as error:
            raise _no_answer(probe, type(error).__name__) from None

    def _wait(self, retry_after: int | None, probe: Probe) -> None:
        seconds = max(1, retry_after or 0)
        if seconds >= self.time_left():
            raise _no_answer(probe, f"the account's quota is used up for {seconds} s more")
        self.sleep(seconds)


class _Found(Enum):
    PROVED = "proved"
    MISSING = "missing"
    NOTHING = "nothing"


def _read(probe: Probe, answer: Answer) -> _Found:
    return _Found.PROVED if answer.meaning is Meaning.ACCEPTED else _refused(probe, answer)


def _written(probe: Probe, answer: Answer) -> _Found:
    """What the answer to a malformed write says: Klaviyo refuses keys before it looks at bodies."""
    if answer.meaning is Meaning.ACCEPTED:
        raise WriteAcceptedError(
            f"Klaviyo answered {probe.method} {probe.path} with {answer.status}, though its body was malformed: "
            "something may have been changed in the account."
        )
    if answer.meaning is Meaning.INVALID:
        return _Found.PROVED
    if answer.status == HTTPStatus.NOT_FOUND:
        # The id is nobody's. Whether Klaviyo looked at the key's scopes before it looked for the id is not known.
        return _Found.NOTHING
    return _refused(probe, answer)


def _refused(probe: Probe, answer: Answer) -> _Found:
    match answer.meaning:
        case Meaning.KEY_REFUSED:
            raise KeyRefusedError("Klaviyo does not accept this key (401).", reason=REFUSED)
        case Meaning.SCOPES_MISSING:
            return _Found.MISSING
        case Meaning.FORBIDDEN if answer.detail:
            # Klaviyo knows the key; the account has not the feature. That says nothing about the scope.
            return _Found.NOTHING
        case _:
            raise _no_answer(probe, f"{answer.meaning.value}, status {answer.status}")


def _no_answer(probe: Probe, what: str) -> NoAnswerError:
    return NoAnswerError(
        f"Klaviyo gave no definite answer to {probe.method} {probe.path} ({what}): the key is not in question."
    )


def _scopes_missing(scopes: list[str]) -> KeyRefusedError:
    named = scopes[:NAMED_SCOPES] + ["more"] * (len(scopes) > NAMED_SCOPES)
    return KeyRefusedError(f"The key lacks {', '.join(scopes)}.", reason=f"missing:{','.join(named)}")


def _require_account(body: bytes, account_id: str) -> None:
    try:
        accounts = {str(account["id"]) for account in json.loads(body)["data"]}
    except (ValueError, LookupError, TypeError, RecursionError):
        accounts = set()
    if not accounts:
        raise _no_answer(READ_PROBES[ACCOUNT_SCOPE], "an answer without an account")
    if accounts != {account_id}:
        raise KeyRefusedError("The key belongs to another Klaviyo account.", reason="other-account")
