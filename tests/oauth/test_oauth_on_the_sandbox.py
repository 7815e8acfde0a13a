"""The page docs/oauth.md, run on the sandbox: its snippets, its secrets under the policies that the program makes."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from botocore.exceptions import ClientError

from components.policies.oauth_apps import client_principals, keep_oauth_tokens, stage_oauth_client, tokens_principals
from components.policies.secrets import SecretPrincipals, secret_resource_policy
from components.policies.statements import Encryption, to_json
from klaviyo_access.aws.client import AwsClient
from klaviyo_access.aws.settings import SECRETS_MANAGER
from klaviyo_access.errors import OAuthNotConfigured, OAuthReauthorizationNeeded, OAuthUnavailable
from klaviyo_access.oauth import AppSecrets, OAuthApp, OAuthTokens, Secret
from tests.components.recording import PROJECT_DIR
from tests.sandbox.running_sandbox import Sandbox, running_sandbox

ACCOUNT = "SbxKlv"
FOLDER = "klaviyo/live/oauth"
BACK = "https://shop.example/klaviyo/callback"
TOKENS = OAuthTokens(
    access_token=Secret("access"),
    refresh_token=Secret("refresh"),
    expires_at=1_900_000_000.5,
    scopes=("accounts:read",),
)


def secrets(region: str = "") -> AppSecrets:
    """The app's secrets, asked for with the settings of this process."""
    return AppSecrets(FOLDER, AwsClient(SECRETS_MANAGER, region=region, pause=lambda _: None).ask)


@dataclass(frozen=True)
class Live:
    """A sandbox with the app's secrets in it, and the roles of its service and its operators."""

    sandbox: Sandbox
    service: str
    operator: str

    def sign_in(self, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Give this process the credentials that the platform gives ``role``."""
        session = self.sandbox.session(role)
        for name, value in {
            "AWS_ENDPOINT_URL": self.sandbox.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
            "KLAVIYO_URL": self.sandbox.klaviyo_url,
            "KLAVIYO_ACCESS_ENVIRONMENT": "live",
            "KLAVIYO_OAUTH_SCOPES": "accounts:read profiles:read",
            "KLAVIYO_OAUTH_REDIRECT_URI": BACK,
        }.items():
            monkeypatch.setenv(name, value)

    def stage_client(self) -> None:
        """What the page has the operators do."""
        headers = {"X-Sandbox-Token": self.sandbox.control_token}
        asked = {"redirect_uris": [BACK], "scopes": ["accounts:read", "profiles:read"]}
        made = httpx2.post(f"{self.sandbox.klaviyo_url}/sandbox/oauth-apps", headers=headers, json=asked).json()
        value = json.dumps({"clientId": made["client_id"], "clientSecret": made["client_secret"]})
        operator = self.sandbox.client("secretsmanager", self.operator)
        operator.put_secret_value(SecretId=f"{FOLDER}/client", SecretString=value)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    arns = "arn:aws:secretsmanager:us-east-1:000000000000:secret:klaviyo/live/oauth"
    client, tokens = f"{arns}/client-??????", f"{arns}/*/tokens-??????"
    encryption = Encryption(key_arn="arn:aws:kms:us-east-1:000000000000:key/none", region="us-east-1")
    managers = ["arn:aws:iam::000000000000:role/sandbox/deployer"]
    with running_sandbox() as sandbox:
        service = sandbox.role(*keep_oauth_tokens(client=client, tokens=tokens, encryption=encryption)["Statement"])
        operator = sandbox.role(*stage_oauth_client(client=client, encryption=encryption)["Statement"])
        deployer = sandbox.client("secretsmanager")
        secrets: dict[str, SecretPrincipals] = {
            f"{FOLDER}/client": client_principals(service=service, operator=operator, managers=managers),
            f"{FOLDER}/{ACCOUNT}/tokens": tokens_principals(service=service, managers=managers),
        }
        for name, principals in secrets.items():
            arn = deployer.create_secret(Name=name)["ARN"]
            deployer.put_resource_policy(SecretId=arn, ResourcePolicy=to_json(secret_resource_policy(principals)))
        yield Live(sandbox, service, operator)


def test_what_is_missing_is_named_until_the_client_secret_is_staged(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OAuthNotConfigured, match="KLAVIYO_ACCESS_ENVIRONMENT, KLAVIYO_OAUTH_SCOPES"):
        OAuthApp.from_environment({"KLAVIYO_OAUTH_REDIRECT_URI": BACK})
    live.sign_in(live.service, monkeypatch)
    with pytest.raises(OAuthNotConfigured, match=f"{FOLDER}/client holds .* nothing of the kind yet"):
        OAuthApp.from_environment()
    live.stage_client()
    assert OAuthApp.from_environment().authorization_url(session="s").startswith(live.sandbox.klaviyo_url)


def test_the_snippets_of_the_page_bring_an_account_in_and_use_it(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.stage_client()
    live.sign_in(live.service, monkeypatch)
    page = (PROJECT_DIR / "docs" / "oauth.md").read_text("utf-8")
    set_up, use, by_httpx = re.findall(r"^```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(set_up, names)  # noqa: S102 - the page's own code
    sent_back = httpx2.get(names["start"]("browser")).headers["location"]
    names["account"] = names["callback"](sent_back, "browser")
    assert names["account"] == ACCOUNT
    exec(use, names)  # noqa: S102 - the page's own code
    assert names["profiles"].data
    exec(by_httpx, names)  # noqa: S102 - the page's own code
    assert asyncio.run(names["first_profiles"]())
    names["connection"].revoke()
    with pytest.raises(OAuthReauthorizationNeeded, match="withdrew"):
        names["connection"].access_token()


def test_tokens_come_back_from_secrets_manager_as_they_were_stored(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.sign_in(live.service, monkeypatch)
    store = secrets()
    store.save(ACCOUNT, TOKENS)
    assert store.load(ACCOUNT) == TOKENS
    store.save(ACCOUNT, None)
    assert store.load(ACCOUNT) is None


def test_an_account_without_a_secret_is_named_with_the_setting(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.sign_in(live.service, monkeypatch)
    store = secrets()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: store.load("XyZ789"),
        lambda: store.save("XyZ789", TOKENS),
    )
    for attempt in attempts:
        with pytest.raises(
            OAuthNotConfigured, match=r"klaviyo/live/oauth/XyZ789/tokens .* add the account to klaviyo-access:oauthApp"
        ):
            attempt()


def test_nobody_but_the_service_gets_at_the_tokens(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.sign_in(live.operator, monkeypatch)
    store = secrets()
    for attempt in (lambda: store.load(ACCOUNT), lambda: store.save(ACCOUNT, TOKENS), store.credentials):
        with pytest.raises(OAuthNotConfigured, match="for one service alone"):
            attempt()
    intruder = live.sandbox.client_of(live.sandbox.sign_in("intruder"), "secretsmanager")
    for secret in (f"{FOLDER}/client", f"{FOLDER}/{ACCOUNT}/tokens"):
        with pytest.raises(ClientError, match="explicit deny"):
            intruder.get_secret_value(SecretId=secret)


def test_an_aws_that_does_not_answer_is_unavailable_and_shows_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(OAuthUnavailable) as refusal:
        secrets("us-east-1").save(ACCOUNT, TOKENS)
    assert refusal.value.__cause__ is refusal.value.__context__ is None
    assert "Could not connect" in str(refusal.value)


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(OAuthNotConfigured, match="set AWS_REGION"):
        secrets().load(ACCOUNT)


def test_without_credentials_it_does_not_send_anybody_to_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(OAuthUnavailable, match="run as the service's IAM role") as raised:
        secrets("us-east-1").load(ACCOUNT)
    assert "network" not in str(raised.value)
