"""Scope probes: what is asked of Klaviyo, and what each answer means for the key."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import BadStatusLine
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from typing import Any

import pytest
from openapi_client.models.account_response_object_resource_attributes import AccountResponseObjectResourceAttributes
from openapi_client.models.event_response_object_resource_attributes import EventResponseObjectResourceAttributes
from openapi_client.models.profile_response_object_resource_attributes import ProfileResponseObjectResourceAttributes
from openapi_client.models.review_response_dto_object_resource_attributes import (
    ReviewResponseDTOObjectResourceAttributes,
)

from klaviyo_access.access_model.catalog import GA_SCOPES
from klaviyo_access.keys.labels import Rejected, parse_label
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.probe_table import MALFORMED, READ_PROBES, WRITE_PROBES
from klaviyo_access.klaviyo.probes import Evidence, KeyRefusedError, NoAnswerError, Prober, WriteAcceptedError
from klaviyo_access.klaviyo.transport import send
from sandbox.klaviyo.forms import form_of
from sandbox.klaviyo.problems import Problem

KEY = Key("pk_" + "ab" * 17)
OPERATIONS: list[dict[str, Any]] = json.loads(files("klaviyo_access.klaviyo").joinpath("operations.json").read_text())
Reply = tuple[int, dict[str, str], bytes]


def error(status: int, code: str, detail: str) -> Reply:
    body = {"errors": [{"id": "1", "status": status, "code": code, "title": "t", "detail": detail}]}
    return status, {"Content-Type": "application/vnd.api+json"}, json.dumps(body).encode()


def missing(scope: str) -> Reply:
    return error(403, "permission_denied", f"Your API key is missing required scopes: {scope}")


ACCOUNT: Reply = (200, {}, json.dumps({"data": [{"type": "account", "id": "XyZ123"}]}).encode())
OK: Reply = (200, {}, b'{"data": []}')
INVALID = error(400, "invalid", "'type' is a required field for the resource.")
REFUSED = error(401, "authentication_failed", "Incorrect authentication credentials.")
CHALLENGE: Reply = (403, {"CF-Mitigated": "challenge", "Content-Type": "text/html"}, b"<html>Just a moment...</html>")


@dataclass
class ScriptedKlaviyo:
    """Answers by path, each path's replies in turn, the last one for good; keeps what it was sent."""

    replies: Mapping[str, list[Reply]] = field(default_factory=dict)
    seen: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    bodies: list[bytes | None] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    seconds: float = 100.0

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None
    ) -> Reply:
        self.seen.append((f"{method} {url}", headers))
        self.bodies.append(body)
        self.timeouts.append(timeout)
        path = url.removeprefix("https://klaviyo.test").partition("?")[0]
        usual = INVALID if method != "GET" else ACCOUNT if path == "/api/accounts" else OK
        replies = self.replies.get(path, [usual])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds -= seconds

    def prober(self) -> Prober:
        return Prober(
            url="https://klaviyo.test",
            revision="2026-10-15",
            transport=self,
            sleep=self.sleep,
            time_left=lambda: self.seconds,
        )


PROBES = {**READ_PROBES, **WRITE_PROBES}


@pytest.mark.parametrize("scope", sorted(PROBES))
def test_each_probe_is_an_operation_that_needs_exactly_its_scope(scope: str) -> None:
    probe = PROBES[scope]
    operation = next(o for o in OPERATIONS if (o["method"], o["path"]) == (probe.method, probe.path))

    assert operation["scopes"] == [scope]
    assert operation["steady"] == f"{probe.per_minute}/m"


def test_only_these_read_scopes_have_no_exact_probe() -> None:
    readable = {scope for scope in GA_SCOPES if scope.endswith(":read")}

    assert readable - READ_PROBES.keys() == {"conversations:read", "push-tokens:read"}
    assert READ_PROBES.keys() <= readable
    assert {probe.method for probe in READ_PROBES.values()} == {"GET"}


def test_only_these_write_scopes_have_no_exact_probe() -> None:
    writable = {scope for scope in GA_SCOPES if scope.endswith(":write")}

    assert writable - WRITE_PROBES.keys() == {"push-tokens:write", "tags:write"}
    assert WRITE_PROBES.keys() <= writable
    for scope in writable - WRITE_PROBES.keys():
        assert [o for o in OPERATIONS if o["scopes"] == [scope] and o["method"] in {"POST", "PATCH"}] == []


@pytest.mark.parametrize("scope", sorted(WRITE_PROBES))
def test_a_write_probe_changes_something_that_exists_only_where_nothing_can_be_created(scope: str) -> None:
    exact = {o["method"] for o in OPERATIONS if o["scopes"] == [scope]}

    assert WRITE_PROBES[scope].method == ("POST" if "POST" in exact else "PATCH")


@pytest.mark.parametrize("scope", sorted(WRITE_PROBES))
def test_the_sdk_knows_the_body_of_a_write_probe_as_malformed(scope: str) -> None:
    probe = WRITE_PROBES[scope]
    operation = next(o for o in OPERATIONS if (o["method"], o["path"]) == (probe.method, probe.path))

    with pytest.raises(Problem) as refused:
        form_of(operation["operationId"]).read(MALFORMED)

    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("scope", "parameter", "attributes"),
    [
        ("accounts:read", "fields[account]", AccountResponseObjectResourceAttributes),
        ("events:read", "fields[event]", EventResponseObjectResourceAttributes),
        ("profiles:read", "fields[profile]", ProfileResponseObjectResourceAttributes),
        ("reviews:read", "fields[review]", ReviewResponseDTOObjectResourceAttributes),
    ],
)
def test_probes_of_personal_data_ask_for_one_harmless_field_that_klaviyo_knows(
    scope: str, parameter: str, attributes: Any
) -> None:
    asked = READ_PROBES[scope].query[parameter]

    assert asked in {"timezone", "timestamp", "created"}
    assert asked in attributes.model_fields


def test_a_good_key_is_proved_scope_by_scope_with_one_call_each() -> None:
    klaviyo = ScriptedKlaviyo()

    proof = klaviyo.prober().prove(KEY, ["profiles:write", "lists:read", "accounts:read"], account_id="XyZ123")

    assert dict(proof.evidence) == {
        "accounts:read": Evidence.PROBE,
        "lists:read": Evidence.PROBE,
        "profiles:write": Evidence.UNPROVED,
    }
    assert proof.unproved == ("profiles:write",)
    assert [url for url, _ in klaviyo.seen] == [
        "GET https://klaviyo.test/api/accounts?fields%5Baccount%5D=timezone",
        "GET https://klaviyo.test/api/lists?page%5Bsize%5D=1",
    ]
    assert {headers["Authorization"] for _, headers in klaviyo.seen} == {f"Klaviyo-API-Key {KEY.reveal()}"}
    assert {headers["revision"] for _, headers in klaviyo.seen} == {"2026-10-15"}


def test_write_scopes_are_asked_for_by_a_malformed_write_where_that_is_allowed() -> None:
    klaviyo = ScriptedKlaviyo()
    scopes = ["reviews:write", "profiles:write", "tags:write", "lists:read"]

    proof = klaviyo.prober().prove(KEY, scopes, account_id="", writes=True)

    assert dict(proof.evidence) == {
        "lists:read": Evidence.PROBE,
        "profiles:write": Evidence.PROBE,
        "reviews:write": Evidence.PROBE,
        "tags:write": Evidence.UNPROVED,
    }
    assert [url for url, _ in klaviyo.seen] == [
        "GET https://klaviyo.test/api/lists?page%5Bsize%5D=1",
        "POST https://klaviyo.test/api/profiles",
        "PATCH https://klaviyo.test/api/reviews/0",
    ]
    assert klaviyo.bodies == [None, b'{"data":{}}', b'{"data":{}}']
    assert [headers.get("Content-Type") for _, headers in klaviyo.seen] == [None, *["application/vnd.api+json"] * 2]


def test_no_write_is_sent_with_a_key_that_lacks_a_read_scope() -> None:
    klaviyo = ScriptedKlaviyo({"/api/lists": [missing("lists:read")]})

    with pytest.raises(KeyRefusedError):
        klaviyo.prober().prove(KEY, ["events:write", "lists:read"], account_id="", writes=True)

    assert klaviyo.bodies == [None]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_malformed_write_that_klaviyo_takes_ends_the_probing(status: int) -> None:
    klaviyo = ScriptedKlaviyo({"/api/events": [(status, {}, b"")]})

    with pytest.raises(WriteAcceptedError, match=f"POST /api/events with {status}"):
        klaviyo.prober().prove(KEY, ["events:write", "lists:write"], account_id="", writes=True)

    assert len(klaviyo.seen) == 1


WRITE_ANSWERS: list[tuple[str, list[Reply], str]] = [
    ("400 of Klaviyo's", [INVALID], "proved"),
    ("429, then 400", [(429, {"Retry-After": "3"}, b""), INVALID], "proved"),
    ("403 for the scope", [missing("profiles:write")], "missing:profiles:write"),
    ("403 for the plan", [error(403, "permission_denied", "Not part of your plan.")], "unproved"),
    ("404 of an id that nobody has", [error(404, "not_found", "No such profile.")], "unproved"),
    ("401", [REFUSED], "refused"),
    ("403 for another scope", [missing("profiles:read")], "no answer"),
    ("a proxy's 400", [(400, {}, b"<html>Bad request</html>")], "no answer"),
    ("a proxy's 403", [(403, {}, b"<html>Forbidden</html>")], "no answer"),
    ("Cloudflare's challenge", [CHALLENGE], "no answer"),
    ("405", [error(405, "method_not_allowed", "No.")], "no answer"),
    ("409", [error(409, "conflict", "It exists.")], "no answer"),
    ("a redirect", [(307, {"Location": "https://elsewhere.test/"}, b"")], "no answer"),
    ("500", [error(500, "error", "A server error occurred.")], "no answer"),
    ("nothing left of the quota", [(429, {"Retry-After": "3600"}, b"")], "no answer"),
]


@pytest.mark.parametrize(
    ("replies", "outcome"), [case[1:] for case in WRITE_ANSWERS], ids=[case[0] for case in WRITE_ANSWERS]
)
def test_each_answer_to_a_malformed_write_means_this(replies: list[Reply], outcome: str) -> None:
    prober = ScriptedKlaviyo({"/api/profiles": list(replies)}).prober()

    try:
        proof = prober.prove(KEY, ["profiles:write"], account_id="", writes=True)
        found = "unproved" if proof.unproved else "proved"
    except KeyRefusedError as refused:
        found = refused.reason
    except NoAnswerError:
        found = "no answer"

    assert found == outcome


REFUSALS: list[tuple[str, dict[str, list[Reply]], str]] = [
    ("401", {"/api/accounts": [REFUSED]}, "refused"),
    ("401 later", {"/api/tags": [REFUSED]}, "refused"),
    ("a scope is missing", {"/api/lists": [missing("lists:read")]}, "missing:lists:read"),
    (
        "all missing scopes are named",
        {"/api/lists": [missing("lists:read")], "/api/tags": [missing("tags:read")]},
        "missing:lists:read,tags:read",
    ),
    ("another account", {"/api/accounts": [(200, {}, b'{"data": [{"id": "Other1"}]}')]}, "other-account"),
]


@pytest.mark.parametrize(("replies", "reason"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_a_definite_refusal_rejects_the_key(replies: dict[str, list[Reply]], reason: str) -> None:
    klaviyo = ScriptedKlaviyo(replies)

    with pytest.raises(KeyRefusedError) as refused:
        klaviyo.prober().prove(KEY, ["accounts:read", "lists:read", "tags:read"], account_id="XyZ123")

    assert refused.value.reason == reason


def test_a_key_that_lacks_everything_still_fits_its_reason_into_a_label() -> None:
    klaviyo = ScriptedKlaviyo({probe.path: [missing(scope)] for scope, probe in READ_PROBES.items()})

    with pytest.raises(KeyRefusedError) as refused:
        klaviyo.prober().prove(KEY, READ_PROBES, account_id="")

    label = f"REJECTED:20261122T120000Z:{KEY.fingerprint}:{refused.value.reason}"
    assert len(label) <= 256
    assert isinstance(parse_label(label), Rejected)
    assert label.endswith(",more")


NO_ANSWERS: list[tuple[str, Reply]] = [
    ("500", error(500, "error", "A server error occurred.")),
    ("503 without a body", (503, {}, b"")),
    ("Cloudflare's challenge", CHALLENGE),
    ("a proxy's 403", (403, {}, b"<html>Forbidden</html>")),
    ("a proxy's 401", (401, {}, b"<html>Login</html>")),
    ("a 401 as to nobody", error(401, "not_authenticated", "Authentication credentials were not provided.")),
    ("a 401 of an outage", error(401, "internal_error", "Authentication is not available.")),
    ("a 401 without a code", (401, {}, b'{"errors": [{"detail": "Unauthorized"}]}')),
    ("403 for a scope that was not asked for", missing("events:write")),
    ("400", error(400, "invalid", "Invalid input.")),
    ("404", error(404, "not_found", "Not found.")),
    ("a redirect", (302, {"Location": "https://elsewhere.test/"}, b"")),
    ("nothing left of the quota", (429, {"Retry-After": "3600"}, b"")),
]


@pytest.mark.parametrize("reply", [case[1] for case in NO_ANSWERS], ids=[case[0] for case in NO_ANSWERS])
def test_anything_else_is_no_answer_and_rejects_nothing(reply: Reply) -> None:
    klaviyo = ScriptedKlaviyo({"/api/lists": [reply]})

    with pytest.raises(NoAnswerError):
        klaviyo.prober().prove(KEY, ["lists:read"], account_id="")
    with pytest.raises(NoAnswerError):
        klaviyo.prober().confirm(KEY, ["lists:read"])


@pytest.mark.parametrize(
    "failure", [TimeoutError("slow"), ConnectionResetError("gone"), OSError("no route"), BadStatusLine("x")]
)
def test_a_connection_that_fails_is_no_answer(failure: Exception) -> None:
    def broken(method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None) -> Reply:
        raise failure

    prober = Prober(url="https://k.test", revision="r", transport=broken, sleep=lambda _: None, time_left=lambda: 9.0)

    with pytest.raises(NoAnswerError) as no_answer:
        prober.confirm(KEY, ["lists:read"])
    with pytest.raises(NoAnswerError, match="POST /api/lists"):
        prober.prove(KEY, ["lists:write"], account_id="", writes=True)

    assert type(failure).__name__ in str(no_answer.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"data": [{}]}', b'{"data": []}', b"<html>", b"[" * 100_000],
    ids=lambda body: repr(body[:14]),
)
def test_an_account_that_cannot_be_read_is_no_answer(body: bytes) -> None:
    klaviyo = ScriptedKlaviyo({"/api/accounts": [(200, {}, body)]})

    with pytest.raises(NoAnswerError):
        klaviyo.prober().prove(KEY, ["accounts:read"], account_id="XyZ123")


def test_a_key_whose_account_stays_unknown_is_not_proved() -> None:
    klaviyo = ScriptedKlaviyo({"/api/accounts": [error(403, "permission_denied", "Accounts are closed.")]})

    with pytest.raises(NoAnswerError, match="account"):
        klaviyo.prober().prove(KEY, ["accounts:read"], account_id="XyZ123")


def test_a_feature_that_the_account_has_not_leaves_the_scope_unproved() -> None:
    klaviyo = ScriptedKlaviyo({"/api/webhooks": [error(403, "permission_denied", "Advanced KDP is required.")]})

    proof = klaviyo.prober().prove(KEY, ["webhooks:read"], account_id="")

    assert proof.unproved == ("webhooks:read",)


def test_a_used_up_quota_is_waited_for_as_long_as_klaviyo_says() -> None:
    klaviyo = ScriptedKlaviyo({"/api/tags": [(429, {"Retry-After": "7"}, b""), (429, {}, b""), OK]})

    klaviyo.prober().prove(KEY, ["tags:read"], account_id="")

    assert klaviyo.slept == [7, 1]


def test_no_call_is_made_once_the_time_is_up() -> None:
    klaviyo = ScriptedKlaviyo(seconds=0.0)

    with pytest.raises(NoAnswerError):
        klaviyo.prober().prove(KEY, ["tags:read"], account_id="")

    assert klaviyo.seen == []


@pytest.mark.parametrize(("seconds", "timeout"), [(100.0, 10.0), (4.0, 4.0)])
def test_no_call_waits_longer_than_the_time_that_is_left(seconds: float, timeout: float) -> None:
    klaviyo = ScriptedKlaviyo(seconds=seconds)

    klaviyo.prober().confirm(KEY, ["tags:read"])

    assert klaviyo.timeouts == [timeout]


@pytest.mark.parametrize(
    ("scopes", "path"),
    [
        (["accounts:read", "lists:read", "tags:read"], "/api/lists"),
        (["accounts:read", "events:read", "lists:read"], "/api/events"),
        (["accounts:read", "profiles:write"], "/api/accounts"),
    ],
)
def test_confirming_a_key_costs_one_call_where_the_quota_is_widest(scopes: list[str], path: str) -> None:
    klaviyo = ScriptedKlaviyo()

    klaviyo.prober().confirm(KEY, scopes)

    assert [url.partition("?")[0] for url, _ in klaviyo.seen] == [f"GET https://klaviyo.test{path}"]


@pytest.mark.parametrize("reply", [REFUSED, missing("lists:read")])
def test_confirming_a_key_that_klaviyo_refuses_says_so(reply: Reply) -> None:
    klaviyo = ScriptedKlaviyo({"/api/lists": [reply]})

    with pytest.raises(KeyRefusedError):
        klaviyo.prober().confirm(KEY, ["lists:read"])


def test_no_error_shows_the_key() -> None:
    for replies in ({"/api/lists": [REFUSED]}, {"/api/lists": [error(500, "error", KEY.reveal())]}):
        with pytest.raises((KeyRefusedError, NoAnswerError)) as raised:
            ScriptedKlaviyo(replies).prober().confirm(KEY, ["lists:read"])
        assert KEY.reveal() not in str(raised.value)


class _Redirecting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/api/x?a=1" else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("X-Got", self.headers["revision"])
        self.end_headers()
        self.wfile.write(b"body")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Redirecting) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_the_real_transport_hands_back_status_headers_and_body_and_follows_no_redirect(server: str) -> None:
    status, headers, body = send("GET", f"{server}/api/x?a=1", {"revision": "r1"}, 5.0)

    assert (status, headers["X-Got"], body) == (302, "r1", b"body")


def test_the_real_transport_raises_an_os_error_where_nobody_listens(server: str) -> None:
    with pytest.raises(OSError, match="refused"):
        send("GET", "http://127.0.0.1:1/", {}, 5.0)
