"""A webhook's secret in the sandbox's Secrets Manager, its rotator, a Klaviyo that signs, and receivers that verify.

At every moment of a rotation, before and after each call, Klaviyo delivers to every receiver.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from klaviyo_access.aws.answers import Document, Kind, Refusal
from klaviyo_access.aws.client import Ask
from klaviyo_access.errors import WebhookError
from klaviyo_access.keys.labels import SecretLabels
from klaviyo_access.webhooks import SigningSecret, WebhookReceiver, WebhookSecrets
from klaviyo_access.webhooks.secrets_manager import SecretPlace, SecretsManagerVersions
from rotation.errors import RotationError
from rotation.events import version_of
from rotation.store import StoredSecret
from rotation.webhooks.change import SecretChange
from rotation.webhooks.klaviyo import KlaviyoWebhooks
from rotation.webhooks.rotator import WebhookRotator, read_webhook_event
from rotation.webhooks.settings import WebhookSettings
from sandbox.aws.calls import AwsError, Caller
from sandbox.aws.secrets_manager import SecretsManager
from sandbox.aws.secrets_manager.rotation import Retry
from tests.rotation.rotation_world import ACCOUNT, FUNCTION, REGION, Client, KilledError, at_once, call, key_value
from tests.webhooks.signed_requests import Signed, document, signed

WEBHOOK_ID = "01KWEBHOOK0000000000000001"
FIRST_AT_KLAVIYO = "typed-in-by-hand-once"
FORGED = "the-secret-of-a-forger"


@dataclass
class Klaviyo:
    """One webhook at Klaviyo. Each PATCH answers as the next of ``answers`` says, ``ok`` after the last.

    ``lost``: taken, and the answer is lost; ``silent``: not taken, no answer; ``killed``: the rotator dies after it;
    a number: refused with that status.
    """

    key: str
    secret: str = FIRST_AT_KLAVIYO
    answers: list[str | int] = field(default_factory=list)
    changes: int = 0

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], _timeout: float, body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        assert (method, url) == ("PATCH", f"https://klaviyo.test/api/webhooks/{WEBHOOK_ID}")
        assert headers["Authorization"] == f"Klaviyo-API-Key {self.key}"
        data = json.loads(body)["data"]
        assert (data["type"], data["id"]) == ("webhook", WEBHOOK_ID)
        answer = self.answers.pop(0) if self.answers else "ok"
        if isinstance(answer, int):
            error = {"status": answer, "code": _CODES.get(answer, "error"), "detail": _DETAILS.get(answer, "")}
            return answer, {}, json.dumps({"errors": [error]}).encode()
        if answer == "silent":
            raise TimeoutError
        self.secret = data["attributes"]["secret_key"]
        self.changes += 1
        if answer == "killed":
            raise KilledError
        if answer == "lost":
            raise TimeoutError
        return 200, {}, b"{}"


_CODES = {401: "authentication_failed", 403: "permission_denied", 404: "not_found", 400: "invalid"}
_DETAILS = {
    401: "Incorrect authentication credentials.",
    403: "Your API key is missing required scopes: webhooks:write",
    404: "A webhook with id x does not exist.",
}


def asking(client: Client) -> Ask:
    """Asks as a service's own client does, of a client like boto3's."""
    methods = {"DescribeSecret": client.describe_secret, "GetSecretValue": client.get_secret_value}

    def ask(operation: str, parameters: Mapping[str, Any]) -> Document | Refusal:
        try:
            return dict(methods[operation](**parameters))
        except ClientError as error:
            told = error.response["Error"]
            return Refusal(Kind.ANSWERED, told["Message"], code=told["Code"], status=400)

    return ask


class WebhookWorld:
    """One webhook from the creation of its secret on.

    Attributes:
        refused: each delivery of Klaviyo's that a receiver did not take: the moment, the receiver and why.
    """

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()
        self.refused: list[tuple[str, str, str]] = []
        self.delivered = 0
        self.errors: list[BaseException] = []
        self.slept: list[float] = []
        self.events: list[str] = []
        self.receivers: dict[str, WebhookReceiver] = {}
        self.klaviyo = Klaviyo(key_value("developer"))
        self.serving = True
        self.service = SecretsManager(
            account=ACCOUNT,
            clock=lambda: self.now,
            authorize=self._authorize,
            invoke=self._invoke,
            record=lambda event_name, *_, **__: self.events.append(event_name),
            retry=Retry(attempts=3, sleep=self._pause),
        )
        self.client = _Watched(self)
        self.secret_arn = self._create("klaviyo/local/orders/webhook")
        self.key_arn = self._create("klaviyo/local/developer/key")
        value = json.dumps({"apiKey": self.klaviyo.key})
        self._handle("PutSecretValue", SecretId=self.key_arn, SecretString=value, ClientRequestToken="k" * 32)
        place = SecretPlace(secret_id=self.secret_arn, region=REGION)
        reader = Client(self.service)
        self.versions = SecretsManagerVersions(place, ask=asking(reader))
        self.settings = WebhookSettings(
            webhook="orders",
            webhook_id=WEBHOOK_ID,
            secret_arn=self.secret_arn,
            key_secret_arn=self.key_arn,
            klaviyo_url="https://klaviyo.test",
            klaviyo_revision="2026-10-15",
        )

    def rotate(self) -> str:
        """Rotate as Secrets Manager does, with its retries, and say which event AWS recorded last."""
        self.now += 86_400
        token = hashlib.sha256(f"{self.now}".encode()).hexdigest()[:32]

        async def rotate_to_the_end() -> None:
            rules = {"ScheduleExpression": "cron(0 3 1 * ? *)"}
            parameters = {"SecretId": self.secret_arn, "ClientRequestToken": token, "RotationRules": rules}
            await self.service.handle(call("RotateSecret", {**parameters, "RotationLambdaARN": FUNCTION}))
            while under_way := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.gather(*under_way)

        asyncio.run(rotate_to_the_end())
        self.moment("after the rotation")
        return self.events[-1]

    def announce(self) -> str:
        """Begin a rotation whose steps the test runs by itself, and return its token."""
        self.serving = False
        self.rotate()
        pending = self.labels().pending
        assert pending is not None
        return pending.id

    def start_receivers(self) -> None:
        """Start a receiver that has served for long, and one that forgers keep busy."""
        for name in ("long served", "under attack"):
            self.receivers[name] = self._receiver()

    def moment(self, name: str) -> None:
        """Klaviyo delivers to every receiver, and to one that starts now."""
        if not self.receivers:
            return
        for receiver, by in {**self.receivers, "just started": self._receiver()}.items():
            if receiver == "under attack":
                self._send(by, self._signed(FORGED))
            self.delivered += 1
            if why := self._send(by, self._signed(self.klaviyo.secret)):
                self.refused.append((name, receiver, why))

    def invoke(self, event: object) -> str:
        """Hand an event to the rotator, as its handler would, and return the outcome."""
        request = read_webhook_event(event, secret_arn=self.secret_arn)
        deadline = self.now + 300
        made = f"made-for-{version_of(request)}"
        change = SecretChange(
            settings=self.settings,
            secret=StoredSecret(self.secret_arn, self.client),
            role_key=StoredSecret(self.settings.key_secret_arn, self.client),
            klaviyo=KlaviyoWebhooks(
                url=self.settings.klaviyo_url,
                revision=self.settings.klaviyo_revision,
                transport=self._patch,
                sleep=self._sleep,
                time_left=lambda: deadline - self.now,
            ),
            make_secret=lambda: SigningSecret(f"{made}-{len(self.client.made)}"),
            clock=lambda: datetime.fromtimestamp(self.now, UTC),
            sleep=self._sleep,
        )
        return WebhookRotator(change).run(request).outcome

    def step(self, step: str, token: str) -> None:
        """Run one step of the rotator."""
        self.invoke({"Step": step, "SecretId": self.secret_arn, "ClientRequestToken": token})

    def labels(self) -> SecretLabels:
        """The labels of the webhook's secret."""
        return SecretLabels.of(self._handle("DescribeSecret", SecretId=self.secret_arn).get("VersionIdsToStages", {}))

    def current_secret(self) -> str:
        """The secret that is current."""
        answer = self._handle("GetSecretValue", SecretId=self.secret_arn)
        return str(json.loads(answer["SecretString"])["secretKey"])

    def _receiver(self) -> WebhookReceiver:
        secrets = WebhookSecrets(versions=self.versions, clock=lambda: self.now)
        return WebhookReceiver(secrets, clock=lambda: self.now)

    def _signed(self, secret: str) -> Signed:
        sent = datetime.fromtimestamp(self.now, UTC)
        off = (sent - timedelta(hours=5)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        body = document() | {"number": self.delivered}
        body["meta"]["timestamp"] = sent.isoformat()
        return signed(body, secret=secret, timestamp=off)

    @staticmethod
    def _send(by: WebhookReceiver, request: Signed) -> str:
        try:
            with by.receive(request.body, request.headers):
                return ""
        except WebhookError as error:
            return str(error)

    def _patch(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        self.moment("before Klaviyo is told")
        try:
            return self.klaviyo(method, url, headers, timeout, body)
        finally:
            self.moment("after Klaviyo was told")

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        for _ in range(4):
            self.now += seconds / 4
            self.moment("while the rotator waits")

    def _create(self, name: str) -> str:
        token = hashlib.sha256(name.encode()).hexdigest()[:32]
        return str(self._handle("CreateSecret", Name=name, ClientRequestToken=token)["ARN"])

    def _handle(self, operation: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = at_once(self.service.handle(call(operation, parameters)))
        return answer

    async def _invoke(self, function_arn: str, event: dict[str, Any], *, caller: Caller) -> None:
        assert (function_arn, caller.kind) == (FUNCTION, "AWSService")
        if not self.serving:
            raise AwsError("Unhandled", "nobody answers")
        try:
            self.invoke(event)
        except (RotationError, KilledError) as error:
            self.errors.append(error)
            raise AwsError("Unhandled", type(error).__name__) from None

    async def _authorize(self, *_: object, **__: object) -> None:
        """Everything is allowed: who may do what is shown elsewhere."""

    async def _pause(self, _: float) -> None:
        """No time passes between two attempts."""


class _Watched(Client):
    """The rotator's client; Klaviyo delivers before and after each of its calls."""

    def __init__(self, world: WebhookWorld) -> None:
        super().__init__(world.service)
        self._world = world

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._world.moment(f"before {operation}")
        try:
            return super()._call(operation, parameters)
        finally:
            self._world.moment(f"after {operation}")
