"""Lines straight to Amazon CloudWatch Logs.

Limits are those of PutLogEvents in the CloudWatch Logs API reference: at most 1,048,576 bytes a request, each event
counted with 26 bytes more; its events in order of time.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from klaviyo_access.aws.answers import MISSING, Document, Refusal
from klaviyo_access.aws.client import AwsClient, Patience, Send
from klaviyo_access.aws.settings import CLOUDWATCH_LOGS
from klaviyo_access.errors import AuditNotConfigured, AuditNotDelivered

PATIENCE: Final = Patience(connect=2.0, read=5.0, attempts=1)
"""What is not taken is delivered again by whoever hands over lines."""

_LARGEST_REQUEST: Final = 1_000_000
_EVENT_OVERHEAD: Final = 26
_EXISTS: Final = "ResourceAlreadyExistsException"


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
        AuditNotConfigured: no region is named anywhere, or the AWS profile is broken.
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
        self._client = AwsClient(CLOUDWATCH_LOGS, region=region or "", environ=environ, patience=PATIENCE, send=send)
        if isinstance(lacking := self._client.settings(), Refusal):
            raise AuditNotConfigured(f"The log group {log_group} cannot be written: {lacking}.") from lacking.cause
        self._clock = clock
        self._newest = 0

    def write(self, stream: str, lines: Sequence[str]) -> None:
        """Put ``lines`` into the log stream ``stream``.

        Raises:
            AuditNotDelivered: AWS refused them or could not be reached, or there are no credentials.
        """
        for events in self._requests(lines):
            put = {"logGroupName": self._log_group, "logStreamName": stream, "logEvents": events}
            answer = self._client.ask("PutLogEvents", put)
            if isinstance(answer, Refusal) and answer.code == MISSING:
                self._make(stream)
                answer = self._client.ask("PutLogEvents", put)
            if rejected := self._taken(answer).get("rejectedLogEventsInfo"):
                raise AuditNotDelivered(
                    f"CloudWatch Logs rejected lines, since this machine's clock is wrong ({json.dumps(rejected)})."
                )

    def _make(self, stream: str) -> None:
        made = self._client.ask("CreateLogStream", {"logGroupName": self._log_group, "logStreamName": stream})
        if not (isinstance(made, Refusal) and made.code == _EXISTS):
            self._taken(made)

    def _taken(self, answer: Document | Refusal) -> Document:
        if isinstance(answer, Refusal):
            raise AuditNotDelivered(f"CloudWatch Logs took no lines for {self._log_group}: {answer}.") from answer.cause
        return answer

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
