"""The key out of Secrets Manager, over real HTTP: signed, kept alive, tried again, each refusal told apart."""

import os
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import run

import pytest

from klaviyo_access.aws.answers import Refusal
from klaviyo_access.aws.settings import SECRETS_MANAGER, AwsSettings, find_settings
from klaviyo_access.errors import (
    KeyReadDenied,
    KeyStoreError,
    KeyStoreNotConfigured,
    KeyStoreUnavailable,
    KeyValueMalformed,
    NoKeyYet,
)
from klaviyo_access.keys import KeyStore
from klaviyo_access.keys.location import SecretLocation
from klaviyo_access.keys.sources.secrets_manager import SecretsManagerSource
from tests.keys.secrets_manager_stub import KEY, READER, Answer, SecretsManagerStub, current, refused, value

LOCATION = SecretLocation(role="viewer", secret_id="klaviyo/dev/viewer/key", region="eu-west-1")


def settings_in(environ: Mapping[str, str], region: str = LOCATION.region) -> AwsSettings:
    found = find_settings(SECRETS_MANAGER, region, environ)
    assert not isinstance(found, Refusal)
    return found


def source(pauses: list[float] | None = None, location: SecretLocation = LOCATION) -> SecretsManagerSource:
    return SecretsManagerSource(location, clock=lambda: 7.0, pause=([] if pauses is None else pauses).append)


def test_the_current_version_is_fetched_by_a_signed_request(aws: SecretsManagerStub) -> None:
    found = source().fetch()
    assert (found.key.reveal(), found.version_id, found.fetched_at) == (KEY, "v1", 7.0)
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
    kept = source()
    for _ in range(3):
        kept.fetch()
    assert (len(aws.requests), len(aws.connections)) == (3, 1)


def test_a_store_finds_its_secret_by_the_lines_that_the_program_prints(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in {
        "AWS_REGION": "eu-central-1",
        "KLAVIYO_ACCESS_PREFIX": "shop",
        "KLAVIYO_ACCESS_ENVIRONMENT": "prod",
    }.items():
        monkeypatch.setenv(name, setting)
    with KeyStore("viewer") as store:
        assert store.key.reveal() == KEY
    ((headers, body),) = aws.requests
    assert body["SecretId"] == "shop/prod/viewer/key"
    assert "/eu-central-1/secretsmanager/" in headers["authorization"]


def test_the_services_own_endpoint_goes_before_the_general_one(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url)
    assert source().fetch().key.reveal() == KEY


def test_a_profile_gives_credentials_region_and_endpoint(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "shop")
    config = "[profile shop]\nregion = eu-north-1\nservices = here\n[services here]\nsecrets_manager =\n"
    (tmp_path / "config").write_text(f"{config}  endpoint_url = {aws.url}\n")
    (tmp_path / "credentials").write_text("[shop]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s\n")
    assert source(location=LOCATION._replace(region="")).fetch().key.reveal() == KEY
    ((headers, _),) = aws.requests
    assert re.search(r"Credential=AKIDPROFILE/\d{8}/eu-north-1/", headers["authorization"])


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize("variables", [{}, CREDENTIALS], ids=["found by botocore", "found in variables alone"])
@pytest.mark.parametrize(
    ("region", "environ", "url"),
    [
        ("eu-west-1", {}, "https://secretsmanager.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", {}, "https://secretsmanager.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", {}, "https://secretsmanager.cn-north-1.amazonaws.com.cn"),
        (
            "us-east-1",
            {"AWS_USE_FIPS_ENDPOINT": "true"},
            "https://secretsmanager-fips.us-east-1.amazonaws.com",
        ),
        (
            "eu-west-1",
            {"AWS_ENDPOINT_URL": "http://x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://secretsmanager.eu-west-1.amazonaws.com",
        ),
        ("eu-west-1", {"AWS_ENDPOINT_URL": "http://x/"}, "http://x"),
    ],
)
def test_the_endpoint_is_the_configured_one_or_the_regions_own(
    aws: SecretsManagerStub,
    monkeypatch: pytest.MonkeyPatch,
    region: str,
    environ: dict[str, str],
    url: str,
    variables: dict[str, str],
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for name, setting in environ.items():
        monkeypatch.setenv(name, setting)
    files = {"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"}
    found = settings_in(environ | variables | files, region)
    assert (found.region, found.endpoint) == (region, url)


def test_what_variables_say_is_what_botocore_would_find(aws: SecretsManagerStub, tmp_path: Path) -> None:
    environ = dict(os.environ)
    short = settings_in(environ)
    (tmp_path / "config").touch()  # a file that could say more
    long = settings_in(environ)
    assert short.credentials() == long.credentials()
    assert short._replace(credentials=long.credentials) == long
    assert "secret'" not in repr(short.credentials())


def test_credentials_in_variables_that_expire_are_read_anew(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_credentials(token: str, lifetime: timedelta) -> None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (datetime.now(UTC) + lifetime).isoformat())

    set_credentials("old", timedelta(minutes=1))
    settings = settings_in(os.environ)
    set_credentials("new", timedelta(days=1))
    found = settings.credentials()
    assert found is not None
    assert found.token == "new"


TROUBLES = [
    refused("ThrottlingException", "Rate exceeded"),
    refused("TooManyRequestsException", "slow down", 429),
    refused("InternalServiceError", "oops", 500),
    Answer("bad gateway", 502),
    Answer(current().document, breaks_off=True),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=["throttled", "429", "500", "502", "broken off"])
def test_trouble_that_passes_is_tried_three_times_each_signed_anew(aws: SecretsManagerStub, trouble: Answer) -> None:
    aws.answers = [trouble, trouble, current()]
    pauses: list[float] = []
    assert source(pauses).fetch().key.reveal() == KEY
    assert 0.1 <= pauses[0] <= 0.3
    assert 0.2 <= pauses[1] <= 0.6
    assert len(pauses) == 2
    assert {"x-amz-date", "authorization"} <= set(aws.requests[2][0])
    aws.answers = [trouble, trouble, trouble, current()]
    with pytest.raises(KeyStoreUnavailable):
        source().fetch()
    assert len(aws.requests) == 6


def test_a_refusal_is_not_tried_again(aws: SecretsManagerStub) -> None:
    aws.answers = [refused("AccessDeniedException", DENIED), current()]
    with pytest.raises(KeyReadDenied):
        source().fetch()
    assert len(aws.requests) == 1


def test_after_a_refusal_credentials_are_looked_for_anew(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.answers = [refused("ExpiredTokenException", "expired"), current()]
    kept = source()
    with pytest.raises(KeyStoreUnavailable, match="ExpiredTokenException: expired"):
        kept.fetch()
    monkeypatch.setenv("AWS_SESSION_TOKEN", "renewed")
    kept.fetch()
    assert [headers["x-amz-security-token"] for headers, _ in aws.requests] == ["token", "renewed"]


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
        (refused("InternalServiceError", "oops", 500), KeyStoreUnavailable, "InternalServiceError"),
        (Answer("bad gateway", 502), KeyStoreUnavailable, "HTTP 502"),
        (Answer({"SecretBinary": "AA=="}), KeyStoreUnavailable, "no SecretString"),
        (Answer({"SecretString": f"{KEY} "}), KeyValueMalformed, "is no JSON object"),
        (Answer({"SecretString": value(role="admin")}), KeyValueMalformed, "'admin'"),
        (Answer(current().document, breaks_off=True), KeyStoreUnavailable, "closed"),
    ],
)
def test_each_refusal_says_what_is_wrong_and_shows_no_value(
    aws: SecretsManagerStub, answer: Answer, error: type[KeyStoreError], said: str
) -> None:
    aws.answers = [answer]
    with pytest.raises(error) as raised:
        source().fetch()
    assert said in str(raised.value)
    trace = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    shown = "".join(trace.format())
    assert "in fetch" in shown
    causes = [raised.value, raised.value.__cause__, raised.value.__context__]
    library = [frame for frame in trace.stack if "klaviyo_access" in frame.filename]
    assert KEY not in f"{causes}{[vars(cause) for cause in causes if cause]}{[frame.locals for frame in library]}"
    assert trace.__cause__ is None or KEY not in "".join(trace.__cause__.format())


def test_a_denied_read_names_who_was_denied(aws: SecretsManagerStub) -> None:
    aws.answers = [refused("AccessDeniedException", DENIED)]
    with pytest.raises(KeyReadDenied) as raised:
        source().fetch()
    assert (raised.value.role, raised.value.principal) == ("viewer", READER)
    assert "role, environment or region is misspelt" in str(raised.value)


def test_nobody_listening_is_unavailable_with_the_cause(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    pauses: list[float] = []
    with pytest.raises(KeyStoreUnavailable, match=r"127\.0\.0\.1:9") as raised:
        source(pauses).fetch()
    assert raised.value.__cause__ is not None
    assert len(pauses) == 2


def test_a_proxy_is_taken_with_its_password(aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://secrets.example")
    monkeypatch.setenv("HTTP_PROXY", aws.url.replace("http://", "http://user:word@"))
    monkeypatch.setenv("http_proxy", aws.url.replace("http://", "http://user:word@"))
    assert source().fetch().key.reveal() == KEY
    assert aws.requests[0][0]["proxy-authorization"] == "Basic dXNlcjp3b3Jk"


def test_no_credentials_and_no_region_are_told_apart(aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyStoreNotConfigured, match="AWS_REGION"):
        source(location=LOCATION._replace(region="")).fetch()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(KeyStoreUnavailable, match=r"no AWS credentials .* run as the service's IAM role"):
        source().fetch()


def test_a_broken_aws_profile_is_a_matter_of_settings(aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(KeyStoreNotConfigured, match="nobody"):
        source().fetch()


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("klaviyo_access.keys", ("botocore", "pydantic", "httpx", "klaviyo_api", "asyncio")),
        ("klaviyo_access.klaviyo", ("botocore", "pydantic", "httpx", "klaviyo_api")),
        ("klaviyo_access.keys.store", ("botocore", "boto3", "pydantic", "httpx", "klaviyo_api", "asyncio", "logging")),
        ("klaviyo_access.aws", ("botocore",)),
        ("klaviyo_access.aws.client", ("boto3", "botocore.session", "pydantic", "httpx")),
        ("klaviyo_access.keys.sources.agent", ("botocore", "boto3", "urllib3", "ssl", "email")),
        ("klaviyo_access.keys.sources.secrets_manager", ("boto3", "botocore.session", "pydantic", "httpx")),
    ],
)
def test_an_import_brings_no_more_than_it_says(module: str, absent: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    assert run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"
