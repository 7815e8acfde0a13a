"""The AWS account that conformance tests speak to: a sandbox's, or a real one with a throw-away prefix.

Tests see no difference but what only the sandbox can do, which is to move its clock: such tests are skipped on AWS, and
say so.
"""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, TypeVar

import boto3
import pytest
from botocore.config import Config

PREFIX: Final = "klaviyo-access-conformance"
T = TypeVar("T")


class Account(ABC):
    """An account in which tests make what they want below ``prefix``, and which forgets it afterwards.

    Attributes:
        is_aws: whether it is a real one.
        patience: seconds that ``until`` waits; AWS does much of what it is asked later.
        pause: seconds between two looks.
        prefix: how every name that a test gives begins.
    """

    is_aws: bool
    patience: float
    pause: float

    def __init__(self) -> None:
        self.prefix = f"{PREFIX}-{secrets.token_hex(4)}"
        self._made: list[tuple[str, Callable[[], object]]] = []

    @abstractmethod
    def session(self) -> boto3.Session:
        """A boto3 session of who runs the tests."""

    @abstractmethod
    def pass_days(self, days: float) -> None:
        """Let time pass: the sandbox's clock is moved, on AWS the test is skipped."""

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
        config = Config(retries={"mode": "standard", "total_max_attempts": 5 if self.is_aws else 1})
        return self.session().client(
            service, region_name=region or self.region, endpoint_url=self.endpoint_url, config=config
        )

    def name(self, what: str) -> str:
        """A new name for something."""
        return f"{self.prefix}-{what}-{secrets.token_hex(2)}"

    def remove_later(self, what: str, remove: Callable[[], object]) -> None:
        """Note how to remove what a test has made; ``what`` names it where that fails."""
        self._made.append((what, remove))

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """Look until there is something to see, and fail the test where nothing comes."""
        deadline = time.monotonic() + self.patience
        while not (seen := look()):
            if time.monotonic() > deadline:
                pytest.fail(f"{what}: not seen within {self.patience:.0f} s")
            time.sleep(self.pause)
        return seen

    def clean_up(self) -> list[str]:
        """Remove all that tests have made, youngest first; what could not be removed, and why."""
        problems = []
        while self._made:
            what, remove = self._made.pop()
            try:
                remove()
            except Exception as error:  # noqa: BLE001 - whatever it is, the rest must be removed too
                problems.append(f"{what}: {error}")
        return problems


class AwsAccount(Account):
    """The account that the ambient credentials belong to."""

    is_aws = True
    patience = 300.0
    pause = 3.0

    def session(self) -> boto3.Session:
        return boto3.Session()

    def pass_days(self, days: float) -> None:
        pytest.skip(f"AWS's clock cannot be moved by {days} days")
