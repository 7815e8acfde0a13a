"""A sandbox as a process of its own, which tests end in every way and start again."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from sandbox.home import Home

ROOT = Path(__file__).resolve().parents[2]


class Answer(NamedTuple):
    """A response; headers by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


class Process:
    """Runs the sandbox's commands with a home of their own; clients outlive its process, as its callers do."""

    def __init__(self, home: Path) -> None:
        self.home = Home(home)
        self.notes: dict[str, Any] = {}
        self._session: boto3.Session | None = None
        self._clients: dict[str, Any] = {}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "SANDBOX_HOME": str(self.home.directory)}
        command = [sys.executable, "-m", "sandbox", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def start(self) -> None:
        """Start: on free ports, or on those that are remembered."""
        ports = [] if self.home.memory.exists() else ["--port", "0", "--klaviyo-port", "0"]
        started = self.run("start", *ports)
        assert (started.returncode, started.stderr) == (0, "")

    def end(self, number: signal.Signals) -> None:
        """End by a signal, and wait until it has."""
        found = self.home.running()
        assert found is not None
        os.kill(found.pid, number)
        while self.home.running() is not None:
            pass

    def client(self, service: str) -> Any:
        """The deployer's client of a service, the same through all ends."""
        if self._session is None:
            variables = json.loads(self.run("env", "--json").stdout)
            self._session = boto3.Session(
                aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=variables["AWS_SESSION_TOKEN"],
                region_name=variables["AWS_REGION"],
            )
        if service not in self._clients:
            version = "s3v4" if service == "s3" else None
            config = Config(retries={"total_max_attempts": 1}, signature_version=version)
            self._clients[service] = self._session.client(service, endpoint_url=self.endpoint, config=config)
        return self._clients[service]

    def forget_credentials(self) -> None:
        """Sign in anew at the next call."""
        self._session = None
        self._clients.clear()

    def client_of_user(self, key: dict[str, str], service: str) -> Any:
        """A client of a user's access key."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    @property
    def endpoint(self) -> str:
        running = self.home.running()
        assert running is not None
        return running.ports.endpoint

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Answer:
        """A request to Klaviyo; redirects are not followed."""
        running = self.home.running()
        assert running is not None
        connection = http.client.HTTPConnection("127.0.0.1", running.ports.klaviyo)
        connection.request(method, path, body, {"content-type": "application/vnd.api+json", **headers})
        response = connection.getresponse()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
        connection.close()
        return answer

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the control endpoints of the sandbox's Klaviyo."""
        sent = json.dumps(body) if body else ""
        answer = self.ask(method, path, sent, **{"X-Sandbox-Token": self.home.control_token})
        assert answer.status < 300, answer.body
        return json.loads(answer.body or b"null")


def until(happened: Callable[[], Any]) -> None:
    """Wait for what comes by itself, a minute at the most."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
