"""The key out of Secrets Manager, over real HTTP: signed, kept alive, each refusal told apart, shown nowhere."""

import json
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from klaviyo_access.keys import KeyStore
from klaviyo_access.keys.location import SecretLocation
from klaviyo_access.keys.secrets_manager import SecretsManagerSource
from klaviyo_access.klaviyo.errors import (
    KeyReadDenied,
    KeyStoreError,
    KeyStoreNotConfigured,
    KeyStoreUnavailable,
    KeyValueMalformed,
    NoKeyYet,
)

KEY = "pk_" + "ab" * 17
VALUE = json.dumps({"apiKey": KEY, "role": "viewer", "scopes": ["lists:read"]})
CURRENT = {"VersionId": "v1", "SecretString": VALUE, "VersionStages": ["AWSCURRENT"]}
READER = "arn:aws:sts::111122223333:assumed-role/reader/i-1"
LOCATION = SecretLocation(role="viewer", secret_id="klaviyo/dev/viewer/key", region="eu-west-1")


@dataclass
class SecretsManagerStub:
    """Answers every request with ``status`` and ``document`` and keeps what it was asked."""

    status: int = 200
    document: Any = field(default_factory=lambda: dict(CURRENT))
    requests: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    url: str = ""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SecretsManagerStub]:
    stub = SecretsManagerStub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stub.requests.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
            stub.connections.add(self.client_address)
            answer = json.dumps(stub.document).encode()
            self.send_response(stub.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "AWS_ENDPOINT_URL": stub.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_SECRETS_MANAGER"):
        monkeypatch.delenv(name, raising=False)
    yield stub
    server.shutdown()
    server.server_close()
    thread.join()


def refused(code: str, message: str, status: int = 400) -> dict[str, Any]:
    return {"status": status, "document": {"__type": f"com.amazonaws.secretsmanager#{code}", "Message": message}}


def test_the_current_version_is_asked_for_with_a_signature_of_this_region_and_service(aws: SecretsManagerStub) -> None:
    snapshot = SecretsManagerSource(LOCATION, clock=lambda: 7.0).fetch()
    assert (snapshot.key.reveal(), snapshot.version_id, snapshot.fetched_at) == (KEY, "v1", 7.0)
    ((headers, body),) = aws.requests
    assert body == {"SecretId": "klaviyo/dev/viewer/key", "VersionStage": "AWSCURRENT"}
    assert headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert headers["x-amz-security-token"] == "token"
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/secretsmanager/aws4_request, "
        r"SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}",
        headers["authorization"],
    )


def test_the_connection_is_kept_alive(aws: SecretsManagerStub) -> None:
    source = SecretsManagerSource(LOCATION)
    for _ in range(3):
        source.fetch()
    assert (len(aws.requests), len(aws.connections)) == (3, 1)


def test_a_store_finds_its_secret_by_the_lines_that_the_program_prints(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_REGION": "eu-central-1",
        "KLAVIYO_ACCESS_PREFIX": "shop",
        "KLAVIYO_ACCESS_ENVIRONMENT": "prod",
    }.items():
        monkeypatch.setenv(name, value)
    assert KeyStore("viewer").key.reveal() == KEY
    ((headers, body),) = aws.requests
    assert body["SecretId"] == "shop/prod/viewer/key"
    assert "/eu-central-1/secretsmanager/" in headers["authorization"]


def test_the_services_own_endpoint_goes_before_the_general_one(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url)
    assert SecretsManagerSource(LOCATION).fetch().key.reveal() == KEY


@pytest.mark.parametrize(
    ("region", "environ", "url"),
    [
        ("eu-west-1", {}, "https://secretsmanager.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", {}, "https://secretsmanager.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", {}, "https://secretsmanager.cn-north-1.amazonaws.com.cn"),
        (
            "eu-west-1",
            {"AWS_ENDPOINT_URL": "http://x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://secretsmanager.eu-west-1.amazonaws.com",
        ),
    ],
)
def test_without_a_configured_endpoint_it_is_the_regions_own(
    aws: SecretsManagerStub, region: str, environ: dict[str, str], url: str
) -> None:
    sent: list[str] = []

    def send(request: Any) -> Any:
        sent.append(request.url)
        raise TimeoutError

    source = SecretsManagerSource(
        SecretLocation(role="viewer", secret_id="s", region=region), environ=environ, send=send
    )
    with pytest.raises(TimeoutError):
        source.fetch()
    assert sent == [f"{url}/"]


STAGING = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
DENIED = f"User: {READER} is not authorized to perform: secretsmanager:GetSecretValue on resource: x"


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (refused("ResourceNotFoundException", STAGING), NoKeyYet, "no key yet: stage one, then rotate"),
        (
            refused("ResourceNotFoundException", "can't find the specified secret."),
            KeyStoreUnavailable,
            "no such secret",
        ),
        (refused("AccessDeniedException", DENIED), KeyReadDenied, READER),
        (refused("AccessDeniedException", "Access to KMS is not allowed"), KeyReadDenied, "this principal"),
        (refused("ExpiredTokenException", "expired"), KeyStoreUnavailable, "ExpiredTokenException: expired"),
        (refused("InternalServiceError", "oops", 500), KeyStoreUnavailable, "InternalServiceError"),
        ({"status": 502, "document": "bad gateway"}, KeyStoreUnavailable, "HTTP 502"),
        ({"status": 200, "document": {"SecretBinary": "AA=="}}, KeyStoreUnavailable, "HTTP 200"),
        ({"status": 200, "document": {"SecretString": f"{KEY} "}}, KeyValueMalformed, "is no JSON object"),
        ({"status": 200, "document": {"SecretString": VALUE.replace("viewer", "admin")}}, KeyValueMalformed, "'admin'"),
    ],
)
def test_each_refusal_says_what_is_wrong_and_shows_no_value(
    aws: SecretsManagerStub, answer: dict[str, Any], error: type[KeyStoreError], said: str
) -> None:
    aws.status, aws.document = answer["status"], answer["document"]
    with pytest.raises(error) as raised:
        SecretsManagerSource(LOCATION).fetch()
    assert said in str(raised.value)
    trace = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    library = [frame for frame in trace.stack if "klaviyo_access" in frame.filename]
    assert library
    assert KEY not in f"{raised.value!r}{[frame.locals for frame in library]}"


def test_a_denied_read_names_who_was_denied(aws: SecretsManagerStub) -> None:
    aws.status, aws.document = 400, refused("AccessDeniedException", DENIED)["document"]
    with pytest.raises(KeyReadDenied) as raised:
        SecretsManagerSource(LOCATION).fetch()
    assert (raised.value.role, raised.value.principal) == ("viewer", READER)


def test_nobody_listening_is_unavailable_with_the_cause(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(KeyStoreUnavailable, match=r"127\.0\.0\.1:9") as raised:
        SecretsManagerSource(LOCATION).fetch()
    assert raised.value.__cause__ is not None


def test_no_credentials_and_no_region_are_told_apart(aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyStoreNotConfigured, match="AWS_REGION"):
        SecretsManagerSource(SecretLocation(role="viewer", secret_id="s"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(KeyStoreUnavailable, match="no AWS credentials"):
        SecretsManagerSource(LOCATION).fetch()


def test_a_broken_aws_profile_is_a_matter_of_settings(aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(KeyStoreNotConfigured, match="nobody"):
        SecretsManagerSource(SecretLocation(role="viewer", secret_id="s"))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("klaviyo_access.keys", ("botocore", "pydantic", "httpx", "klaviyo_api")),
        ("klaviyo_access.klaviyo", ("botocore", "pydantic", "httpx", "klaviyo_api")),
        ("klaviyo_access.keys.store", ("boto3", "pydantic", "httpx", "klaviyo_api")),
    ],
)
def test_an_import_brings_no_more_than_it_says(module: str, absent: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    assert run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"
