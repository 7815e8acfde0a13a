"""The fake Klaviyo admits and refuses as Klaviyo does: keys, scopes, limits, revision, for every operation."""

import json
import re
from typing import Any

import pytest

from klaviyo_access.klaviyo.answers import Meaning, read_answer
from klaviyo_access.klaviyo.operations import Operation, operations
from tests.sandbox.fake_klaviyo import REVISION, TOKEN, Fake, error_of

KEYED = [operation for operation in operations() if operation.scopes]
ALL_SCOPES = sorted({scope for operation in KEYED for scope in operation.scopes})


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture(scope="module")
def shared() -> Fake:
    return Fake()


def path_of(operation: Operation) -> str:
    return re.sub(r"\{\w+\}", "some-id", operation.path)


@pytest.mark.parametrize("operation", KEYED, ids=lambda operation: operation.name)
def test_each_operation_is_refused_without_its_scopes_and_admitted_with_them(
    shared: Fake, operation: Operation
) -> None:
    shared.now += 60
    body: Any = None if operation.method in {"GET", "DELETE"} else {"data": {}}
    for missing in operation.scopes:
        others = [scope for scope in ALL_SCOPES if scope != missing]
        shared.now += 1
        refused = shared.call(operation.method, path_of(operation), shared.key(*others), body=body)
        assert refused.status_code == 403
        assert error_of(refused)["code"] == "permission_denied"
        assert error_of(refused)["detail"] == f"Your API key is missing required scopes: {missing}"

    shared.now += 60
    admitted = shared.call(operation.method, path_of(operation), shared.key(*operation.scopes), body=body)
    if operation.name == "upload_image_from_file":
        assert admitted.status_code == 501
    elif body is not None:
        assert admitted.status_code == 400
    else:
        assert admitted.status_code in {200, 400, 404}


def test_every_missing_scope_is_named(fake: Fake) -> None:
    refused = fake.call("POST", "/api/profile-subscription-bulk-create-jobs", fake.key(), body={"data": {}})
    needed = read_answer(refused.status_code, refused.headers, refused.content).missing_scopes
    assert len(needed) > 1
    assert set(needed) == set(next(o.scopes for o in operations() if o.name == "bulk_subscribe_profiles"))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authenticated"),
        ({"Authorization": "Klaviyo-API-Key pk_" + "0" * 34}, "authentication_failed"),
        ({"Authorization": "Klaviyo-API-Key "}, "authentication_failed"),
        ({"Authorization": "Basic abc"}, "authentication_failed"),
    ],
)
def test_a_request_without_a_good_key_is_401(fake: Fake, headers: dict[str, str], code: str) -> None:
    refused = fake.send("GET", "/api/lists", headers={**headers, **REVISION})
    assert refused.status_code == 401
    assert error_of(refused)["code"] == code
    expected = Meaning.KEY_REFUSED if headers else Meaning.NO_KEY
    assert read_answer(401, refused.headers, refused.content).meaning is expected


def test_a_private_key_sent_as_bearer_is_401(fake: Fake) -> None:
    key = fake.key("lists:read")
    assert fake.send("GET", "/api/lists", headers={"Authorization": f"Bearer {key}", **REVISION}).status_code == 401


def test_a_disabled_key_is_refused_at_once_and_works_again_when_enabled(fake: Fake) -> None:
    made = fake.control("POST", "/sandbox/keys", {"name": "n", "scopes": ["lists:read"]}).json()
    statuses = [fake.call("GET", "/api/lists", made["key"]).status_code]
    for status in ("disabled", "active"):
        assert fake.control("PATCH", f"/sandbox/keys/{made['id']}", {"status": status}).json()["status"] == status
        statuses.append(fake.call("GET", "/api/lists", made["key"]).status_code)
    assert statuses == [200, 401, 200]


@pytest.mark.parametrize("revision", [{}, {"revision": ""}, {"revision": "latest"}, {"revision": "2026-10"}])
def test_a_missing_or_invalid_revision_is_400(fake: Fake, revision: dict[str, str]) -> None:
    headers = {"Authorization": f"Klaviyo-API-Key {fake.key('lists:read')}", **revision}
    refused = fake.send("GET", "/api/lists", headers=headers)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/health", 404),
        ("GET", "/api/lists/some-id/nothing", 404),
        ("DELETE", "/api/profiles/some-id", 405),
        ("PUT", "/api/lists", 405),
        ("GET", "/api/profile-import", 405),
    ],
)
def test_what_no_operation_has_is_404_or_405(fake: Fake, method: str, path: str, status: int) -> None:
    refused = fake.call(method, path, fake.key(*ALL_SCOPES))
    assert refused.status_code == status
    assert error_of(refused)["status"] == status


def test_a_burst_over_the_limit_is_429_with_whole_seconds_and_all_keys_share_the_quota(fake: Fake) -> None:
    one, other = fake.key("accounts:read"), fake.key("accounts:read")
    assert fake.call("GET", "/api/accounts", one).status_code == 200
    refused = fake.call("GET", "/api/accounts", other)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert error_of(refused)["code"] == "throttled"
    assert fake.call("GET", "/api/accounts/AbC123", other).status_code == 200
    fake.now += 1
    assert fake.call("GET", "/api/accounts", other).status_code == 200


def test_the_steady_limit_holds_for_the_rest_of_the_minute(fake: Fake) -> None:
    key, start = fake.key("accounts:read"), fake.now
    statuses = []
    for second in range(16):
        fake.now = start + second
        answer = fake.call("GET", "/api/accounts", key)
        statuses.append(answer.status_code)
    assert statuses == [200] * 15 + [429]
    assert answer.headers["retry-after"] == str(60 - int(fake.now % 60))
    fake.now = start + 60
    assert fake.call("GET", "/api/accounts", key).status_code == 200


def test_a_daily_limit_holds_for_the_rest_of_the_day(fake: Fake) -> None:
    key, start = fake.key("lists:write"), fake.now - fake.now % 86_400
    fake.now = start
    made = {"data": {"type": "list", "attributes": {"name": "n"}}}
    statuses = []
    for minute in range(151):
        fake.now = start + minute * 60
        answer = fake.call("POST", "/api/lists", key, body=made)
        statuses.append(answer.status_code)
    assert statuses == [201] * 150 + [429]
    assert answer.headers["retry-after"] == str(86_400 - 150 * 60)
    fake.now = start + 86_400
    after = fake.call("POST", "/api/lists", key, body=made)
    assert (after.status_code, after.headers["ratelimit-limit"]) == (201, "10, 10;w=1, 150;w=60, 150;w=86400")


def test_an_answer_says_what_is_left_of_the_window(fake: Fake) -> None:
    answer = fake.call("GET", "/api/accounts", fake.key("accounts:read"))
    shown = {name: value for name, value in answer.headers.items() if name.startswith("ratelimit")}
    assert shown == {
        "ratelimit-limit": "1, 1;w=1, 15;w=60",
        "ratelimit-remaining": "14",
        "ratelimit-reset": str(60 - int(fake.now % 60)),
    }


def test_a_refusal_after_the_key_was_known_says_what_is_left_too(fake: Fake) -> None:
    key = fake.key("lists:write")
    answers = [
        fake.call("GET", "/api/lists", key),
        fake.call("POST", "/api/lists", key, body={"data": {}}),
        fake.call("PATCH", "/api/lists/none", key, body={"data": {}}),
        fake.call("DELETE", "/api/lists/none", key),
        fake.send("DELETE", "/api/lists/none", headers={"Authorization": f"Klaviyo-API-Key {key}"}),
    ]
    assert [answer.status_code for answer in answers] == [403, 400, 400, 404, 400]
    assert all("ratelimit-remaining" in answer.headers for answer in answers)


def test_the_control_endpoint_wants_its_token(fake: Fake) -> None:
    for token in ("", "wrong", TOKEN.upper()):
        assert fake.control("GET", "/sandbox/keys", token=token).status_code == 401
        assert fake.control("POST", "/sandbox/keys", {"scopes": []}, token=token).status_code == 401
    assert fake.control("GET", "/sandbox/keys").json() == []


def test_the_inventory_shows_each_key_but_never_its_value(fake: Fake) -> None:
    made = fake.control("POST", "/sandbox/keys", {"name": "n", "scopes": ["lists:read"], "format": "company"}).json()
    assert re.fullmatch(r"pk_AbC123_[0-9a-f]{34}", made["key"])
    (shown,) = fake.control("GET", "/sandbox/keys").json()
    assert (shown["id"], shown["name"], shown["status"], shown["scopes"]) == (made["id"], "n", "active", ["lists:read"])
    assert made["key"] not in json.dumps(shown)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/sandbox/keys", {"name": "n", "scopes": ["lists:delete"]}, 400),
        ("POST", "/sandbox/keys", {"name": "n", "scopes": "lists:read"}, 400),
        ("POST", "/sandbox/keys", {"name": "n", "scopes": [], "format": "sk"}, 400),
        ("POST", "/sandbox/keys", [], 400),
        ("PATCH", "/sandbox/keys/none", {"status": "active"}, 404),
        ("PATCH", "/sandbox/keys/none", {"status": "gone"}, 400),
        ("DELETE", "/sandbox/keys/none", None, 405),
        ("PUT", "/sandbox/keys", None, 405),
    ],
)
def test_the_control_endpoint_refuses_what_it_does_not_know(
    fake: Fake, method: str, path: str, body: Any, status: int
) -> None:
    assert fake.control(method, path, body).status_code == status


STRANGE_BODIES: list[Any] = [
    None,
    [],
    {"data": None},
    {"data": []},
    {"data": [None]},
    {"data": [{"type": "profile", "id": "none"}]},
    {"data": {"type": "list"}},
    {"data": {"type": "list", "attributes": None}},
    {
        "data": {
            "type": "list",
            "attributes": {"name": {}, "profile": [], "metric": 1, "properties": 2, "profiles": "x"},
        }
    },
    {"data": {"type": "list", "attributes": {"name": "n", "definition": {}}, "relationships": {"tags": {"data": 1}}}},
    {"data": {"type": "x", "attributes": {"profiles": {"data": [{"attributes": {}}, 3]}}, "relationships": []}},
]


@pytest.mark.parametrize("body", STRANGE_BODIES, ids=json.dumps)
def test_no_body_however_strange_breaks_the_fake(fake: Fake, body: Any) -> None:
    key = fake.key(*ALL_SCOPES)
    for operation in KEYED:
        fake.now += 60
        if operation.method != "GET":
            answer = fake.call(operation.method, path_of(operation), key, body=body)
            assert answer.status_code in {200, 201, 202, 204, 400, 404, 409, 501}, operation.name


def test_what_the_fake_cannot_do_truly_it_refuses_after_checking_scopes_and_body(fake: Fake) -> None:
    body = {"data": {"type": "template", "id": "TplOrd", "attributes": {"context": {}}}}
    answer = fake.call("POST", "/api/template-render", fake.key("templates:read"), body=body)
    assert (answer.status_code, error_of(answer)["code"]) == (501, "not_implemented")
    assert fake.call("POST", "/api/template-render", fake.key(), body=body).status_code == 403


def test_an_identifier_may_hold_any_character_that_a_url_can(fake: Fake) -> None:
    key = fake.key("webhooks:read")
    assert fake.call("GET", "/api/webhook-topics/event%3Aklaviyo.placed_order", key).status_code == 200
