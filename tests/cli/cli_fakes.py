"""AWS as a table of answers, a project's files, and what a command leaves behind."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

ACCOUNT = "111122223333"
ENGINEER = f"arn:aws:sts::{ACCOUNT}:assumed-role/engineer/ada"
OPERATOR = f"arn:aws:sts::{ACCOUNT}:assumed-role/klaviyo-dev-key-operator/ada"
ROTATOR = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:klaviyo-dev-viewer-rotator"

ACCESS_MODEL = (Path(__file__).parents[2] / "access.yaml").read_text()
SETTINGS = """\
config:
  aws:region: {region}
  klaviyo-access:accountId: "{account}"
  klaviyo-access:deployers: ["arn:aws:iam::{account}:role/deployer"]
"""


ROLES = (
    "admin",
    "marketer",
    "developer",
    "viewer",
    "service",
    "profile-sync",
    "event-tracker",
    "reporting",
    "custodian",
)


def lay_out(name: str, text: str) -> None:
    """Write a file of the project, which is the current directory."""
    Path(name).write_text(text)


def fake_key(seed: int) -> str:
    """A key in Klaviyo's form that no scanner finds in this file."""
    return "pk_" + f"{seed:02x}" * 17


def _no_rotator(event: Mapping[str, Any]) -> dict[str, Any]:
    """A test that asks a rotator says what it answers."""
    raise AssertionError(f"nobody expected a rotator to be asked for {event}")


def _leave_alone(labels: dict[str, list[str]], version: str) -> None:
    """A rotator that never comes."""


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)


@dataclass
class FakeAws:
    """AWS's answers on the wire: labels and values of secrets, and refusals where a test asks for them."""

    caller: str = ENGINEER
    labels: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)
    encrypted_by: dict[str, list[str]] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    reads: list[dict[str, Any]] = field(default_factory=list)
    replicas: dict[str, str] = field(default_factory=dict)
    mute_regions: list[str] = field(default_factory=list)
    rotating: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    region: str = ""
    on_rotate: Callable[[dict[str, list[str]], str], None] = field(default=_leave_alone)
    on_invoke: Callable[[dict[str, Any]], dict[str, Any]] = field(default=_no_rotator)
    events: list[dict[str, Any]] = field(default_factory=list)
    lines: list[tuple[float, str]] = field(default_factory=list)
    busy: int = 0
    calls: list[str] = field(default_factory=list)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    date: str = ""
    put_at: float = 1_793_520_000.0  # 2026-11-01 08:00 UTC

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Answer one signed request."""
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
        target = request.headers.get("X-Amz-Target", b"")
        target = target.decode() if isinstance(target, bytes) else target
        if "/functions/" in request.url:
            return self._invoke(request, json.loads(body))
        action = target.rpartition(".")[2] or parse_qs(body)["Action"][0]
        self.calls.append(action)
        self.region = urlsplit(request.url).netloc.split(".")[1]
        if self.region in self.mute_regions:
            return self._refuse(request, "AccessDeniedException", "not here", query=not target, headers={})
        headers = {"date": self.date} if self.date else {}
        if action in self.refusals:
            return self._refuse(request, *self.refusals[action], query=not target, headers=headers)
        if not target:
            return _answer(request, 200, getattr(self, f"_{action}")(), headers | {"content-type": "text/xml"})
        try:
            self.asked[action] = json.loads(body)
            document = getattr(self, f"_{action}")(self.asked[action])
        except KeyError:
            return self._refuse(request, "ResourceNotFoundException", "no such secret", query=False, headers=headers)
        return _answer(request, 200, json.dumps(document), headers)

    def deploy(self, environment: str) -> None:
        """Make both secrets of every role, empty."""
        for role in ROLES:
            for kind in ("key", "reserve"):
                self.labels[f"klaviyo/{environment}/{role}/{kind}"] = {}

    def _invoke(self, request: AWSPreparedRequest, event: dict[str, Any]) -> AWSResponse:
        """A rotator's answer, or its error where the answer has an ``errorMessage``."""
        self.calls.append("Invoke")
        self.events.append(event)
        if self.busy:
            self.busy -= 1
            return self._refuse(request, "TooManyRequestsException", "Rate Exceeded.", query=False, headers={})
        answer = self.on_invoke(event)
        headers = {"x-amz-function-error": "Unhandled"} if "errorMessage" in answer else {}
        return _answer(request, 200, json.dumps(answer), headers)

    def _refuse(
        self, request: AWSPreparedRequest, code: str, message: str, *, query: bool, headers: Mapping[str, str]
    ) -> AWSResponse:
        if query:
            text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        else:
            text = json.dumps({"__type": code, "message": message})
        return _answer(request, 400, text, headers)

    def _GetCallerIdentity(self) -> str:  # noqa: N802 - AWS's name
        return (
            "<GetCallerIdentityResponse><GetCallerIdentityResult>"
            f"<Arn>{self.caller}</Arn><Account>{self.caller.split(':')[4]}</Account><UserId>AROA:ada</UserId>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )

    def _AssumeRole(self) -> str:  # noqa: N802 - AWS's name
        return (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
            "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
            "<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )

    def _DescribeSecret(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        name = asked["SecretId"]
        rotation = {"RotationEnabled": True, "RotationLambdaARN": ROTATOR} if name.endswith("/key") else {}
        replicas = [{"Region": region, "Status": status} for region, status in self.replicas.items()]
        return {"Name": name, "VersionIdsToStages": self.labels[name], "ReplicationStatus": replicas} | rotation

    def _ListSecretVersionIds(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        versions = self.labels[asked["SecretId"]]
        return {
            "Versions": [
                {"VersionId": version, "CreatedDate": self.put_at, "KmsKeyIds": self.encrypted_by.get(version, [])}
                for version in versions
            ]
        }

    def _ListSecrets(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002, N802 - AWS's name and form
        return {
            "SecretList": [
                {"Name": name, "ARN": name}
                | ({"RotationEnabled": True} if name in self.rotating else {})
                | ({"DeletedDate": self.put_at} if name in self.deleted else {})
                for name in self.labels
            ]
        }

    def _RestoreSecret(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        self.deleted.remove(asked["SecretId"])
        return {}

    def _DescribeKey(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        return {"KeyMetadata": {"KeyId": asked["KeyId"].rpartition("/")[2], "KeyState": "Enabled"}}

    def _PutSecretValue(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        versions = self.labels[asked["SecretId"]]
        version = asked["ClientRequestToken"]
        versions[version] = list(asked["VersionStages"])
        self.values.setdefault(asked["SecretId"], {})[version] = asked["SecretString"]
        return {"VersionId": version}

    def _RotateSecret(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        version = asked["ClientRequestToken"]
        self.on_rotate(self.labels[asked["SecretId"]], version)
        return {"VersionId": version}

    def _FilterLogEvents(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        found = [(time * 1000, line) for time, line in self.lines if time * 1000 >= asked["startTime"]]
        return {"events": [{"timestamp": int(time), "message": line} for time, line in found]}

    def _LookupEvents(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        name = asked["LookupAttributes"][0]["AttributeValue"]
        here = [each for each in self.reads if each.get("awsRegion", "eu-west-1") == self.region]
        found = [record for record in (*self.failures, *here) if record.get("eventName", "RotationFailed") == name]
        return {"Events": [{"CloudTrailEvent": json.dumps(record)} for record in found]}


class _Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> "list[bytes]":
        return [self.read()]


def _answer(request: AWSPreparedRequest, status: int, text: str, headers: Mapping[str, str]) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), _Raw(text.encode()))


Command = Callable[..., Result]
