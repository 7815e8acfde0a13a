"""Straight to CloudWatch Logs: against the sandbox's, and on the wire where AWS refuses."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from klaviyo_access.audit import CloudWatchLogs
from klaviyo_access.audit.verification import Report, verify
from klaviyo_access.cli.audit.records import LogGroup
from klaviyo_access.errors import AuditNotConfigured, AuditNotDelivered
from tests.audit.audit_bench import entry, open_log
from tests.sandbox.running_sandbox import Sandbox, running_sandbox

GROUP = "/klaviyo/local/application-audit"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        running.client("logs").create_log_group(logGroupName=GROUP)
        yield running


class Reader:
    """A session whose clients are the sandbox's deployer's."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def client(self, service: str, **_: Any) -> Any:
        return self._sandbox.client(service)


def verified(sandbox: Sandbox) -> Report:
    group = LogGroup(Reader(sandbox), GROUP)  # type: ignore[arg-type] # a session as far as it is used
    return verify(group.entries(), group.anchors(), is_sorted=False)


@pytest.fixture
def surroundings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a service on the sandbox."""
    session = sandbox.session()
    for name, value in {
        "AWS_ENDPOINT_URL": sandbox.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("surroundings")
def test_entries_and_anchors_arrive_in_streams_of_their_own_and_are_verified_from_there(
    sandbox: Sandbox, tmp_path: Any
) -> None:
    sink = CloudWatchLogs(GROUP)
    with open_log(tmp_path, sink, anchors=sink, anchor_every=10) as audit:
        for number in range(35):
            audit.record(entry(request_id=f"r-{number}"))
        stream = audit.status.stream
    names = {
        one["logStreamName"] for one in sandbox.client("logs").describe_log_streams(logGroupName=GROUP)["logStreams"]
    }
    assert names == {f"entries/{stream}", f"anchors/{stream}"}
    report = verified(sandbox)
    assert report.is_whole
    assert [(one.entries, one.anchored, one.closed) for one in report.streams] == [(35, 35, True)]
    sandbox.client("logs").delete_log_stream(logGroupName=GROUP, logStreamName=f"entries/{stream}")
    assert [finding.kind for finding in verified(sandbox).findings] == ["cut off"]
    sandbox.client("logs").delete_log_stream(logGroupName=GROUP, logStreamName=f"anchors/{stream}")


@pytest.mark.usefixtures("surroundings")
def test_parent_and_forked_child_have_connections_of_their_own(sandbox: Sandbox, tmp_path: Any) -> None:
    program = f"""
import os, sys
from pathlib import Path
from klaviyo_access.audit import CloudWatchLogs
from tests.audit.audit_bench import entry, open_log
sink = CloudWatchLogs({GROUP!r})
audit = open_log(Path({str(tmp_path)!r}), sink, anchors=sink)
audit.record(entry("parent"))
assert audit.flush(30)
if os.fork() == 0:
    audit.record(entry("child"))
    sys.exit(not audit.close(30))
assert os.wait()[1] == 0
audit.record(entry("parent"))
sys.exit(not audit.close(30))
"""
    before = {one.stream for one in verified(sandbox).streams}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    report = verified(sandbox)
    assert sorted(one.entries for one in report.streams if one.stream not in before) == [1, 2]


class Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self.read()]


class Aws:
    """AWS on the wire, which answers from a list and then with success."""

    def __init__(self, *answers: tuple[int, dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.urls: set[str] = set()

    def __call__(self, request: AWSPreparedRequest) -> AWSResponse:
        operation = request.headers["X-Amz-Target"]
        name = operation.decode() if isinstance(operation, bytes) else operation
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        self.asked.append((name.rpartition(".")[2], json.loads(body)))
        self.urls.add(request.url)
        status, document = self.answers.pop(0) if self.answers else (200, {})
        return AWSResponse(request.url, status, HTTPHeaders(), Raw(json.dumps(document).encode()))


MISSING = (400, {"__type": "ResourceNotFoundException", "message": "The specified log stream does not exist."})


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}


def sink(aws: Aws, *, now: float = 1000.0) -> CloudWatchLogs:
    return CloudWatchLogs(GROUP, region="eu-west-1", environ=CREDENTIALS, send=aws, clock=lambda: now)


def test_a_stream_that_is_missing_is_made_and_another_that_made_it_first_is_no_error() -> None:
    aws = Aws(MISSING, (400, {"__type": "ResourceAlreadyExistsException"}))
    sink(aws).write("entries/app-api/1", ["a", "b"])
    assert [operation for operation, _ in aws.asked] == ["PutLogEvents", "CreateLogStream", "PutLogEvents"]
    assert aws.asked[2][1] == {
        "logGroupName": GROUP,
        "logStreamName": "entries/app-api/1",
        "logEvents": [{"timestamp": 1_000_000, "message": "a"}, {"timestamp": 1_000_000, "message": "b"}],
    }
    assert aws.urls == {"https://logs.eu-west-1.amazonaws.com/"}


def test_a_request_carries_no_more_than_cloudwatch_takes() -> None:
    aws = Aws()
    sink(aws).write("entries/app-api/1", ["x" * 400_000] * 5)
    sizes = [sum(len(event["message"]) + 26 for event in asked["logEvents"]) for _, asked in aws.asked]
    assert len(sizes) == 3
    assert max(sizes) <= 1_048_576


REFUSALS = [
    ((400, {"__type": "com.amazonaws#AccessDeniedException", "message": "no"}), "AccessDeniedException: no"),
    ((503, {}), "HTTP 503"),
    ((200, {"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 0}}), "this machine's clock is wrong"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSALS)
def test_whatever_aws_did_not_take_is_an_error_so_that_it_is_sent_again(answer: Any, said: str) -> None:
    with pytest.raises(AuditNotDelivered, match=said):
        sink(Aws(answer)).write("entries/app-api/1", ["a"])


def test_events_are_in_order_of_time_even_when_the_clock_goes_back() -> None:
    aws, times = Aws(), iter([10.0, 5.0])
    logs = CloudWatchLogs(GROUP, region="eu-west-1", environ=CREDENTIALS, send=aws, clock=lambda: next(times))
    logs.write("entries/app-api/1", ["a"])
    logs.write("entries/app-api/1", ["b"])
    assert [asked["logEvents"][0]["timestamp"] for _, asked in aws.asked] == [10_000, 10_000]


def test_without_a_region_the_service_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(AuditNotConfigured, match="AWS_REGION"):
        CloudWatchLogs(GROUP, environ={})
