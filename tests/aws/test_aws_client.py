"""How AWS is asked: what comes back instead of an error, from whose settings, and what no frame shows."""

import io
import json
import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import EndpointConnectionError

from klaviyo_access.aws.answers import Kind, Refusal
from klaviyo_access.aws.client import AwsClient
from klaviyo_access.aws.settings import CLOUDWATCH_LOGS, SECRETS_MANAGER, find_settings

SIGNED = {"AWS_ACCESS_KEY_ID": "AKIDGIVEN", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
SECRET = "in the request's body"


class Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self.read()]


class Wire:
    """Answers requests from a list, or raises; the last answer stands."""

    def __init__(self, *answers: tuple[int, bytes] | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[AWSPreparedRequest] = []

    def __call__(self, request: AWSPreparedRequest) -> AWSResponse:
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return AWSResponse(request.url, answer[0], HTTPHeaders(), Raw(answer[1]))


def client(wire: Wire, environ: dict[str, str] | None = None) -> AwsClient:
    settings = SIGNED if environ is None else environ
    return AwsClient(SECRETS_MANAGER, environ=settings, send=wire, pause=lambda _: None)


UNREACHED = EndpointConnectionError(endpoint_url="https://here")
REFUSED = (400, json.dumps({"__type": "x#AccessDeniedException", "message": "no"}).encode())
ANSWERS: dict[str, tuple[tuple[int, bytes] | Exception, Any, int]] = {
    "a document": ((200, b'{"a": 1}'), {"a": 1}, 1),
    "nothing to say": ((200, b""), {}, 1),
    "a page of a proxy": ((200, b"<html>"), (Kind.ANSWERED, "", "HTTP 200"), 1),
    "a refusal": (REFUSED, (Kind.ANSWERED, "AccessDeniedException", "no"), 1),
    "trouble of AWS": ((503, b""), (Kind.ANSWERED, "", "HTTP 503"), 3),
    "no connection": (UNREACHED, (Kind.NO_ANSWER, "", str(UNREACHED)), 3),
}


@pytest.mark.parametrize(("answer", "expected", "attempts"), ANSWERS.values(), ids=ANSWERS)
def test_what_comes_back_is_a_document_or_a_refusal(answer: Any, expected: Any, attempts: int) -> None:
    wire = Wire(answer)
    found = client(wire).ask("PutSecretValue", {"SecretString": SECRET})
    told = (found.kind, found.code, found.message) if isinstance(found, Refusal) else found
    assert (told, len(wire.seen)) == (expected, attempts)


def test_no_refusal_shows_what_was_sent() -> None:
    found = client(Wire(UNREACHED)).ask("PutSecretValue", {"SecretString": SECRET})
    assert isinstance(found, Refusal)
    assert found.cause is not None
    trace = traceback.TracebackException.from_exception(found.cause, capture_locals=True)
    assert SECRET not in f"{found!r}{''.join(trace.format())}"


def test_after_no_connection_settings_are_looked_for_anew_and_after_a_missing_secret_they_stay() -> None:
    environ = dict(SIGNED)
    missing = (400, json.dumps({"__type": "ResourceNotFoundException", "message": "none"}).encode())
    wire = Wire(missing, REFUSED, (200, b"{}"))
    asking = client(wire, environ)
    for access_key in ("FIRST", "SECOND", "THIRD"):
        environ["AWS_ACCESS_KEY_ID"] = access_key
        asking.ask("GetSecretValue", {})
    signers = [str(request.headers["Authorization"]).partition("Credential=")[2][:5] for request in wire.seen]
    assert signers == ["FIRST", "FIRST", "THIRD"]


@pytest.fixture
def of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the process, which an environment that is handed over goes before."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDPROCESS",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("of_the_process")
def test_an_environment_that_is_handed_over_decides_credentials_region_and_profile(tmp_path: Path) -> None:
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    (tmp_path / "config").write_text("[profile shop]\nregion = eu-north-1\n")
    (tmp_path / "credentials").write_text("[shop]\naws_access_key_id = AKIDSHOP\naws_secret_access_key = s\n")
    expected = {
        ("AKIDGIVEN", "eu-west-1"): SIGNED | files,
        ("AKIDSHOP", "eu-north-1"): files | {"AWS_PROFILE": "shop"},
        ("AKIDPROCESS", "us-west-2"): os.environ,
    }
    for (access_key, region), environ in expected.items():
        found = find_settings(SECRETS_MANAGER, "", environ)
        assert not isinstance(found, Refusal)
        credentials = found.credentials()
        assert credentials is not None
        assert (credentials.access_key, found.region) == (access_key, region)
    nothing = find_settings(SECRETS_MANAGER, "eu-west-1", {"AWS_CONFIG_FILE": "/none"} | dict.fromkeys(files, "/none"))
    assert not isinstance(nothing, Refusal)
    assert nothing.credentials() is None


@pytest.mark.usefixtures("of_the_process")
def test_settings_that_lack_something_are_a_refusal_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("no section")
    broken = find_settings(SECRETS_MANAGER, "", {"AWS_CONFIG_FILE": str(tmp_path / "config")})
    lacking = find_settings(CLOUDWATCH_LOGS, "", {"AWS_CONFIG_FILE": "/none"})
    for found, said in ((broken, "Mend them"), (lacking, "set AWS_REGION")):
        assert isinstance(found, Refusal)
        assert (found.kind, said in found.message) == (Kind.SETTINGS, True)


def test_each_service_has_its_own_endpoint() -> None:
    environ = SIGNED | {"AWS_CONFIG_FILE": "/none", "AWS_SHARED_CREDENTIALS_FILE": "/none"}
    logs = {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://logs"}
    found = [
        find_settings(service, "", environ | named)
        for service in (SECRETS_MANAGER, CLOUDWATCH_LOGS)
        for named in ({}, logs)
    ]
    assert [one.endpoint for one in found] == [
        "https://secretsmanager.eu-west-1.amazonaws.com",
        "http://all",
        "https://logs.eu-west-1.amazonaws.com",
        "http://logs",
    ]
