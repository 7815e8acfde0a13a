"""A deployed webhook, whose secret its own Lambda rotates while Klaviyo delivers without a pause."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from klaviyo_access.access_model import AccessModel
from klaviyo_access.webhooks import WebhookReceiver, WebhookSecrets
from tests.end_to_end.deployed import PROJECT, clean_environment
from tests.webhooks.shop import Account, Shop, serving_later

pytestmark = pytest.mark.end_to_end

TYPED_IN_ONCE = "typed-in-once-and-forgotten"


@dataclass(frozen=True)
class Place:
    """A checkout whose local stack has one webhook, and the sandbox that it is deployed to."""

    folder: Path
    environ: Mapping[str, str]

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
        """Run ``python`` with ``arguments``, and return what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.environ, **(environ or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def signed_in(self, *who: str) -> dict[str, str]:
        """The environment of somebody who signs in to the sandbox."""
        environ: dict[str, str] = json.loads(self.run("-m", "sandbox", "env", "--json", *who))
        return environ

    def as_role(self, *who: str) -> dict[str, str]:
        """The environment of a service or a role."""
        credentials: dict[str, str] = json.loads(self.run("-m", "sandbox", "credentials", "--json", *who))
        return self.signed_in() | credentials


def client(environ: Mapping[str, str]) -> Any:
    return boto3.client(
        "secretsmanager",
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environ["AWS_SESSION_TOKEN"],
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("checkout")
    for path in PROJECT.iterdir():
        if path.name not in {"Pulumi.local.yaml", ".sandbox", ".git"}:
            (folder / path.name).symlink_to(path)
    place = Place(folder, clean_environment(folder / "home"))
    place.run("-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0")
    yield place
    place.run("-m", "sandbox", "stop")


@pytest.fixture(scope="module")
def account(place: Place) -> Account:
    """Klaviyo with the developer's key in use."""
    url = place.signed_in()["KLAVIYO_URL"]
    account = Account(url, (place.folder / "home" / "control-token").read_text("utf-8").strip())
    scopes = AccessModel.load(PROJECT / "access.yaml").in_environment("local").roles["developer"].scopes
    account.make_key(*scopes)
    return account


@pytest.fixture(scope="module")
def deployed(place: Place, account: Account) -> Iterator[tuple[Shop, str, Any]]:
    """The shop's endpoint, its webhook's id, and Secrets Manager as the operator has it."""
    with pytest.MonkeyPatch.context() as patch, serving_later() as (shop, receive):
        webhook_id = account.make_webhook(shop.url, TYPED_IN_ONCE)
        text = (PROJECT / "Pulumi.local.yaml").read_text("utf-8")
        setting = f"{{webhookId: {webhook_id}, role: developer, receivers: [app-api]}}"
        webhooks = f"config:\n  klaviyo-access:webhooks:\n    orders: {setting}\n"
        (place.folder / "Pulumi.local.yaml").write_text(text.replace("config:\n", webhooks, 1), "utf-8")
        place.run("-m", "sandbox.engine", "up", "--stack", "local", environ=place.signed_in())
        operator = place.signed_in("--as", "operator")
        for command in ("stage", "rotate"):
            key = account.key if command == "stage" else None
            words = ("keys", command, "developer", "--yes", "--stack", "local")
            place.run("-m", "klaviyo_access", *words, environ=operator, stdin=key)
        role = "arn:aws:iam::000000000000:role/klaviyo/local/klaviyo-local-key-operator"
        manager = client(place.as_role("--role", role))
        rotate(manager)
        for name, value in place.as_role("--service", "app-api").items():
            patch.setenv(name, value)
        receive(
            WebhookReceiver(WebhookSecrets("orders", environ={**os.environ, "KLAVIYO_ACCESS_ENVIRONMENT": "local"}))
        )
        yield shop, webhook_id, manager


def rotate(manager: Any) -> str:
    """Rotate the webhook's secret, and return the id of the version that became current."""
    version = str(manager.rotate_secret(SecretId="klaviyo/local/orders/webhook")["VersionId"])
    for _ in range(600):
        stages = manager.describe_secret(SecretId="klaviyo/local/orders/webhook")["VersionIdsToStages"]
        if "AWSCURRENT" in stages.get(version, []) and "AWSPENDING" not in stages[version]:
            return version
        time.sleep(0.1)
    raise AssertionError(stages)


def test_no_delivery_is_refused_while_the_secret_rotates(deployed: tuple[Shop, str, Any], account: Account) -> None:
    shop, webhook_id, manager = deployed
    stop, statuses = threading.Event(), list[int]()

    def deliver_without_a_pause() -> None:
        while not stop.is_set():
            statuses.append(account.deliver(webhook_id)["status"])

    def wait_for_another() -> int:
        begun = len(statuses)
        deadline = time.monotonic() + 60
        while len(statuses) < begun + 2:  # the next one may be under way
            assert time.monotonic() < deadline, "nothing is delivered any more"
            time.sleep(0.01)
        return len(statuses)

    sender = threading.Thread(target=deliver_without_a_pause)
    sender.start()
    at_first = wait_for_another()
    before = manager.describe_secret(SecretId="klaviyo/local/orders/webhook")["VersionIdsToStages"]
    version = rotate(manager)
    at_last = len(statuses)
    wait_for_another()
    stop.set()
    sender.join()
    account.place_order()
    assert shop.next_delivery().webhook_id == webhook_id
    assert version not in before
    assert at_last > at_first, "nothing was delivered while the secret rotated"
    assert set(statuses) == {200}


def test_operators_rotate_and_read_nothing(deployed: tuple[Shop, str, Any]) -> None:
    _, _, manager = deployed
    with pytest.raises(ClientError, match="AccessDenied"):
        manager.get_secret_value(SecretId="klaviyo/local/orders/webhook")
