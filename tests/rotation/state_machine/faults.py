"""What can happen to a run at one of its calls, and who else may act just then."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError

from tests.rotation.rotation_world import Client, KilledError, Process

T = TypeVar("T")


class Fault(StrEnum):
    """What happens to one call to AWS or Klaviyo."""

    KILLED_BEFORE = "killed before call"
    KILLED_AFTER = "killed after call"
    NO_CONNECTION = "no connection at call"
    ANSWER_LOST = "answer lost at call"
    LABELS_LAG = "labels lag at call"


class NoConnectionError(BotoCoreError, OSError):
    """No answer: to boto3's callers an error of its own, to Klaviyo's callers one of the connection."""

    fmt = "no answer"


@dataclass
class FaultyProcess(Process):
    """Counts the calls of a run, and lets happen what is planned for one of them.

    Attributes:
        fault: planned for the call ``at``, counted from 0 with each `plan`.
        act: what somebody else does just before the call ``at``; its own calls are not counted.
        happened: whether the call was reached.
        lags: whether the call under way is answered with labels as they were before their last change.
    """

    at: int | None = None
    fault: Fault | None = None
    act: Callable[[], object] | None = None
    happened: bool = False
    lags: bool = False

    def plan(self, at: int, *, fault: Fault | None = None, act: Callable[[], object] | None = None) -> None:
        """Let something happen at the call ``at``, counted from now."""
        self.calls, self.at, self.fault, self.act, self.happened = 0, at, fault, act, False

    def clear(self) -> None:
        """Let nothing more happen."""
        self.at = None

    def make(self, call: Callable[[], T]) -> T:
        """Make one call."""
        number, self.calls = self.calls, self.calls + 1
        if number != self.at:
            return call()
        self.at, self.happened = None, True
        if self.act:
            self.act()
        if self.fault is Fault.KILLED_BEFORE:
            raise KilledError
        if self.fault is Fault.NO_CONNECTION:
            raise NoConnectionError
        self.lags = self.fault is Fault.LABELS_LAG
        try:
            answer = call()
        finally:
            self.lags = False
        if self.fault is Fault.KILLED_AFTER:
            raise KilledError
        if self.fault is Fault.ANSWER_LOST:
            raise NoConnectionError
        return answer


@dataclass
class LaggingClient(Client):
    """A client whose reads of labels may lag behind by one change."""

    described: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def note(self, arn: str, labels: dict[str, list[str]]) -> None:
        """Remember the labels of a secret as they are now, if they changed."""
        known = self.described.setdefault(arn, [])
        if not known or known[-1] != labels:
            known.append(labels)
            del known[:-2]

    def _answer(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        answer = super()._answer(operation, parameters)
        if operation != "DescribeSecret":
            return answer
        arn = parameters["SecretId"]
        self.note(arn, answer.get("VersionIdsToStages", {}))
        if isinstance(self.process, FaultyProcess) and self.process.lags:
            return answer | {"VersionIdsToStages": self.described[arn][0]}
        return answer
