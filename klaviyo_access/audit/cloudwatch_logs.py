"""Lines straight to Amazon CloudWatch Logs, over signed requests without a boto3 client.

Limits are those of PutLogEvents in the CloudWatch Logs API reference: at most 1,048,576 bytes a request, each event
counted with 26 bytes more; its events in order of time.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from botocore.utils import get_environ_proxies

from klaviyo_access.errors import AuditNotConfigured

CONNECT_TIMEOUT: Final = 2.0
READ_TIMEOUT: Final = 5.0

_LARGEST_REQUEST: Final = 1_000_000
_EVENT_OVERHEAD: Final = 26
_MISSING: Final = "ResourceNotFoundException"
_EXISTS: Final = "ResourceAlreadyExistsException"


class CloudWatchLogsError(Exception):
    """CloudWatch Logs did not take lines."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"{code}: {message}")


class Send(Protocol):
    """Sends a prepared request over a kept-alive connection; botocore's own sessions do."""

    def __call__(self, request: AWSPreparedRequest) -> AWSResponse: ...


class CloudWatchLogs:
    """A sink that puts each stream of lines into a log stream of that name, which it makes.

    It needs ``logs:CreateLogStream`` and ``logs:PutLogEvents`` on the log group and nothing more. An event has the
    time of its delivery, not that of its entry: CloudWatch takes no events older than 14 days, and an alarm shall hear
    of what is delivered late.

    Args:
        log_group: name of the log group, which exists.
        region: without it ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or that of the AWS profile.
        clock: seconds since the epoch.
        environ: the environment variables; ``AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`` and ``AWS_ENDPOINT_URL`` are honoured.
        send: how a signed request travels; without it botocore's HTTP session.

    Raises:
        AuditNotConfigured: no region is named anywhere.
    """

    def __init__(
        self,
        log_group: str,
        *,
        region: str | None = None,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
        send: Send | None = None,
    ) -> None:
        self._log_group = log_group
        self._region = region or _region(environ)
        if not self._region:
            raise AuditNotConfigured(
                f"The log group {log_group} lies in a region, and none was named: set AWS_REGION, or pass region."
            )
        self._endpoint = _endpoint(self._region, environ)
        self._clock = clock
        self._given_send = send
        self._connection: tuple[int, Session, Send] | None = None
        self._newest = 0

    def write(self, stream: str, lines: Sequence[str]) -> None:
        """Put ``lines`` into the log stream ``stream``.

        Raises:
            CloudWatchLogsError: AWS refused them, or there are no credentials.
            BotoCoreError: AWS could not be reached.
        """
        for events in self._requests(lines):
            put = {"logGroupName": self._log_group, "logStreamName": stream, "logEvents": events}
            try:
                answer = self._ask("PutLogEvents", put)
            except CloudWatchLogsError as error:
                if error.code != _MISSING:
                    raise
                self._make(stream)
                answer = self._ask("PutLogEvents", put)
            if rejected := answer.get("rejectedLogEventsInfo"):
                raise CloudWatchLogsError(
                    "RejectedLogEvents", f"this machine's clock is wrong ({json.dumps(rejected)})"
                )

    def _make(self, stream: str) -> None:
        try:
            self._ask("CreateLogStream", {"logGroupName": self._log_group, "logStreamName": stream})
        except CloudWatchLogsError as error:
            if error.code != _EXISTS:
                raise

    def _requests(self, lines: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """The lines as events, in portions that one request may carry."""
        timestamp, events, size = self._now(), list[dict[str, Any]](), 0
        for line in lines:
            if events and size + len(line) + _EVENT_OVERHEAD > _LARGEST_REQUEST:
                yield events
                events, size = [], 0
            events.append({"timestamp": timestamp, "message": line})
            size += len(line) + _EVENT_OVERHEAD
        yield events

    def _now(self) -> int:
        """Milliseconds since the epoch, never before what was said last."""
        self._newest = max(self._newest, int(self._clock() * 1000))
        return self._newest

    def _ask(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        session, send = self._connected()
        credentials = session.get_credentials()
        if credentials is None:
            raise CloudWatchLogsError("NoCredentials", "no AWS credentials were found where botocore looks")
        request = AWSRequest(
            method="POST",
            url=f"{self._endpoint}/",
            data=json.dumps(parameters),
            headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Logs_20140328.{operation}"},
        )
        SigV4Auth(credentials.get_frozen_credentials(), "logs", self._region).add_auth(request)
        answer = send(request.prepare())
        document = _read_json(answer.content)
        if answer.status_code != 200:
            code = str(document.get("__type", f"HTTP {answer.status_code}")).rpartition("#")[2]
            raise CloudWatchLogsError(
                code, str(document.get("message") or document.get("Message") or "no reason given")
            )
        return document

    def _connected(self) -> tuple[Session, Send]:
        """This process's own session and connection: a forked child uses neither locks nor socket of its parent."""
        if self._connection is None or self._connection[0] != os.getpid():
            session = Session()
            http = URLLib3Session(
                verify=session.get_config_variable("ca_bundle") or True,
                proxies=get_environ_proxies(self._endpoint),
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),  # type: ignore[arg-type] # the stubs leave the pair out
            )
            self._connection = os.getpid(), session, self._given_send or http.send
        return self._connection[1:]


def _region(environ: Mapping[str, str]) -> str:
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    return named or Session().get_config_variable("region") or ""


def _endpoint(region: str, environ: Mapping[str, str]) -> str:
    named = environ.get("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS") or environ.get("AWS_ENDPOINT_URL")
    if named and environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        return named.rstrip("/")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://logs.{region}.{suffix}"


def _read_json(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
