"""A sandbox in the tests' own process, on free ports, and the clients and roles that tests need."""

import asyncio
import json
import threading
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from sandbox.aws.identity.credentials import Session
from sandbox.server import Server, bind

ACCOUNT = "000000000000"
CONTROL_TOKEN = "token-of-the-tests"
T = TypeVar("T")


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox as tests use it."""

    server: Server
    loop: asyncio.AbstractEventLoop

    @property
    def endpoint(self) -> str:
        return self.server.ports.endpoint

    @property
    def klaviyo_url(self) -> str:
        return self.server.ports.klaviyo_url

    @property
    def control_token(self) -> str:
        return CONTROL_TOKEN

    def client(self, service: str, role_arn: str | None = None, *, region: str = "us-east-1") -> Any:
        """A boto3 client of the deployer, or of ``role_arn`` as the platform hands it out."""
        return self.client_of(self.session(role_arn), service, region=region)

    def client_of(self, session: Session, service: str, *, region: str = "us-east-1") -> Any:
        """A boto3 client of a session."""
        version = "s3v4" if service == "s3" else None  # boto3 presigns with version 2 otherwise, which S3 has given up
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            aws_session_token=session.session_token,
            config=Config(retries={"total_max_attempts": 1}, signature_version=version),
        )

    def client_of_user(self, key: dict[str, str], service: str) -> Any:
        """A boto3 client of a user's access key, as CreateAccessKey gave it."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    def session(self, role_arn: str | None = None) -> Session:
        platform = self.server.platform
        return self.run(platform.credentials(role_arn) if role_arn else platform.sign_in("deployer"))

    def sign_in(self, name: str) -> Session:
        return self.run(self.server.platform.sign_in(name))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the sandbox's own loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=60)

    def role(self, *statements: dict[str, Any], service: str = "ecs-tasks.amazonaws.com") -> str:
        """Make a role that ``service`` may assume, with these statements as its policy, and return its ARN."""
        name = f"role-{uuid.uuid4().hex[:12]}"
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, Path="/tests/", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="tests", PolicyDocument=document(*statements))
        return str(arn)


def document(*statements: dict[str, Any]) -> str:
    """A policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@contextmanager
def running_sandbox() -> Iterator[Sandbox]:
    """Run a sandbox until the block ends."""
    server = Server(aws=bind(0), klaviyo=bind(0), control_token=CONTROL_TOKEN)
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(ready.set)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(timeout=30)
    yield Sandbox(server, loops[0])
    server.stop()
    thread.join(timeout=30)
    assert not thread.is_alive()
