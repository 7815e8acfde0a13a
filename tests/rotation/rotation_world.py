"""A role with its two secrets in the sandbox's Secrets Manager, its rotator, and a Klaviyo that answers as told."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from botocore.exceptions import ClientError

from klaviyo_access.keys.labels import AwsLabel, Foreign, SecretLabels, Spare
from klaviyo_access.keys.secret import fingerprint
from klaviyo_access.klaviyo.probe_table import MALFORMED, READ_PROBES, WRITE_PROBES
from klaviyo_access.klaviyo.probes import Prober
from rotation.errors import RotationError
from rotation.events import name_of, read_event
from rotation.rotator import Rotator
from rotation.settings import Settings
from sandbox.aws.calls import AwsError, Call, Caller
from sandbox.aws.secrets_manager import SecretsManager
from sandbox.aws.secrets_manager.readings import Readings
from sandbox.aws.secrets_manager.rotation import Retry

ACCOUNT = "000000000000"
REGION = "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotator"
SCOPES = ("accounts:read", "lists:read", "profiles:read", "profiles:write")
KLAVIYO_ACCOUNT = "XyZ123"

_DATES = {"CreatedDate", "LastChangedDate", "LastRotatedDate", "NextRotationDate"}

FirstValue = Literal["also-current", "as-asked"]

_OPERATIONS = {
    "describe_secret": "DescribeSecret",
    "get_secret_value": "GetSecretValue",
    "list_secret_version_ids": "ListSecretVersionIds",
    "put_secret_value": "PutSecretValue",
    "rotate_secret": "RotateSecret",
    "update_secret_version_stage": "UpdateSecretVersionStage",
}


class KilledError(BaseException):
    """The function's process died: not an error that a handler could see."""


def key_value(name: str) -> str:
    """The fake key called ``name``."""
    return "pk_" + hashlib.sha256(name.encode()).hexdigest()[:34]


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as finished:
        return finished.value
    raise AssertionError("the simulator waited in the middle of a call")


T = TypeVar("T")


@dataclass
class Process:
    """The function's process: it counts its calls to AWS and Klaviyo, and dies before or after the one ``dies_at``."""

    calls: int = 0
    dies_at: int | None = None
    dies: Literal["before", "after"] = "before"

    def make(self, call: Callable[[], T]) -> T:
        """Make one call."""
        dies = self.calls == self.dies_at
        self.calls += 1
        if dies and self.dies == "before":
            raise KilledError
        try:
            return call()
        finally:
            if dies:
                raise KilledError


@dataclass
class Klaviyo:
    """The account's keys by value with their scopes; ``status`` makes every call fail that way instead.

    ``accounts`` names the account of keys of other ones, ``closed`` a scope whose probe says nothing about a key. A
    malformed write is refused, unless it ``takes_anything``.
    """

    process: Process = field(default_factory=Process)
    scopes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    takes_anything: bool = False
    calls: list[str] = field(default_factory=list)

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        return self.process.make(lambda: self._answer(method, url, headers, timeout, body))

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        path = url.removeprefix("https://klaviyo.test").partition("?")[0]
        self.calls.append(f"{method} {path} within {timeout:.0f} s")
        key = headers["Authorization"].removeprefix("Klaviyo-API-Key ")
        probes = READ_PROBES if method == "GET" else WRITE_PROBES
        needed = next(scope for scope, probe in probes.items() if probe.asked_path == path)
        if self.status:
            return self.status, {}, b""
        if key not in self.scopes:
            return self._error(401, "authentication_failed", "Incorrect authentication credentials.")
        if self.closed.get(key) == needed:
            return self._error(403, "permission_denied", "This feature is not part of your plan.")
        if needed not in self.scopes[key]:
            return self._error(403, "permission_denied", f"Your API key is missing required scopes: {needed}")
        if body == MALFORMED and not self.takes_anything:
            return self._error(400, "invalid", "'type' is a required field.")
        return 200, {}, json.dumps({"data": [{"id": self.accounts.get(key, KLAVIYO_ACCOUNT)}]}).encode()

    @staticmethod
    def _error(status: int, code: str, detail: str) -> tuple[int, Mapping[str, str], bytes]:
        return status, {}, json.dumps({"errors": [{"status": status, "code": code, "detail": detail}]}).encode()


@dataclass
class Client:
    """What boto3's client is to the rotator, over the sandbox's service.

    ``unread`` are secrets whose values lag behind their labels, ``undecrypted`` versions whose KMS key is off.
    """

    service: SecretsManager
    process: Process = field(default_factory=Process)
    made: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    undecrypted: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return lambda **parameters: self._call(_OPERATIONS[name], parameters)

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.made.append((operation, parameters))
        return self.process.make(lambda: self._answer(operation, parameters))

    def _answer(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if operation == "GetSecretValue" and parameters["SecretId"] in self.unread:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, operation)
        if operation == "GetSecretValue" and parameters.get("VersionId") in self.undecrypted:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, operation)
        try:
            answer: dict[str, Any] = at_once(self.service.handle(call(operation, parameters)))
        except AwsError as error:
            raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, operation) from error
        for shown in (answer, *answer.get("Versions", ())):
            shown.update({name: datetime.fromtimestamp(shown[name], UTC) for name in _DATES & shown.keys()})
        return answer


def call(operation: str, parameters: dict[str, Any]) -> Call:
    """One call by somebody whom everything is allowed."""
    anybody = Caller(
        kind="IAMUser", account=ACCOUNT, arn="arn:aws:iam::0:user/a", principal_arn="arn:aws:iam::0:user/a"
    )
    return Call(
        service="secretsmanager",
        operation=operation,
        parameters=parameters,
        caller=anybody,
        region=REGION,
        request_id="r",
    )


class World:
    """One role from its creation on; keys are spoken of by name."""

    def __init__(
        self,
        *,
        first_value: FirstValue = "also-current",
        require_proof: Literal["all", "available"] = "available",
        write_probes: bool = False,
        attempts: int = 1,
    ) -> None:
        self.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()
        self.names: dict[str, str] = {}
        self.seen: dict[str, tuple[str, str]] = {}
        self.errors: list[RotationError] = []
        self.events: list[str] = []
        self.repeats = 1
        self.process = Process()
        self.klaviyo = Klaviyo(self.process)
        self.service = SecretsManager(
            account=ACCOUNT,
            clock=lambda: self.now,
            authorize=self._authorize,
            invoke=self._invoke,
            record=self._record,
            readings=Readings(first_value=first_value),
            retry=Retry(attempts=attempts, sleep=self._sleep),
        )
        self.client = Client(self.service, self.process)
        self.key_arn = self._create("klaviyo/local/viewer/key")
        self.reserve_arn = self._create("klaviyo/local/viewer/reserve")
        self.settings = Settings(
            key_secret_arn=self.key_arn,
            reserve_secret_arn=self.reserve_arn,
            role="viewer",
            scopes=SCOPES,
            klaviyo_url="https://klaviyo.test",
            klaviyo_revision="2026-10-15",
            klaviyo_account_id=KLAVIYO_ACCOUNT,
            grace=timedelta(days=1),
            require_proof=require_proof,
            write_probes=write_probes,
        )

    def stage(
        self,
        name: str,
        *,
        known: bool = True,
        value: str | None = None,
        labelled: str | None = None,
        tombstone: bool = True,
    ) -> None:
        """Put a spare on the reserve as an operator would, and make it in Klaviyo where ``known``.

        ``value`` is put in place of the key; ``labelled`` names another key on the label; without the ``tombstone`` AWS
        makes the first spare current.
        """
        self.now += 60
        key = key_value(name)
        self.names[fingerprint(key)] = name
        if known:
            self.klaviyo.scopes[key] = SCOPES
        if tombstone and not self.labels(self.reserve_arn).versions:
            self._put(self.reserve_arn, '{"tombstone": true}', [AwsLabel.CURRENT])
        spare = Spare(datetime.fromtimestamp(self.now, UTC), fingerprint(key_value(labelled or name)))
        self._put(self.reserve_arn, value if value is not None else json.dumps({"apiKey": key}), [str(spare)])

    def adopt(self, name: str, value: str) -> None:
        """Put a value with the key of that name as current, as somebody did before this project."""
        key = key_value(name)
        self.names[fingerprint(key)] = name
        self.klaviyo.scopes[key] = SCOPES
        self._put(self.key_arn, value, [AwsLabel.CURRENT])

    def enable_rotation(self) -> None:
        """Switch rotation on without rotating, as the program does."""
        self._rotate(RotateImmediately=False)

    def label(self, arn: str, label: str, version_id: str) -> None:
        """Put a label on a version, as anybody may who can."""
        parameters = {"SecretId": arn, "VersionStage": label, "MoveToVersionId": version_id}
        at_once(self.service.handle(call("UpdateSecretVersionStage", parameters)))

    def cancel(self) -> None:
        """Switch rotation off."""
        at_once(self.service.handle(call("CancelRotateSecret", {"SecretId": self.key_arn})))

    def rotate(self) -> str:
        """Rotate to the end, and say which event AWS recorded last."""
        self.now += 3600
        self._rotate()
        return self.events[-1]

    def step(self, step: str, token: str) -> None:
        """Run one step of the rotator."""
        self.invoke({"Step": step, "SecretId": self.key_arn, "ClientRequestToken": token})

    def invoke(self, event: object) -> dict[str, object]:
        """Hand an event to the rotator, as its handler would, and return the answer."""
        request = read_event(event, key_secret_arn=self.key_arn)
        rotator = Rotator(self.settings, self.client, self._prober(), lambda: datetime.fromtimestamp(self.now, UTC))
        return rotator.run(request).answer(name_of(request))

    def ask(self, action: str, key: str | None = None) -> dict[str, object]:
        """Ask for an action on the version that holds the key of that name, or held it when last it had labels."""
        event: dict[str, object] = {"action": action}
        if action == "leaked":
            assert key is not None
            event["fingerprint"] = fingerprint(key_value(key))
        elif key is not None:
            where, event["version"] = self.found(key)
            if action in {"begin-disable", "prove-dead"}:
                event["secret"] = where
        return self.invoke(event)

    def found(self, key: str) -> tuple[str, str]:
        """Which secret and which version has the key of that name, or had it last."""
        for where, arn in (("key", self.key_arn), ("reserve", self.reserve_arn)):
            for version in self.labels(arn):
                if any(label.fingerprint == fingerprint(key_value(key)) for label in version.ours):
                    self.seen[key] = (where, version.id)
                    return self.seen[key]
        return self.seen[key]

    def labels(self, arn: str) -> SecretLabels:
        """The labels of a secret."""
        described = at_once(self.service.handle(call("DescribeSecret", {"SecretId": arn})))
        return SecretLabels.of(described.get("VersionIdsToStages", {}))

    def current_value(self) -> dict[str, Any]:
        """What services read."""
        answer = at_once(self.service.handle(call("GetSecretValue", {"SecretId": self.key_arn})))
        value: dict[str, Any] = json.loads(answer["SecretString"])
        return value

    def announce(self) -> str:
        """Begin a rotation whose steps the test runs by itself, and return its token."""
        self.now += 3600
        self.repeats = 0
        self._rotate()
        self.repeats = 1
        pending = self.labels(self.key_arn).pending
        assert pending is not None
        return pending.id

    def lives(self) -> dict[str, str]:
        """Each version by the name of its key: its labels without times and fingerprints, the reserve's marked so."""
        return self._lives(self.key_arn, "") | self._lives(self.reserve_arn, "reserve ")

    def _lives(self, arn: str, where: str) -> dict[str, str]:
        found = {}
        for version in self.labels(arn):
            fingerprints = {label.fingerprint for label in version.ours}
            name = self.names[fingerprints.pop()] if fingerprints else ""
            words = [self._word(str(label)) for label in version.labels if not isinstance(label, Foreign)]
            if name or AwsLabel.PENDING in version.labels:
                found[name] = where + " ".join(sorted(words))
        return found

    @staticmethod
    def _word(label: str) -> str:
        kind, *rest = label.split(":", 3)
        return f"{kind}({rest[2]})" if kind == "REJECTED" else kind

    def _prober(self) -> Prober:
        return Prober(
            url=self.settings.klaviyo_url,
            revision=self.settings.klaviyo_revision,
            transport=self.klaviyo,
            sleep=lambda _: None,
            time_left=lambda: 60.0,
        )

    def _create(self, name: str) -> str:
        token = hashlib.sha256(name.encode()).hexdigest()[:32]
        answer = at_once(self.service.handle(call("CreateSecret", {"Name": name, "ClientRequestToken": token})))
        return str(answer["ARN"])

    def _put(self, arn: str, value: str, stages: list[str]) -> None:
        token = hashlib.sha256(f"{value}{stages}".encode()).hexdigest()[:32]
        parameters = {"SecretId": arn, "SecretString": value, "VersionStages": stages, "ClientRequestToken": token}
        at_once(self.service.handle(call("PutSecretValue", parameters)))

    def _rotate(self, **settings: object) -> None:
        token = hashlib.sha256(f"{self.now}".encode()).hexdigest()[:32]
        parameters = {
            "SecretId": self.key_arn,
            "ClientRequestToken": token,
            "RotationLambdaARN": FUNCTION,
            "RotationRules": {"ScheduleExpression": "cron(0 3 1 1/3 ? *)"},
            **settings,
        }

        async def rotate_to_the_end() -> None:
            await self.service.handle(call("RotateSecret", parameters))
            while under_way := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.gather(*under_way)

        asyncio.run(rotate_to_the_end())

    async def _invoke(self, function_arn: str, event: dict[str, Any], *, caller: Caller) -> None:
        assert (function_arn, caller.kind) == (FUNCTION, "AWSService")
        failed: BaseException | None = None
        for _ in range(self.repeats):
            try:
                self.invoke(event)
            except (RotationError, KilledError) as error:
                failed = failed or error
        if isinstance(failed, RotationError):
            self.errors.append(failed)
        if failed or not self.repeats:
            raise AwsError("Unhandled", type(failed).__name__)

    def _record(self, event_name: str, *_: object, **__: object) -> None:
        self.events.append(event_name)

    async def _authorize(self, *_: object, **__: object) -> None:
        """Everything is allowed: who may do what is shown elsewhere."""

    async def _sleep(self, _: float) -> None:
        """No time passes between two attempts."""
