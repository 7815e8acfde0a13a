"""The account of a sandbox that a fixture starts."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import boto3

from sandbox.aws.secrets_manager.readings import Readings
from tests.conformance.account import Account

_PROJECT: Final = Path(__file__).parents[2]
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


class SandboxAccount(Account):
    """The account of the sandbox that runs from ``home``, as its deployer sees it."""

    is_aws = False
    patience = 30.0
    patience_with_trail = 30.0
    pause = 0.05

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home
        self._session: boto3.Session | None = None
        self._readings = Readings()

    def command(self, *arguments: str) -> str:
        """What ``python -m sandbox`` prints."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", *arguments],
            cwd=_PROJECT,
            env={**inherited, "SANDBOX_HOME": str(self._home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @cached_property
    def endpoint_url(self) -> str:
        return self._signed_in()["AWS_ENDPOINT_URL"]

    def session(self) -> boto3.Session:
        if self._session is None:
            variables = self._signed_in()
            self._session = boto3.Session(
                aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=variables["AWS_SESSION_TOKEN"],
                region_name=variables["AWS_REGION"],
            )
        return self._session

    def pass_days(self, days: float) -> None:
        self.command("clock", f"+{days}d")
        self._passed += days * 86400
        self._sign_in_again()

    def follow(self, readings: Readings) -> None:
        """Let the sandbox follow these readings of the open points."""
        for point, reading in readings.as_mapping().items():
            if self._readings.of(point) != reading:
                self.command("reading", point, reading)
        self._readings = readings

    def settle(self, point: str, reading: str) -> None:
        assert reading == self._readings.of(point)

    def _sign_in_again(self) -> None:
        """Give clients that exist new credentials, since time has passed for the old ones."""
        fresh, used = self._signed_in(), self.session().get_credentials()
        assert used is not None
        used.access_key, used.secret_key = fresh["AWS_ACCESS_KEY_ID"], fresh["AWS_SECRET_ACCESS_KEY"]
        used.token = fresh["AWS_SESSION_TOKEN"]

    def _signed_in(self) -> Mapping[str, str]:
        variables: Mapping[str, str] = json.loads(self.command("env", "--json"))
        return variables


@contextmanager
def running_sandbox(home: Path) -> Iterator[SandboxAccount]:
    """A sandbox of one's own on free ports, until the block ends."""
    account = SandboxAccount(home)
    account.command("start", "--port", "0", "--klaviyo-port", "0")
    try:
        yield account
    finally:
        account.command("stop")
