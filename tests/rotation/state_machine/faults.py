"""What can happen to a run at one of its calls, and who else may act just then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.aws.secrets_manager.state import Secret
from tests.rotation.rotation_world import Client, KilledError, Klaviyo, Process

T = TypeVar("T")


class Fault(StrEnum):
    """What happens to one call to AWS or Klaviyo."""

    KILLED_BEFORE = "killed before call"
    KILLED_AFTER = "killed after call"
    NO_CONNECTION = "no connection at call"
    ANSWER_LOST = "answer lost at call"
    LABELS_LAG = "labels lag by one change at call"
    LABELS_LAG_BY_TWO = "labels lag by two changes at call"
    LABELS_LAG_BY_THREE = "labels lag by three changes at call"
    LABELS_LAG_ON = "labels lag by one change until the run ends, from call"
    LABELS_LAG_ON_BY_TWO = "labels lag by two changes until the run ends, from call"
    LABELS_LAG_ON_BY_THREE = "labels lag by three changes until the run ends, from call"
    THROTTLED = "throttled at call"


LAGS: Final = {
    Fault.LABELS_LAG: 1,
    Fault.LABELS_LAG_BY_TWO: 2,
    Fault.LABELS_LAG_BY_THREE: 3,
    Fault.LABELS_LAG_ON: 1,
    Fault.LABELS_LAG_ON_BY_TWO: 2,
    Fault.LABELS_LAG_ON_BY_THREE: 3,
}
"""By how many changes labels lag."""
_LAG_ON: Final = {Fault.LABELS_LAG_ON, Fault.LABELS_LAG_ON_BY_TWO, Fault.LABELS_LAG_ON_BY_THREE}


class NoConnectionError(BotoCoreError, OSError):
    """No answer: to boto3's callers an error of its own, to Klaviyo's callers one of the connection."""

    fmt = "no answer"


class ThrottledError(Exception):
    """Whoever was asked is asked too much."""


@dataclass
class FaultyProcess(Process):
    """Counts the calls of a run, and lets happen what is planned for one of them.

    Attributes:
        fault: planned for the call ``at``, counted from 0 with each `plan`.
        act: what somebody else does just before the call ``at``; its own calls are not counted.
        happened: whether the call was reached.
        lag: by how many changes the labels lag with which the call under way is answered.
        lag_on: by how many they lag until the run of a Lambda ends.
    """

    at: int | None = None
    fault: Fault | None = None
    act: Callable[[], object] | None = None
    happened: bool = False
    lag: int = 0
    lag_on: int = 0

    def plan(self, at: int, *, fault: Fault | None = None, act: Callable[[], object] | None = None) -> None:
        """Let something happen at the call ``at``, counted from now."""
        self.calls, self.at, self.fault, self.act, self.happened = 0, at, fault, act, False

    def clear(self) -> None:
        """Let nothing more happen."""
        self.at = None
        self.end_run()

    def end_run(self) -> None:
        """Let labels be read as they are, by whoever runs next."""
        self.lag_on = 0

    def make(self, call: Callable[[], T]) -> T:
        """Make one call."""
        number, self.calls = self.calls, self.calls + 1
        if number != self.at:
            return self._with_lag(call, self.lag_on)
        self.at, self.happened = None, True
        if self.act:
            self.act()
        if self.fault is Fault.KILLED_BEFORE:
            raise KilledError
        if self.fault is Fault.NO_CONNECTION:
            raise NoConnectionError
        if self.fault is Fault.THROTTLED:
            raise ThrottledError
        lag = LAGS.get(self.fault, 0) if self.fault else 0
        if self.fault in _LAG_ON:
            self.lag_on = lag
        answer = self._with_lag(call, lag)
        if self.fault is Fault.KILLED_AFTER:
            raise KilledError
        if self.fault is Fault.ANSWER_LOST:
            raise NoConnectionError
        return answer

    def _with_lag(self, call: Callable[[], T], lag: int) -> T:
        """Make a call, in which others may be made."""
        before, self.lag = self.lag, lag
        try:
            return call()
        finally:
            self.lag = before


class FaultyKlaviyo(Klaviyo):
    """A Klaviyo that may be asked too much, and whose login may fail: ``status`` 401 is what it says of a wrong key."""

    def __call__(self, *request: Any) -> tuple[int, Mapping[str, str], bytes]:
        try:
            return super().__call__(*request)
        except ThrottledError:
            return THROTTLED

    def _answer(self, *request: Any) -> tuple[int, Mapping[str, str], bytes]:
        if self.status == UNKNOWN_KEY[0]:
            return UNKNOWN_KEY
        return super()._answer(*request)


UNKNOWN_KEY: Final = Klaviyo._error(401, "authentication_failed", "Incorrect authentication credentials.")
THROTTLED: Final = (429, {"Retry-After": "2"}, b"")


@dataclass
class LaggingClient(Client):
    """A client that may be throttled, and whose reads of labels may lag behind.

    Attributes:
        described: the last states of each secret's labels, as many as may be answered.
        known: each secret with its description, which is asked for anew once the secret has changed.
    """

    described: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    known: dict[str, tuple[Secret, dict[str, Any]]] = field(default_factory=dict)

    def note(self, arn: str, labels: dict[str, list[str]]) -> None:
        """Remember the labels of a secret as they are now, if they changed."""
        known = self.described.setdefault(arn, [])
        if not known or known[-1] != labels:
            known.append(labels)
            del known[: -1 - max(LAGS.values())]

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            return super()._call(operation, parameters)
        except ThrottledError:
            raise throttled("ThrottlingException", operation) from None

    def _answer(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if operation != "DescribeSecret":
            return super()._answer(operation, parameters)
        arn = parameters["SecretId"]
        answer = self._describe(arn)
        self.note(arn, answer.get("VersionIdsToStages", {}))
        if isinstance(self.process, FaultyProcess) and self.process.lag:
            return answer | {"VersionIdsToStages": self.described[arn][-1 - self.process.lag :][0]}
        return answer

    def _describe(self, arn: str) -> dict[str, Any]:
        known = self.known.get(arn)
        if known is None or known[0] is not self.service.entries[arn]:
            answer = super()._answer("DescribeSecret", {"SecretId": arn})
            known = self.known[arn] = self.service.entries[arn], answer
        return known[1]


def throttled(code: str, operation: str) -> ClientError:
    """What boto3 raises when AWS is asked too much."""
    return ClientError({"Error": {"Code": code, "Message": "Rate exceeded"}}, operation)
