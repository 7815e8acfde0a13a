"""What the auditor holds to at its edges: broken answers, time and tries that are kept back, keys that nearly fit."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ReadTimeoutError, ResponseStreamingError

from klaviyo_access.keys.labels import Retired
from klaviyo_access.keys.secret import Key
from rotation.auditor import entry as auditor
from rotation.auditor.checks import shared
from rotation.auditor.findings import Kind
from rotation.auditor.inventory import Entry, Inventory, InventoryError, find
from rotation.auditor.rotators import FunctionsClient
from rotation.auditor.round import SECONDS_TO_ENABLE, Round
from rotation.auditor.settings import AuditorSettings
from rotation.auditor.sight import Sight
from rotation.auditor.trail import Trail
from rotation.errors import RotatorFailedError
from rotation.runtime.entry import secrets_manager
from tests.rotation.auditor_world import NOW, SCOPES, URL, AuditWorld, holds, print_of, rejected, retired
from tests.rotation.rotation_world import key_value

CUSTODIAN = "custodian-key"


@dataclass(frozen=True)
class BrokenBody:
    """An answer whose body breaks off while it is read."""

    error: Exception

    def read(self) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    "broken",
    [ReadTimeoutError(endpoint_url="https://lambda.test"), ResponseStreamingError(error="cut off")],
    ids=lambda error: type(error).__name__,
)
def test_an_answer_that_breaks_off_ends_no_other_roles_turn(broken: Exception) -> None:
    world = AuditWorld(answers={("reporting", "canary"): [{"Payload": BrokenBody(broken)}]})
    record = world.audit()
    assert [f"{finding.kind.value} {finding.role}" for finding in record.findings] == ["rotator-failed reporting"]
    assert f"with {type(broken).__name__}" in record.findings[0].message
    assert record.counts["dead"] == 1


def custodian_holds(world: AuditWorld, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "get_secret_value", lambda **_: {"SecretString": text})


def test_the_custodians_key_serves_also_before_its_bare_value_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    world = AuditWorld()
    custodian_holds(world, key_value(CUSTODIAN), monkeypatch)
    record = world.audit()
    assert (record.findings, record.counts["disabled"]) == ([], 1)


@pytest.mark.parametrize("names", [(), ("one", "two")], ids=["none", "two"])
def test_a_custodian_whose_value_holds_no_single_key_is_told_of(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = AuditWorld()
    custodian_holds(world, json.dumps([key_value(name) for name in names]), monkeypatch)
    record = world.audit()
    assert [finding.kind for finding in record.findings] == [Kind.NO_INVENTORY, Kind.BY_HAND]
    message = record.findings[0].message
    assert "klaviyo/prod/custodian/key holds no Klaviyo key, or several" in message
    assert not [name for name in names if key_value(name) in message]


def test_a_refused_key_waits_while_its_grace_runs_in_another_role() -> None:
    world = AuditWorld()
    world.roles["viewer"].key["old"] = [holds("old"), rejected("old")]
    world.roles["reporting"].key["old"] = [holds("old"), retired("old")]
    record = world.audit("viewer")
    assert (world.entry("old")["status"], record.counts["waiting"]) == ("active", 1)


def test_a_role_that_rotated_before_it_failed_has_failed() -> None:
    world = AuditWorld(waiting={"old"}, failures={"viewer": NOW - timedelta(hours=3)})
    world.roles["viewer"].rotated = NOW - timedelta(days=30)
    assert world.kinds("viewer") == ["failed viewer"]


@dataclass(frozen=True)
class Recorded:
    """CloudTrail with events of some names."""

    events: Mapping[str, datetime]

    def lookup_events(self, **parameters: Any) -> Mapping[str, Any]:
        name = parameters["LookupAttributes"][0]["AttributeValue"]
        told = json.dumps({"additionalEventData": {"SecretId": "arn:viewer"}})
        return {"Events": [{"EventTime": self.events[name], "CloudTrailEvent": told}] if name in self.events else []}


@pytest.mark.parametrize("last", ["RotationFailed", "RotationAbandoned"])
def test_the_last_of_failed_and_abandoned_rotations_counts(last: str) -> None:
    events = dict.fromkeys(("RotationFailed", "RotationAbandoned"), NOW - timedelta(hours=9)) | {last: NOW}
    assert Trail(Recorded(events)).failures(NOW - timedelta(days=2)) == {"arn:viewer": NOW}
    assert Trail(Recorded({last: NOW})).failures(NOW - timedelta(days=2)) == {"arn:viewer": NOW}


def test_a_key_in_use_is_marked_only_where_it_fits_its_role_to_the_scope() -> None:
    world = AuditWorld(waiting={"old"})
    world.entry("reporting-key").update(scopes=(*SCOPES, "lists:write"))
    assert world.kinds("reporting") == ["scopes-excess reporting"]
    assert world.patched == []


@pytest.mark.parametrize(
    ("scopes", "fits"),
    [(SCOPES, True), ((*SCOPES, "lists:read"), False), (SCOPES[:1], False)],
    ids=["its own", "one more", "one less"],
)
def test_a_key_without_a_mark_fits_with_exactly_its_roles_scopes(scopes: tuple[str, ...], fits: bool) -> None:
    entry = Entry(id="1", name="x", is_active=True, scopes=frozenset(scopes), ends_with="abcd")
    found = find([entry], fingerprint="0" * 12, ends_with="abcd", scopes=frozenset(SCOPES))
    assert found == (entry if fits else None)


@dataclass
class Requests:
    """Klaviyo, which does whatever it is asked for."""

    sent: list[str] = field(default_factory=list)

    def send(self, method: str, *_: object) -> tuple[int, Mapping[str, str], bytes]:
        self.sent.append(method)
        return 200, {}, b"{}"


@pytest.mark.parametrize(("status", "sent"), [("active", ["PATCH"]), ("disabled", []), (None, [])])
def test_of_the_seconds_kept_back_only_enabling_takes_any(
    status: Literal["active", "disabled"] | None, sent: list[str]
) -> None:
    klaviyo = Requests()
    inventory = Inventory(
        url=URL,
        key=Key(key_value(CUSTODIAN)),
        transport=klaviyo.send,
        sleep=lambda _: None,
        time_left=lambda: 0.0,
        reserve=SECONDS_TO_ENABLE,
    )
    entry = Entry(id="1", name="x", is_active=True, scopes=frozenset(SCOPES), ends_with="abcd")
    refused = []
    try:
        inventory.change(entry, name="y", status=status)
    except InventoryError as error:
        refused.append(str(error))
    assert (klaviyo.sent, refused) == (sent, [] if sent else ["The time of this run is over."])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A function's environment, and clients made for this test alone."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    clients = (auditor._functions, auditor._trail, secrets_manager)
    for made in clients:
        made.cache_clear()
    yield
    for made in clients:
        made.cache_clear()


@pytest.mark.usefixtures("aws")
def test_time_to_enable_a_key_and_to_report_is_kept_back(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[Round] = []

    def look_after(self: Round, _: object) -> Any:
        rounds.append(self)
        return self.record

    monkeypatch.setattr(Round, "go", look_after)
    monkeypatch.setattr(AuditorSettings, "of", lambda *_: AuditWorld().settings())
    auditor.handler({"action": "audit"}, SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000))
    (made,) = rounds
    assert (made.time_left(), made.rotators.time_left()) == (900 - 20 - SECONDS_TO_ENABLE,) * 2


@pytest.mark.usefixtures("aws")
def test_what_was_found_until_an_audit_broke_off_is_counted_and_the_audit_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_off(self: Round, _: object) -> Any:
        self.record.find(Kind.REFUSED, "viewer", "refused")
        raise KeyError

    monkeypatch.setattr(Round, "go", break_off)
    monkeypatch.setattr(AuditorSettings, "of", lambda *_: AuditWorld().settings())
    with pytest.raises(RotatorFailedError):
        auditor.handler({"action": "audit"}, SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000))
    (metrics,) = [line for text in capsys.readouterr().out.splitlines() if "_aws" in (line := json.loads(text))]
    assert (metrics["UrgentFindings"], "Audits" in metrics) == (1, False)


@pytest.mark.usefixtures("aws")
def test_a_rotator_is_asked_once_though_lambda_gives_no_answer() -> None:
    client: Any = auditor._functions()
    sent: list[str] = []

    def unavailable(request: Any, **_: object) -> AWSResponse:
        sent.append(request.method)
        return AWSResponse(request.url, 503, HTTPHeaders(), SimpleNamespace(stream=lambda: iter((b"{}",))))

    client.meta.events.register("before-send.lambda.Invoke", unavailable)
    invoker: FunctionsClient = client
    with pytest.raises(ClientError):
        invoker.invoke(FunctionName="viewer", Payload=b"{}")
    assert sent == ["POST"]


def test_a_finished_rotation_whose_pending_label_stayed_is_none_to_clear_away() -> None:
    world = AuditWorld(waiting={"old"})
    world.roles["viewer"].key["viewer-key"].append("AWSPENDING")
    assert world.kinds("viewer") == []
    assert ("viewer", "unstick") not in world.asked


def test_a_key_is_shared_though_a_label_of_its_life_alone_names_it() -> None:
    world = AuditWorld()
    world.roles["reporting"].key["old"] = [str(Retired(NOW, print_of("old")))]
    world.roles["viewer"].key["old"] = [holds("old")]
    sight = Sight(world)
    seen = [sight.look(role) for role in world.settings().roles]
    assert shared(seen) == {print_of("old"): ["viewer", "reporting"]}
    assert shared(replace(one, key=one.reserve) for one in seen) == {}
