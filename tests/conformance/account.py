"""The AWS account that conformance tests speak to: a sandbox's, or a real one with a throw-away prefix.

Tests see no difference but what only the sandbox can do, which is to move its clock: such tests are skipped on AWS, and
say so.
"""

import itertools
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar

import boto3
import pytest
from botocore.config import Config

from sandbox.aws.secrets_manager.readings import POINTS

PREFIX: Final = "klaviyo-access-conformance"
T = TypeVar("T")


class Account(ABC):
    """An account in which tests make what they want below ``prefix``, and which forgets it afterwards.

    Attributes:
        is_aws: whether it is a real one.
        patience: seconds that ``until`` waits; AWS does much of what it is asked later.
        patience_with_trail: the same for what CloudTrail shows.
        pause: seconds between two looks.
        prefix: how every name that a test gives begins.
    """

    is_aws: bool
    patience: float
    patience_with_trail: float
    pause: float

    def __init__(self) -> None:
        self.prefix = f"{PREFIX}-{secrets.token_hex(4)}"
        self._made: list[tuple[str, Callable[[], object]]] = []
        self._numbers = itertools.count(1)
        self._clients: dict[tuple[str, str], Any] = {}
        self._passed = 0.0

    @abstractmethod
    def session(self) -> boto3.Session:
        """A boto3 session of who runs the tests."""

    @abstractmethod
    def pass_days(self, days: float) -> None:
        """Let time pass: the sandbox's clock is moved, on AWS the test is skipped."""

    def now(self) -> float:
        """Seconds since the epoch, by the account's clock."""
        return time.time() + self._passed

    @abstractmethod
    def settle(self, point: str, reading: str) -> None:
        """Say which reading of an open point was seen: the sandbox must follow it, of AWS it is noted."""

    @property
    def endpoint_url(self) -> str | None:
        """Where AWS is, if not where boto3 looks for it."""
        return None

    @property
    def region(self) -> str:
        """The region of clients that are asked for none."""
        return str(self.session().region_name)

    @property
    def other_region(self) -> str:
        """Another region of the same partition."""
        return "us-west-2" if self.region == "us-east-1" else "us-east-1"

    @property
    def id(self) -> str:
        """The account's twelve digits."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def client(self, service: str, *, region: str | None = None) -> Any:
        """A boto3 client of who runs the tests."""
        where = region or self.region
        if (service, where) not in self._clients:
            config = Config(retries={"mode": "standard", "total_max_attempts": 5 if self.is_aws else 1})
            self._clients[service, where] = self.session().client(
                service, region_name=where, endpoint_url=self.endpoint_url, config=config
            )
        return self._clients[service, where]

    def name(self, what: str) -> str:
        """A new name for something."""
        return f"{self.prefix}-{what}-{next(self._numbers):04d}"

    def remove_later(self, what: str, remove: Callable[[], object]) -> None:
        """Note how to remove what a test has made; ``what`` names it where that fails."""
        self._made.append((what, remove))

    def until(self, look: Callable[[], T | None], what: str, *, patience: float | None = None) -> T:
        """Look until there is something to see.

        Raises:
            AssertionError: nothing came.
        """
        seconds = patience or self.patience
        deadline = time.monotonic() + seconds
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not seen within {seconds:.0f} s")
            time.sleep(self.pause)
        return seen

    @property
    def made(self) -> int:
        """How many things are to be removed later."""
        return len(self._made)

    def clean_up(self, *, down_to: int = 0) -> list[str]:
        """Remove what tests have made, youngest first, until ``down_to`` are left; what could not be, and why."""
        problems = []
        while len(self._made) > down_to:
            what, remove = self._made.pop()
            try:
                remove()
            except Exception as error:  # noqa: BLE001 - whatever it is, the rest must be removed too
                problems.append(f"{what}: {error}")
        return problems


class AwsAccount(Account):
    """The account that the ambient credentials belong to."""

    is_aws = True
    patience = 600.0
    patience_with_trail = 1800.0
    pause = 3.0

    def __init__(self) -> None:
        super().__init__()
        self.settled: dict[str, str] = {}

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session()

    def session(self) -> boto3.Session:
        return self._session

    def settle(self, point: str, reading: str) -> None:
        assert reading in POINTS[point].readings
        assert self.settled.setdefault(point, reading) == reading, f"{point}: seen otherwise before"

    def pass_days(self, days: float) -> None:
        pytest.skip(f"AWS's clock cannot be moved by {days} days")
