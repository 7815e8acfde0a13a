"""Scope probes: ask Klaviyo, by the cheapest exact GET, whether a key is accepted and has the scopes of its role.

Standard library only, since the rotator's bundle carries this module. Exact means that the operation needs that one
scope and no other. All private keys of an account share one quota, so a key is proved once, scope by scope, and later
asked for with one call; a key's scopes cannot be edited after its creation, so the first proof stands.

::

    ProbeError
    ├── KeyRefusedError   a definite refusal: Klaviyo answered, and the key is not the one that the role needs
    └── NoAnswerError     no definite answer: it says nothing about the key, and the next try decides
"""

import http.client
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlencode, urlsplit

from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.answers import Meaning, read_answer

REQUEST_TIMEOUT: Final = 10.0
"""Seconds that one call to Klaviyo may wait."""

BODY_LIMIT: Final = 1 << 20
"""Bytes of an answer that are read; a probe's answer is far smaller."""

REFUSED: Final = "refused"
"""The reason of a refusal by which Klaviyo does not know the key: the only one that proves a key dead."""

NAMED_SCOPES: Final = 8
"""Missing scopes that a reason names: AWS allows 256 characters in the label that carries it."""


class Transport(Protocol):
    """Sends one request and returns status, headers and body; follows no redirect; raises OSError on no answer."""

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float
    ) -> tuple[int, Mapping[str, str], bytes]: ...


class Evidence(StrEnum):
    """How it is known that a key has a scope."""

    PROBE = "probe"
    UNPROVED = "unproved"


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


@dataclass(frozen=True)
class Probe:
    """One GET that needs one scope.

    Attributes:
        path: path of the operation.
        per_minute: the operation's steady limit, requests a minute for the whole account.
        query: keeps the answer short and personal data out of it.
    """

    path: str
    per_minute: int
    query: Mapping[str, str] = field(default_factory=dict)


_ONE: Final = {"page[size]": "1"}

READ_PROBES: Final[Mapping[str, Probe]] = {
    "accounts:read": Probe("/api/accounts", 15, {"fields[account]": "timezone"}),
    "brands:read": Probe("/api/brand-colors", 150),
    "campaigns:read": Probe("/api/campaign-messages", 150, _ONE),
    "catalogs:read": Probe("/api/catalog-items", 3500, _ONE),
    "coupon-codes:read": Probe("/api/coupon-code-bulk-create-jobs", 750),
    "coupons:read": Probe("/api/coupons", 750, _ONE),
    "custom-objects:read": Probe("/api/data-sources", 60, _ONE),
    "events:read": Probe("/api/events", 3500, _ONE | {"fields[event]": "timestamp"}),
    "flows:read": Probe("/api/flows", 60, _ONE),
    "forms:read": Probe("/api/forms", 60, _ONE),
    "images:read": Probe("/api/images", 150, _ONE),
    "lists:read": Probe("/api/lists", 750, _ONE),
    "metrics:read": Probe("/api/metrics", 150),
    "profiles:read": Probe("/api/profiles", 750, _ONE | {"fields[profile]": "created"}),
    "reviews:read": Probe("/api/reviews", 150, _ONE | {"fields[review]": "created"}),
    "segments:read": Probe("/api/segments", 750, _ONE),
    "sender-config:read": Probe("/api/text-messaging-senders", 60, _ONE),
    "subscriptions:read": Probe("/api/profile-suppression-bulk-create-jobs", 750),
    "tags:read": Probe("/api/tags", 60, _ONE),
    "templates:read": Probe("/api/templates", 750, _ONE),
    "tracking-settings:read": Probe("/api/tracking-settings", 150, _ONE),
    "translations:read": Probe("/api/translations", 150, _ONE),
    "usage:read": Probe("/api/billing-usage", 150),
    "web-feeds:read": Probe("/api/web-feeds", 15, _ONE),
    "webhooks:read": Probe("/api/webhooks", 15),
}
"""Scope to its probe. A scope that is not here has no exact read probe and stays ``unproved``.

Paths, scopes and limits as the docstrings of klaviyo-api 25.0.0 (revision 2026-10-15) give them.
"""

ACCOUNT_SCOPE: Final = "accounts:read"
"""The scope by which a key proves which account it belongs to; every role has it."""


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

    def prove(self, key: Key, scopes: Iterable[str], *, account_id: str) -> Proof:
        """Prove that ``key`` is accepted, belongs to the account and has every scope that can be asked for.

        Args:
            key: the key to prove.
            scopes: the role's scopes; each that has a probe costs one call.
            account_id: the environment's Klaviyo account; empty where any account will do.

        Raises:
            KeyRefusedError: Klaviyo refused the key, a scope is missing, or the account is another one.
            NoAnswerError: Klaviyo gave no definite answer to one of the calls.
        """
        evidence = dict.fromkeys(sorted(scopes), Evidence.UNPROVED)
        missing: list[str] = []
        for scope in evidence:
            if scope not in READ_PROBES:
                continue
            outcome = self._ask(key, scope)
            if outcome.missing:
                missing.append(scope)
                continue
            if scope == ACCOUNT_SCOPE and account_id:
                _require_account(outcome.body, account_id)
            if outcome.proved:
                evidence[scope] = Evidence.PROBE
        if missing:
            raise _scopes_missing(missing)
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
        if self._ask(key, widest).missing:
            raise _scopes_missing([widest])

    def _ask(self, key: Key, scope: str) -> "_Outcome":
        probe = READ_PROBES[scope]
        while True:
            status, headers, body = self._send(key, probe)
            answer = read_answer(status, headers, body)
            match answer.meaning:
                case Meaning.ACCEPTED:
                    return _Outcome(proved=True, body=body)
                case Meaning.KEY_REFUSED:
                    raise KeyRefusedError("Klaviyo does not accept this key (401).", reason=REFUSED)
                case Meaning.SCOPES_MISSING if scope in answer.missing_scopes:
                    return _Outcome(missing=True)
                case Meaning.FORBIDDEN if answer.detail:
                    # Klaviyo knows the key; the account has not the feature. That says nothing about the scope.
                    return _Outcome()
                case Meaning.RATE_LIMITED:
                    self._wait(answer.retry_after, probe)
                case _:
                    raise _no_answer(probe, f"{answer.meaning.value}, status {status}")

    def _send(self, key: Key, probe: Probe) -> tuple[int, Mapping[str, str], bytes]:
        timeout = min(REQUEST_TIMEOUT, self.time_left())
        if timeout <= 0:
            raise _no_answer(probe, "no time left")
        query = f"?{urlencode(probe.query)}" if probe.query else ""
        headers = {
            "Authorization": f"Klaviyo-API-Key {key.reveal()}",
            "revision": self.revision,
            "Accept": "application/vnd.api+json",
        }
        try:
            return self.transport("GET", f"{self.url}{probe.path}{query}", headers, timeout)
        except (OSError, http.client.HTTPException) as error:
            raise _no_answer(probe, type(error).__name__) from None

    def _wait(self, retry_after: int | None, probe: Probe) -> None:
        seconds = max(1, retry_after or 0)
        if seconds >= self.time_left():
            raise _no_answer(probe, f"the account's quota is used up for {seconds} s more")
        self.sleep(seconds)


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    proved: bool = False
    missing: bool = False
    body: bytes = b""


def _no_answer(probe: Probe, what: str) -> NoAnswerError:
    return NoAnswerError(f"Klaviyo gave no definite answer to GET {probe.path} ({what}): the key is not in question.")


def _scopes_missing(scopes: list[str]) -> KeyRefusedError:
    named = scopes[:NAMED_SCOPES] + ["more"] * (len(scopes) > NAMED_SCOPES)
    return KeyRefusedError(f"The key lacks {', '.join(scopes)}.", reason=f"missing:{','.join(named)}")


def _require_account(body: bytes, account_id: str) -> None:
    try:
        accounts = {str(account["id"]) for account in json.loads(body)["data"]}
    except (ValueError, LookupError, TypeError):
        raise _no_answer(READ_PROBES[ACCOUNT_SCOPE], "an answer without an account") from None
    if accounts != {account_id}:
        raise KeyRefusedError("The key belongs to another Klaviyo account.", reason="other-account")


def send(
    method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """The real transport: one request on a connection of its own, no redirect followed, no proxy.

    Args:
        method: the HTTP method.
        url: an http or https URL.
        headers: sent as they are.
        timeout: seconds for connecting and for each read.
        body: sent as it is, where there is one.

    Raises:
        OSError: no connection, a TLS failure, or a time-out.
        http.client.HTTPException: the answer is not HTTP.
    """
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.netloc, timeout=timeout)
    try:
        connection.request(method, parts._replace(scheme="", netloc="").geturl(), body, dict(headers))
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read(BODY_LIMIT)
    finally:
        connection.close()
