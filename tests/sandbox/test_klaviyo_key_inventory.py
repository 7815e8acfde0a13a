"""Klaviyo's beta endpoints for keys: what they show and change, whom they refuse, and how often they answer."""

from typing import Any

import httpx
import pytest

from tests.sandbox.fake_klaviyo import Fake, error_of

BETA = "2026-07-15.pre"


class Account:
    """An account with a custodian's key and one other."""

    def __init__(self) -> None:
        self.fake = Fake()
        self.custodian = self.fake.key("credentials:read", "credentials:write")
        made = self.fake.control("POST", "/sandbox/keys", {"name": "viewer", "scopes": ["lists:read", "accounts:read"]})
        self.id, self.key = made.json()["id"], made.json()["key"]

    def call(
        self, method: str, path: str = "", body: Any = None, *, key: str | None = None, revision: str = BETA
    ) -> httpx.Response:
        self.fake.now += 60
        headers = {"Authorization": f"Klaviyo-API-Key {key or self.custodian}", "revision": revision}
        return self.fake.send(method, f"/api/api-keys{path}", headers=headers, body=body)

    def change(self, **attributes: Any) -> httpx.Response:
        body = {"data": {"type": "api-key", "id": self.id, "attributes": attributes}}
        return self.call("PATCH", f"/{self.id}", body)


@pytest.fixture
def account() -> Account:
    return Account()


def test_the_inventory_lists_every_key_without_a_trace_of_its_value(account: Account) -> None:
    answer = account.call("GET")
    _, shown = answer.json()["data"]
    assert (shown["type"], shown["id"]) == ("api-key", account.id)
    assert shown["attributes"] == {
        "name": "viewer",
        "status": "active",
        "scopes": ["accounts:read", "lists:read"],
        "created": "2027-01-15T08:00:00+00:00",
    }
    assert account.key[-4:] not in answer.text


def test_the_last_digits_are_shown_to_who_asks_for_them(account: Account) -> None:
    one = account.call("GET", f"/{account.id}?additional-fields[api-key]=redacted_key").json()["data"]
    assert one["attributes"]["redacted_key"] == f"pk_****{account.key[-4:]}"


def test_a_key_is_disabled_renamed_and_enabled_again(account: Account) -> None:
    seen = []
    for change in ({"status": "disabled"}, {"name": "viewer ab12"}, {"status": "active"}):
        shown = account.change(**change).json()["data"]["attributes"]
        works = account.fake.call("GET", "/api/lists", account.key).status_code
        seen.append((shown["name"], shown["status"], works))
    assert seen == [("viewer", "disabled", 401), ("viewer ab12", "disabled", 401), ("viewer ab12", "active", 200)]


@pytest.mark.parametrize("attributes", [{"scopes": ["lists:write"]}, {"status": "gone"}, {"name": 1}, {"key": "x"}])
def test_nothing_else_of_a_key_can_be_changed(account: Account, attributes: dict[str, Any]) -> None:
    assert account.change(**attributes).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "", 405), ("DELETE", "/some-id", 405), ("GET", "/some-id", 404)]
)
def test_a_key_cannot_be_made_or_deleted(account: Account, method: str, path: str, status: int) -> None:
    assert account.call(method, path, {"data": {"type": "api-key", "attributes": {}}}).status_code == status


def test_each_endpoint_needs_its_scope(account: Account) -> None:
    reader = account.fake.key("credentials:read")
    body = {"data": {"type": "api-key", "id": account.id, "attributes": {"status": "disabled"}}}
    refused = [
        account.call("GET", key=account.key),
        account.call("PATCH", f"/{account.id}", body, key=reader),
    ]
    assert [error_of(answer)["detail"] for answer in refused] == [
        "Your API key is missing required scopes: credentials:read",
        "Your API key is missing required scopes: credentials:write",
    ]


def test_the_endpoints_are_in_the_beta_revision_only(account: Account) -> None:
    assert account.call("GET", revision="2026-10-15").status_code == 404


def test_the_inventory_answers_once_a_second(account: Account) -> None:
    assert account.call("GET").headers["ratelimit-limit"] == "1, 1;w=1, 15;w=60"
    account.fake.now -= 60
    assert account.call("GET").status_code == 429
