"""Asks a service of AWS's by signed requests over a kept-alive connection, without a boto3 client.

Credentials, CA bundle, proxies and endpoints are found as botocore finds them. A boto3 client would load and
interpret the service's model first, which takes longer than the call.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from random import uniform
from typing import Any, Final, NamedTuple, Protocol

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from klaviyo_access.aws.answers import Document, Kind, Refusal, read_answer
from klaviyo_access.aws.settings import AwsSettings, Credentials, Service, find_settings
from klaviyo_access.frames import cut_frames

SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 0.3

_NO_CREDENTIALS: Final = (
    "no AWS credentials were found in any place where botocore looks: run as the service's IAM role, or name a profile "
    "by AWS_PROFILE"
)

Ask = Callable[[str, Mapping[str, Any]], Document | Refusal]
"""What a room needs of a client: an operation's name and parameters in, AWS's answer out; it raises nothing."""


class Patience(NamedTuple):
    """How long AWS is waited for.

    Attributes:
        connect: seconds for a connection.
        read: seconds for each part of an answer.
        attempts: how often a connection that fails, a 5xx and throttling are tried in all.
    """

    connect: float = 3.0
    read: float = 5.0
    attempts: int = 3


PATIENCE: Final = Patience()


class Send(Protocol):
    """Sends a prepared request over a kept-alive connection; botocore's own sessions do."""

    def __call__(self, request: AWSPreparedRequest) -> AWSResponse: ...


class _Opened(NamedTuple):
    process: int
    settings: AwsSettings
    send: Send


class AwsClient:
    """Asks one service. Any number of threads may; a forked child opens a connection of its own.

    Each attempt is signed anew, with pauses of 0.1 to 0.3 seconds before the second and 0.2 to 0.6 before the third.

    Args:
        service: the service.
        region: without it ``AWS_REGION``, ``AWS_DEFAULT_REGION``, then that of the AWS profile.
        environ: the environment variables; ``AWS_ENDPOINT_URL_…`` and ``AWS_ENDPOINT_URL`` are honoured.
        patience: how long AWS is waited for.
        pause: waits for so many seconds.
        send: how a signed request travels; without it botocore's HTTP session.
    """

    def __init__(
        self,
        service: Service,
        *,
        region: str = "",
        environ: Mapping[str, str] = os.environ,
        patience: Patience = PATIENCE,
        pause: Callable[[float], None] = time.sleep,
        send: Send | None = None,
    ) -> None:
        self._service = service
        self._region = region
        self._environ = environ
        self._patience = patience
        self._pause = pause
        self._given_send = send
        self._opened: _Opened | None = None

    def ask(self, operation: str, parameters: Mapping[str, Any]) -> Document | Refusal:
        """Ask for one operation, and have AWS's document, or why there is none.

        Args:
            operation: as in ``GetSecretValue``.
            parameters: the request's JSON.
        """
        opened = self._open()
        if isinstance(opened, Refusal):
            return opened
        for attempt in range(1, self._patience.attempts + 1):
            found = self._ask_once(opened, operation, parameters)
            if not (isinstance(found, Refusal) and found.is_transient) or attempt == self._patience.attempts:
                break
            self._pause(uniform(SHORTEST_PAUSE, LONGEST_PAUSE) * attempt)  # noqa: S311 - spreads load, guards nothing
        if isinstance(found, Refusal) and not found.code.startswith("Resource"):
            self._opened = None  # expired credentials, a dead connection: whatever it was, start anew
        return found

    def settings(self) -> AwsSettings | Refusal:
        """AWS's settings, without asking AWS; for whoever refuses to start without."""
        opened = self._open()
        return opened if isinstance(opened, Refusal) else opened.settings

    def _open(self) -> _Opened | Refusal:
        opened = self._opened
        if opened is None or opened.process != os.getpid():
            settings = find_settings(self._service, self._region, self._environ)
            if isinstance(settings, Refusal):
                return settings
            opened = self._opened = _Opened(os.getpid(), settings, self._given_send or self._connect(settings))
        return opened

    def _connect(self, settings: AwsSettings) -> Send:
        """One kept-alive connection to AWS, with the proxies and trusted certificates that botocore would take."""
        return URLLib3Session(
            verify=settings.ca_bundle or True,  # type: ignore[arg-type] # a path serves, the stubs leave it out
            proxies=get_environ_proxies(settings.endpoint),
            timeout=(self._patience.connect, self._patience.read),  # type: ignore[arg-type] # the same of the pair
        ).send

    def _ask_once(self, opened: _Opened, operation: str, parameters: Mapping[str, Any]) -> Document | Refusal:
        # Values in clear live in this frame and below; whatever it was, nothing is raised while they do.
        settings = opened.settings
        try:
            credentials = settings.credentials()
        except (BotoCoreError, ClientError) as error:
            message = f"AWS credentials cannot be had: {error}"
            return Refusal(Kind.NO_CREDENTIALS, message, endpoint=settings.endpoint, cause=error.with_traceback(None))
        if credentials is None:
            return Refusal(Kind.NO_CREDENTIALS, _NO_CREDENTIALS, endpoint=settings.endpoint)
        request = self._signed(settings, credentials, operation, parameters)
        try:
            answer = opened.send(request)
            content = answer.content
        except BotoCoreError as error:
            cut_frames(error)
            cause = error.with_traceback(None)
            return Refusal(Kind.NO_ANSWER, str(error), endpoint=settings.endpoint, cause=cause)
        return read_answer(answer.status_code, content, endpoint=settings.endpoint)

    def _signed(
        self, settings: AwsSettings, credentials: Credentials, operation: str, parameters: Mapping[str, Any]
    ) -> AWSPreparedRequest:
        request = AWSRequest(
            method="POST",
            url=f"{settings.endpoint}/",
            data=json.dumps(parameters),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"{self._service.target}.{operation}",
            },
        )
        signer = SigV4Auth(credentials, self._service.name, settings.region)  # type: ignore[arg-type] # it reads these three
        signer.add_auth(request)
        return request.prepare()
