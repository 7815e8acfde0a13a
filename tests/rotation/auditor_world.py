"""An environment's roles as the auditor meets them: labels, rotators that answer as theirs do, and Klaviyo's list."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from klaviyo_access.keys.labels import Disabling, HoldsKey, Rejected, Retired, SecretLabels, Spare
from klaviyo_access.keys.secret import fingerprint
from rotation.auditor.findings import Record
from rotation.auditor.rotators import Rotators
from rotation.auditor.round import Round
from rotation.auditor.settings import AuditedRole, AuditorSettings
from rotation.auditor.sight import Sight
from rotation.auditor.trail import Trail
from tests.rotation.rotation_world import key_value

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SCOPES = ("accounts:read", "profiles:read")
CUSTODIAN_SCOPES = ("accounts:read", "credentials:read", "credentials:write")
URL = "https://klaviyo.test"


def print_of(name: str) -> str:
    """The fingerprint of the fake key called ``name``."""
    return fingerprint(key_value(name))


def marked(name: str, end: str = "") -> str:
    """What Klaviyo's list calls a key that is named ``name`` and has its mark."""
    return f"{name} [{print_of(name)}-{key_value(name)[-4:]}{end and ' '}{end}]"


def retired(name: str) -> str:
    return str(Retired(NOW - timedelta(days=9), print_of(name)))


def holds(name: str) -> str:
    return str(HoldsKey(print_of(name)))


def rejected(name: str, reason: str = "refused") -> str:
    return str(Rejected(NOW - timedelta(days=1), print_of(name), reason))


@dataclass
class RoleState:
    """A role's secrets: version id to labels, a version being called as its key is.

    Attributes:
        replicas: the status of the key's replicas, by region.
        changed: when the key's secret was changed last.
    """

    key: dict[str, list[str]]
    reserve: dict[str, list[str]]
    rotates: bool = True
    rotated: datetime | None = None
    due: datetime | None = NOW + timedelta(days=20)
    born: datetime = NOW - timedelta(days=3)
    replicas: dict[str, str] = field(default_factory=dict)
    changed: datetime = NOW - timedelta(days=1)


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "pk_"}}, "Operation")


@dataclass
class AuditWorld:
    """Two roles and the custodian; ``viewer`` has superseded the key ``old``.

    Attributes:
        waiting: keys whose grace is not over.
        answers: what a role's rotator answers to an action instead; an exception is raised.
        seconds_of_a_call: what each call of a rotator takes of ``seconds``.
        today: when the audit runs.
        waits: what happens while the audit sleeps.
        during: what happens when Klaviyo changes a key, before it answers; it may raise.
        unseen: roles that cannot be described.
        unread: whether the custodian has no key yet.
        failures: when a rotation of a role failed.
    """

    roles: dict[str, RoleState] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    answers: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    waits: Callable[[], object] = lambda: None
    during: Callable[[], object] = lambda: None
    unseen: set[str] = field(default_factory=set)
    unread: bool = False
    failures: dict[str, datetime] = field(default_factory=dict)
    events_per_page: int = 50
    seconds: float = 800.0
    seconds_of_a_call: float = 0.0
    today: datetime = NOW
    custodian_scopes: tuple[str, ...] | None = CUSTODIAN_SCOPES
    page_size: int = 100
    status: list[int] = field(default_factory=list)
    patched: list[tuple[str, str | None]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    rotations: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        for role in ("viewer", "reporting", *(["custodian"] if self.custodian_scopes else [])):
            key = f"{role}-key"
            spares = [f"{role}-spare-{number}" for number in (1, 2)]
            self.roles[role] = RoleState(
                key={key: [holds(key), "AWSCURRENT"]},
                reserve={spare: [str(Spare(NOW, print_of(spare)))] for spare in spares},
            )
            for name in (key, *spares):
                self.make(name, CUSTODIAN_SCOPES if role == "custodian" else SCOPES)
        self.roles["viewer"].key["old"] = [holds("old"), retired("old"), "AWSPREVIOUS"]
        self.make("old")

    def make(self, name: str, scopes: tuple[str, ...] = SCOPES, *, label: str | None = None) -> dict[str, Any]:
        """Make a key in Klaviyo."""
        made = {"id": f"id-{name}", "name": label or name, "status": "active", "scopes": scopes, "key": key_value(name)}
        self.entries.append(made)
        return made

    def entry(self, name: str) -> dict[str, Any]:
        """Klaviyo's entry of a key."""
        return next(entry for entry in self.entries if entry["key"] == key_value(name))

    def audit(self, *roles: str) -> Record:
        """One round of the auditor."""
        settings = self.settings()
        chosen = [role for role in settings.roles if not roles or role.name in roles]
        return Round(
            settings=settings,
            sight=Sight(self),
            rotators=Rotators(client=self, sleep=self._sleep, time_left=lambda: self.seconds),
            trail=Trail(self),
            send=self._klaviyo,
            sleep=self._sleep,
            time_left=lambda: self.seconds,
            clock=lambda: self.today,
        ).go(chosen)

    def kinds(self, *roles: str) -> list[str]:
        """What one round finds, as ``kind role``."""
        return [f"{finding.kind.value} {finding.role}".strip() for finding in self.audit(*roles).findings]

    def settings(self) -> AuditorSettings:
        roles = tuple(
            AuditedRole(
                name=name,
                key=f"klaviyo/prod/{name}/key",
                reserve=f"klaviyo/prod/{name}/reserve",
                rotator=name,
                scopes=frozenset((self.custodian_scopes or ()) if name == "custodian" else SCOPES),
                is_custodian=name == "custodian",
            )
            for name in self.roles
        )
        return AuditorSettings(environment="prod", klaviyo_url=URL, longest_age=timedelta(days=99), roles=roles)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.waits()

    # Secrets Manager

    def describe_secret(self, **parameters: Any) -> Mapping[str, Any]:
        role, secret = self._named(parameters["SecretId"])
        state = self.roles[role]
        if role in self.unseen:
            raise error("ThrottlingException")
        described: dict[str, Any] = {
            "ARN": f"arn:{role}",
            "VersionIdsToStages": {name: list(labels) for name, labels in getattr(state, secret).items()},
            "RotationEnabled": state.rotates,
        }
        if secret == "key" and state.replicas:
            replicas = [{"Region": region, "Status": status} for region, status in state.replicas.items()]
            described |= {"ReplicationStatus": replicas, "LastChangedDate": state.changed}
        dates = {"LastRotatedDate": state.rotated, "NextRotationDate": state.due}
        return described | {name: date for name, date in dates.items() if date}

    def list_secret_version_ids(self, **parameters: Any) -> Mapping[str, Any]:
        role, _ = self._named(parameters["SecretId"])
        return {
            "Versions": [{"VersionId": name, "CreatedDate": self.roles[role].born} for name in self.roles[role].key]
        }

    def get_secret_value(self, **parameters: Any) -> Mapping[str, Any]:
        role, _ = self._named(parameters["SecretId"])
        assert role == "custodian", "the auditor reads the custodian's key alone"
        if self.unread:
            raise error("ResourceNotFoundException")
        return {"SecretString": json.dumps({"apiKey": key_value("custodian-key")})}

    def rotate_secret(self, **parameters: Any) -> Mapping[str, Any]:
        self.rotations.append(self._named(parameters["SecretId"])[0])
        return {}

    def lookup_events(self, **parameters: Any) -> Mapping[str, Any]:
        wanted = parameters["LookupAttributes"][0]["AttributeValue"]
        events = [
            {
                "EventTime": time,
                "CloudTrailEvent": json.dumps({"additionalEventData": {"SecretId": f"arn:{role}"}}),
            }
            for role, time in self.failures.items()
            if wanted == "RotationFailed" and time >= parameters["StartTime"]
        ]
        start = int(parameters.get("NextToken", 0))
        end = start + self.events_per_page
        return {"Events": events[start:end]} | ({"NextToken": str(end)} if end < len(events) else {})

    def _named(self, secret_id: str) -> tuple[str, str]:
        role, secret = secret_id.split("/")[2:]
        return role, secret

    # Rotators

    def invoke(self, **parameters: Any) -> Mapping[str, Any]:
        event, role = json.loads(parameters["Payload"]), parameters["FunctionName"]
        self.seconds -= self.seconds_of_a_call
        self.asked.append((role, event["action"]))
        if scripted := self.answers.get((role, event["action"])):
            answer = scripted.pop(0) if len(scripted) > 1 else scripted[0]
            if isinstance(answer, Exception):
                raise answer
            return answer if "Payload" in answer else payload({"action": event["action"], **answer})
        answer = getattr(self, "_" + event["action"].replace("-", "_"))(self.roles[role], event)
        return payload({"action": event["action"], **answer})

    def _canary(self, state: RoleState, _: Mapping[str, str]) -> dict[str, object]:
        current = next(name for name, labels in state.key.items() if "AWSCURRENT" in labels)
        return {"outcome": "fine", "fingerprint": print_of(current), "ends_with": key_value(current)[-4:]}

    def _begin_disable(self, state: RoleState, event: Mapping[str, str]) -> dict[str, object]:
        name, labels = event["version"], getattr(state, event["secret"])[event["version"]]
        version = SecretLabels.of({name: labels}).versions[0]
        if version.in_use:
            return {"outcome": "in use", "fingerprint": print_of(name)}
        if name in self.waiting:
            return {"outcome": "too early", "fingerprint": print_of(name), "until": "2026-11-23T12:00:00+00:00"}
        if event["secret"] == "key" and str(Disabling(print_of(name))) not in labels:
            labels[:] = [label for label in labels if not label.startswith("RETIRED")] + [
                str(Disabling(print_of(name)))
            ]
        return {"outcome": "disabling", "fingerprint": print_of(name), "ends_with": key_value(name)[-4:]}

    def _prove_dead(self, state: RoleState, event: Mapping[str, str]) -> dict[str, object]:
        name = event["version"]
        if any(entry["key"] == key_value(name) and entry["status"] == "active" for entry in self.entries):
            return {"outcome": "alive", "fingerprint": print_of(name)}
        del getattr(state, event["secret"])[name]
        return {"outcome": "dead", "fingerprint": print_of(name)}

    def _unstick(self, state: RoleState, _: Mapping[str, str]) -> dict[str, object]:
        for labels in state.key.values():
            if "AWSPENDING" in labels:
                labels.remove("AWSPENDING")
        return {"outcome": "unstuck"}

    # Klaviyo

    def _klaviyo(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        self.urls.append(url)
        assert timeout > 0
        assert headers["Authorization"] == f"Klaviyo-API-Key {key_value('custodian-key')}"
        if status := self.status.pop(0) if self.status else 0:
            return status, {"Retry-After": "7"}, b""
        if method == "GET":
            return 200, {}, json.dumps(self._page(urlsplit(url).query)).encode()
        asked = json.loads(body or b"")["data"]
        assert url == f"{URL}/api/api-keys/{asked['id']}"
        (changed,) = [entry for entry in self.entries if entry["id"] == asked["id"]]
        changed.update(asked["attributes"])
        self.patched.append((changed["name"], asked["attributes"].get("status")))
        self.during()
        return 200, {}, json.dumps({"data": asked}).encode()

    def _page(self, query: str) -> dict[str, Any]:
        asked = parse_qs(query)
        assert asked["additional-fields[api-key]"] == ["redacted_key"]
        start = int(asked.get("page[cursor]", ["0"])[0])
        shown = [
            {
                "type": "api-key",
                "id": entry["id"],
                "attributes": {
                    "name": entry["name"],
                    "status": entry["status"],
                    "scopes": entry["scopes"],
                    "redacted_key": f"pk_****{entry['key'][-4:]}",
                },
            }
            for entry in self.entries[start : start + self.page_size]
        ]
        end = start + self.page_size
        following = f"https://elsewhere.test/?page%5Bcursor%5D={end}" if end < len(self.entries) else None
        return {"data": shown, "links": {"next": following}}


def payload(document: object, *, failed: bool = False) -> dict[str, Any]:
    """What Lambda answers an invocation with."""
    answer = {"Payload": io.BytesIO(json.dumps(document).encode())}
    return answer | ({"FunctionError": "Unhandled"} if failed else {})
