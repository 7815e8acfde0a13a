"""What is made, changed, linked, found and deleted at the fake Klaviyo is there, changed, linked, found and gone."""

from typing import Any

import pytest

from klaviyo_access.access_model.catalog import GA_SCOPES
from tests.sandbox.fake_klaviyo import Fake, error_of


class Shop:
    """A key with every scope at a fake Klaviyo; each call comes a minute after the one before."""

    def __init__(self) -> None:
        self.fake = Fake()
        self.key = self.fake.key(*GA_SCOPES)

    def call(self, method: str, path: str, data: Any = None, *, status: int) -> Any:
        self.fake.now += 60
        answer = self.fake.call(method, f"/api/{path}", self.key, body=None if data is None else {"data": data})
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def make(self, collection: str, kind: str, *, status: int = 201, **attributes: Any) -> str:
        return str(self.call("POST", collection, {"type": kind, "attributes": attributes}, status=status)["data"]["id"])

    def ids(self, path: str) -> list[str]:
        return [one["id"] for one in self.call("GET", path, status=200)["data"]]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def profile(email: str, **more: Any) -> dict[str, Any]:
    return {"type": "profile", "attributes": {"email": email, **more}}


@pytest.mark.parametrize(
    ("attributes", "pointer", "detail"),
    [
        ({}, "/data/attributes/name", "'name' is a required field for the resource 'list'."),
        ({"name": 1}, "/data/attributes/name", "Invalid input: Input should be a valid string."),
        (
            {"name": "n", "color": "red"},
            "/data/attributes/color",
            "'color' is not a valid field for the resource 'list'.",
        ),
    ],
)
def test_a_body_that_the_sdks_model_does_not_describe_is_refused_at_its_place(
    shop: Shop, attributes: dict[str, Any], pointer: str, detail: str
) -> None:
    body = {"data": {"type": "list", "attributes": attributes}}
    error = error_of(shop.fake.call("POST", "/api/lists", shop.key, body=body))
    assert (error["code"], error["source"], error["detail"]) == ("invalid", {"pointer": pointer}, detail)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('equals(name,"Newsletter")', ["LstNew"]),
        ('any(id,["LstNew","LstVip"])', ["LstNew", "LstVip"]),
        ("greater-than(created,2026-01-05T08:59:59Z)", ["LstNew", "LstVip"]),
        ("greater-than(created,2026-01-05T09:00:00Z)", []),
        ("and(equals(name,'Newsletter'),equals(id,'LstVip'))", []),
    ],
)
def test_a_filter_finds_what_fits(shop: Shop, query: str, found: list[str]) -> None:
    assert shop.ids(f"lists?filter={query}") == found


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("filter=contains(name,'x')", "filter"),
        ("filter=equals(color,'x')", "filter"),
        ("filter=equals(name", "filter"),
        ("filter=not(equals(name,'x'))", "filter"),
        ("page[size]=11", "page[size]"),
        ("include=campaigns", "include"),
        ("fields[campaign]=name", "fields[campaign]"),
    ],
)
def test_what_an_operations_query_cannot_have_is_refused_by_its_parameter(
    shop: Shop, query: str, parameter: str
) -> None:
    error = error_of(shop.fake.call("GET", f"/api/lists?{query}", shop.key))
    assert (error["status"], error["source"]) == (400, {"parameter": parameter})


def test_a_campaign_is_found_by_what_its_definition_says(shop: Shop) -> None:
    assert [len(shop.ids(f"campaigns?filter=equals(archived,{given})")) for given in ("false", "true")] == [1, 0]


def test_included_resources_come_along(shop: Shop) -> None:
    document = shop.call("GET", "lists/LstNew?include=tags", status=200)
    (tag,) = document["included"]
    assert document["data"]["relationships"]["tags"]["data"] == [{"type": tag["type"], "id": tag["id"]}]
    assert tag["attributes"] == {"name": "spring"}


def test_a_catalog_keeps_its_items_in_categories_until_they_are_taken_out(shop: Shop) -> None:
    category = shop.make("catalog-categories", "catalog-category", external_id="c", name="Chairs")
    item = shop.make(
        "catalog-items", "catalog-item", external_id="i", title="Chair", description="d", url="https://shop.example.com"
    )
    assert item == "$custom:::$default:::i"
    link = [{"type": "catalog-item", "id": item}]
    held = []
    for method in ("POST", "DELETE", "PATCH"):
        shop.call(method, f"catalog-categories/{category}/relationships/items", link, status=204)
        held.append((shop.ids(f"catalog-categories/{category}/items"), shop.ids(f"catalog-items/{item}/categories")))
    assert held == [([item], [category]), ([], []), ([item], [category])]
    shop.call("DELETE", f"catalog-items/{item}", status=204)
    assert shop.ids(f"catalog-categories/{category}/items") == []


def test_an_identifier_that_its_maker_chose_is_taken_once(shop: Shop) -> None:
    coupon = {"type": "coupon", "attributes": {"external_id": "ten"}}
    assert shop.call("POST", "coupons", coupon, status=201)["data"]["id"] == "ten"
    shop.call("POST", "coupons", coupon, status=409)
    code = {"attributes": {"unique_code": "A1"}, "relationships": {"coupon": {"data": {"type": "coupon", "id": "ten"}}}}
    assert shop.call("POST", "coupon-codes", {"type": "coupon-code", **code}, status=200)["data"]["id"] == "ten-A1"
    assert shop.ids("coupons/ten/coupon-codes") == ["ten-A1"]
    assert shop.ids("coupon-codes?filter=equals(coupon.id,'ten')") == ["ten-A1"]


def test_a_job_counts_what_it_could_not_do(shop: Shop) -> None:
    items = [{"type": "catalog-category", "id": f"$custom:::$default:::{name}"} for name in ("here", "gone")]
    shop.make("catalog-categories", "catalog-category", external_id="here", name="n")
    job = {"type": "catalog-category-bulk-delete-job", "attributes": {"categories": {"data": items}}}
    made = shop.call("POST", "catalog-category-bulk-delete-jobs", job, status=202)["data"]
    counts = {name: made["attributes"][name] for name in ("status", "total_count", "completed_count", "failed_count")}
    assert counts == {"status": "complete", "total_count": 2, "completed_count": 1, "failed_count": 1}
    assert shop.ids("catalog-categories") == []


def test_consent_is_shown_to_who_asks_for_it(shop: Shop) -> None:
    consent = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    job = {
        "type": "profile-subscription-bulk-create-job",
        "attributes": {"profiles": {"data": [profile("new@example.com", subscriptions=consent)]}},
        "relationships": {"list": {"data": {"type": "list", "id": "LstVip"}}},
    }
    shop.call("POST", "profile-subscription-bulk-create-jobs", job, status=202)
    path = "profiles?filter=equals(email,'new@example.com')"
    (plain,) = shop.call("GET", path, status=200)["data"]
    (asked,) = shop.call("GET", f"{path}&additional-fields[profile]=subscriptions", status=200)["data"]
    assert "subscriptions" not in plain["attributes"]
    assert asked["attributes"]["subscriptions"]["email"]["marketing"]["consent"] == "SUBSCRIBED"
    assert plain["id"] in shop.ids("lists/LstVip/profiles")


def test_a_merged_profile_is_gone_and_what_it_had_is_kept(shop: Shop) -> None:
    kept, gone = shop.ids("profiles")[3:5]
    merge = {
        "type": "profile-merge",
        "id": kept,
        "relationships": {"profiles": {"data": [{"type": "profile", "id": gone}]}},
    }
    assert shop.call("POST", "profile-merge", merge, status=201)["data"]["id"] == kept
    shop.call("GET", f"profiles/{gone}", status=404)
    assert len([one for one in shop.call("GET", "events?page[size]=100", status=200)["data"] if kept in str(one)]) == 2


def test_a_cloned_campaign_has_messages_of_its_own(shop: Shop) -> None:
    (campaign,) = shop.ids("campaigns")
    to_campaign = {"campaign": {"data": {"type": "campaign", "id": campaign}}}
    audience = {"type": "campaign-audience", "attributes": {"definition": {}}, "relationships": to_campaign}
    made = shop.call("POST", "campaign-audiences", audience, status=201)["data"]["id"]
    clone = {"type": "campaign", "id": campaign, "attributes": {}}
    copied = shop.call("POST", "campaign-clone", clone, status=201)["data"]
    assert copied["attributes"]["definition"]["name"] == "Copy of Spring letter"
    assert shop.ids(f"campaigns/{campaign}/campaign-audiences") == [made]
    (other,) = shop.ids(f"campaigns/{copied['id']}/campaign-audiences")
    assert other != made


def test_properties_that_are_not_named_stay(shop: Shop) -> None:
    identifier = shop.call("POST", "profiles", profile("p@example.com", properties={"a": 1}), status=201)["data"]["id"]
    change = {"type": "profile", "id": identifier, "attributes": {"properties": {"b": 2}}}
    shop.call("PATCH", f"profiles/{identifier}", change, status=200)
    shown = shop.call("GET", f"profiles/{identifier}", status=200)["data"]["attributes"]
    assert shown["properties"] == {"a": 1, "b": 2}


def test_a_webhooks_secret_is_never_shown(shop: Shop) -> None:
    secret = "s" * 16
    topic = {"type": "webhook-topic", "id": "event:klaviyo.placed_order"}
    made = {"name": "n", "endpoint_url": "https://shop.example.com/hook", "secret_key": secret}
    links = {"webhook-topics": {"data": [topic]}}
    answers = [
        shop.call("POST", "webhooks", {"type": "webhook", "attributes": made, "relationships": links}, status=201)
    ]
    path = f"webhooks/{answers[0]['data']['id']}"
    change = {"type": "webhook", "id": answers[0]["data"]["id"], "attributes": {"secret_key": secret}}
    answers += [shop.call("PATCH", path, change, status=200), shop.call("GET", path, status=200)]
    assert secret not in str(answers)


def test_the_addresses_that_webhooks_come_from_are_open_to_all(shop: Shop) -> None:
    answer = shop.fake.send("GET", "/client/ip-allowlists/integration-egress", headers={"revision": "2026-10-15"})
    assert answer.json()["data"]["attributes"]["prefixes"] == ["127.0.0.1/32"]
    assert answer.headers["ratelimit-remaining"] == "749"
