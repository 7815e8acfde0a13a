"""Two roles of one Klaviyo account, with what the tests know of their keys and nobody else does."""

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, cached_property, lru_cache
from typing import Any, Final, Literal

from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.keys.labels import Leaked, SecretLabels, Version
from klaviyo_access.keys.secret import KEY_PATTERN, fingerprint
from klaviyo_access.klaviyo.probe_table import READ_PROBES
from klaviyo_access.klaviyo.probes import Prober
from rotation.errors import RotationError
from sandbox.aws.calls import AwsError, Caller
from sandbox.aws.secrets_manager.readings import Readings
from sandbox.aws.secrets_manager.state import Secret
from tests.rotation.rotation_world import (
    KLAVIYO_ACCOUNT,
    SCOPES,
    KilledError,
    World,
    at_once,
    call,
    key_value,
)
from tests.rotation.state_machine.faults import FaultyKlaviyo, FaultyProcess, LaggingClient

PROVABLE: Final = frozenset(SCOPES) & READ_PROBES.keys()
START: Final = 1_795_348_800.0


@cache
def print_of(key: str) -> str:
    """The fingerprint of a key."""
    return fingerprint(key)


@lru_cache(maxsize=4_096)
def key_in(value: str) -> str | None:
    """The fingerprint of the key in a value of either secret, in whichever form; None where there is none."""
    found = KEY_PATTERN.search(value)
    return print_of(found.group()) if found else None


class TurnedAwayError(Exception):
    """A rotator runs one at a time, and was running."""


@dataclass
class Clock:
    """One clock for everybody; it can jump."""

    now: float = START


@dataclass
class Patience:
    """The time of one run of a Lambda, which passes by sleeping alone."""

    seconds: float = 60.0

    def left(self) -> float:
        """How much there is."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let some pass."""
        self.seconds -= seconds


class Role(World):
    """One role, in an account that it shares; its rotator turns others away while it runs."""

    one_at_a_time = True

    def __init__(self, account: "Account", name: str, *, first_value: Literal["also-current", "as-asked"]) -> None:
        self._account = account
        super().__init__(first_value=first_value, attempts=3)
        if first_value == "as-asked":
            self.service.readings = Readings(first_value=first_value, retry="resumed", step_names="snake")
        self.name = name
        self.busy = False
        self.recorded: list[tuple[str, datetime]] = []
        self.asked_to_finish: set[str] = set()
        self._views: dict[str, _View] = {}
        self.process: FaultyProcess = account.process
        self.klaviyo = account.klaviyo
        self.client = LaggingClient(self.service, account.process)
        self.service._rotations._in_background = _now  # type: ignore[method-assign] # over when RotateSecret answers

    @property
    def now(self) -> float:
        """The account's time."""
        return self._account.clock.now

    @now.setter
    def now(self, value: float) -> None:
        self._account.clock.now = value

    def invoke(self, event: object) -> dict[str, object]:
        """As a World's, unless it runs already."""
        if self.busy and self.one_at_a_time:
            raise TurnedAwayError
        if isinstance(event, dict) and event.get("Step") in {"finishSecret", "finish_secret"}:
            self.asked_to_finish.add(str(event["ClientRequestToken"]))
        before, self.busy = self.busy, True
        try:
            return super().invoke(event)
        finally:
            self.busy = before
            self.process.end_run()

    def view(self, where: str) -> "_View":
        """Labels and values of the ``key`` or the ``reserve``: the same object as long as nothing changes."""
        secret, known = self.secret(where), self._views.get(where)
        if known is None or known.secret is not secret:
            known = self._views[where] = _View(secret, _labels(secret), _values(secret))
        return known

    def secret(self, where: str) -> Secret:
        """All there is to know of the ``key`` or the ``reserve``."""
        return self.service.entries[{"key": self.key_arn, "reserve": self.reserve_arn}[where]]

    def _record(self, event_name: str, *_: object, **__: object) -> None:
        super()._record(event_name)
        self.recorded.append((event_name, datetime.fromtimestamp(self.now, UTC)))

    def _prober(self) -> Prober:
        patience = Patience()
        return replace(super()._prober(), sleep=patience.sleep, time_left=patience.left)

    async def _invoke(self, function_arn: str, event: dict[str, Any], *, caller: Caller) -> None:
        try:
            await super()._invoke(function_arn, event, caller=caller)
        except TurnedAwayError as error:
            raise AwsError("TooManyRequestsException", "Rate exceeded.") from error

    def _rotate(self, **settings: object) -> None:
        parameters = {
            "SecretId": self.key_arn,
            "ClientRequestToken": f"{self._account.new_number():032d}",
            "RotationLambdaARN": "arn:aws:lambda:us-east-1:000000000000:function:rotator",
            "RotationRules": {"AutomaticallyAfterDays": 90},
            **settings,
        }
        at_once(self.service.handle(call("RotateSecret", parameters)))


@dataclass(frozen=True)
class _View:
    secret: Secret
    labels: SecretLabels
    values: dict[str, str]


@dataclass(frozen=True)
class Seen:
    """One role at one moment: labels, and the values of the versions of both secrets."""

    key: SecretLabels
    reserve: SecretLabels
    key_values: dict[str, str]
    reserve_values: dict[str, str]
    accepted: frozenset[str]

    def key_of(self, version: Version | None) -> str | None:
        """The fingerprint of the key that a version of the key secret holds, by its value."""
        return key_in(self.key_values.get(version.id, "")) if version else None

    @cached_property
    def live(self) -> frozenset[str]:
        """The fingerprints of what is current or pending, by values: a label may be missing yet."""
        return frozenset(held for version in self.key if version.in_use and (held := self.key_of(version)))

    @cached_property
    def held(self) -> frozenset[str]:
        """The fingerprints of every key in the key secret, by values."""
        return frozenset(held for version in self.key if (held := self.key_of(version)))

    def has_leaked(self, fingerprint: str) -> bool:
        """Whether a verdict says so."""
        return Leaked(fingerprint) in (label for version in self.key for label in version.ours) or (
            fingerprint in self.reserve.leaked_fingerprints
        )


@dataclass
class Account:
    """Everything there is, and what only the tests know.

    Attributes:
        staged: each key that an operator staged honestly: role and name.
        stolen: keys of which somebody hostile took the labels.
        refused: keys that Klaviyo did not know at some time.
        uncontrolled: roles without a current key while Klaviyo answers 401 to everybody: no other key tells them so.
        disabled: keys that the auditor disabled, with their scopes.
        hit: fingerprints of the keys that the auditor disabled since the last look, enabled again or not.
        repair_due: whether an audit was broken off that may have left a live key disabled.
        called: names that keys have at Klaviyo.
        strangers: keys of the same Klaviyo account that are somebody else's.
        left_to_people: fingerprints of the keys that the last audit asked people to disable.
        wrongs: what the auditor did wrong at the very moment.
        leaked: role and fingerprint of each key that was marked as leaked.
        leaked_in_use: those of them that were current when they were marked, in what happened last.
        ended: role and fingerprint of each key that an operator retired, or that is rightly being disabled.
        superseded: role and fingerprint of a key to when it was last current or pending.
        by_hand: the versions of key secrets that people put, each with the name of its key and its role.
    """

    first_value: Literal["also-current", "as-asked"] = "also-current"
    clock: Clock = field(default_factory=Clock)
    process: FaultyProcess = field(default_factory=FaultyProcess)
    staged: set[tuple[str, str]] = field(default_factory=set)
    stolen: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    uncontrolled: set[str] = field(default_factory=set)
    disabled: dict[str, tuple[str, ...]] = field(default_factory=dict)
    hit: set[str] = field(default_factory=set)
    called: dict[str, str] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    left_to_people: set[str] = field(default_factory=set)
    wrongs: list[str] = field(default_factory=list)
    leaked: set[tuple[str, str]] = field(default_factory=set)
    leaked_in_use: set[tuple[str, str]] = field(default_factory=set)
    ended: set[tuple[str, str]] = field(default_factory=set)
    superseded: dict[tuple[str, str], float] = field(default_factory=dict)
    by_hand: dict[str, tuple[str, str]] = field(default_factory=dict)
    numbers: int = 0
    repair_due: bool = False

    def __post_init__(self) -> None:
        self.klaviyo = FaultyKlaviyo(self.process)
        self.roles = {name: Role(self, name, first_value=self.first_value) for name in ("viewer", "editor")}

    def new_number(self) -> int:
        """A number that was not given before."""
        self.numbers += 1
        return self.numbers

    def accepts(self, name: str) -> bool:
        """Whether Klaviyo accepts a key with every scope that can be proved, and says so."""
        return self.accepts_value(key_value(name))

    def accepts_value(self, key: str) -> bool:
        """The same by the key itself."""
        right_account = self.klaviyo.accounts.get(key, KLAVIYO_ACCOUNT) == KLAVIYO_ACCOUNT
        told = key not in self.klaviyo.closed
        return right_account and told and set(self.klaviyo.scopes.get(key, ())) >= PROVABLE

    def see(self, role: Role) -> Seen:
        """One role as it is now."""
        key, reserve = role.view("key"), role.view("reserve")
        return Seen(
            key=key.labels,
            reserve=reserve.labels,
            key_values=key.values,
            reserve_values=reserve.values,
            accepted=frozenset(print_of(key) for key in self.klaviyo.scopes if self.accepts_value(key)),
        )

    def may_end(self, role: Role, fingerprint: str) -> bool:
        """Whether a key of a role was superseded as long ago as its services may hold it, or retired by an operator."""
        if (role.name, fingerprint) in self.ended:
            return True
        since = self.superseded.get((role.name, fingerprint))
        return since is not None and self.clock.now - since >= role.settings.grace.total_seconds() - 1

    @contextmanager
    def failing(self) -> Iterator[None]:
        """What a caller of AWS or of a rotator sees as an error; the schedule goes on."""
        with suppress(RotationError, KilledError, TurnedAwayError, AwsError, ClientError, BotoCoreError):
            yield


def _now(arn: str, work: Coroutine[None, None, None]) -> None:
    at_once(work)


def _labels(secret: Secret) -> SecretLabels:
    return SecretLabels.of({version.id: version.stages for version in secret.versions if version.stages})


def _values(secret: Secret) -> dict[str, str]:
    return {
        version.id: version.value.text
        for version in secret.versions
        if version.stages and version.value and version.value.text is not None
    }
