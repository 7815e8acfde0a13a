"""The official SDK, unmodified, reads and writes the fake Klaviyo's data and understands every answer."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from klaviyo_api import KlaviyoAPI  # type: ignore[import-untyped] # the SDK ships no types
from openapi_client.exceptions import ApiException

from klaviyo_access.access_model.catalog import GA_SCOPES
from klaviyo_access.klaviyo.operations import operations, scopes_for
from tests.klaviyo.klaviyo_server import Server, clock_that_outruns_limits, klaviyo_server


@pytest.fixture(scope="module")
def klaviyo() -> Iterator[Server]:
    with klaviyo_server(clock_that_outruns_limits()) as server:
        yield server


@pytest.fixture(scope="module")
def sdk(klaviyo: Server) -> Any:
    return KlaviyoAPI(klaviyo.key(*GA_SCOPES).reveal(), test_host=klaviyo.url, max_retries=1)


@pytest.fixture(scope="module")
def methods(sdk: Any) -> dict[str, Callable[..., Any]]:
    """The SDK's own methods by name: one for each row of the table."""
    families = [name for name, value in vars(KlaviyoAPI).items() if isinstance(value, property)]
    known = {operation.name for operation in operations()}
    found: dict[str, Callable[..., Any]] = {}
    for family in families:
        api = getattr(sdk, family)
        found |= {name: getattr(type(api), name).__get__(api) for name in dir(type(api)) if name in known}
    return found


def test_the_table_of_operations_is_the_sdks(methods: dict[str, Callable[..., Any]]) -> None:
    assert sorted(methods) == sorted(operation.name for operation in operations())


def takes_no_argument(method: Callable[..., Any]) -> bool:
    return all(given.default is not inspect.Parameter.empty for given in inspect.signature(method).parameters.values())


def test_the_sdk_understands_every_collection_and_each_resource_that_it_names(
    methods: dict[str, Callable[..., Any]],
) -> None:
    one_of = {operation.path: operation.name for operation in operations() if operation.method == "GET"}
    listed, read = set(), set()
    for path, name in one_of.items():
        if not path.endswith("}") and takes_no_argument(methods[name]):
            resources = methods[name]().data
            listed.add(path)
            for resource in resources:
                assert methods[one_of[f"{path}/{{id}}"]](resource.id).data.id == resource.id
                read.add(path.removeprefix("/api/"))
    assert len(listed) > 40
    assert read == {
        *("accounts", "campaigns", "events", "flows", "lists", "mapped-metrics", "metrics", "profiles", "reviews"),
        *("segments", "tag-groups", "tags", "templates", "tracking-settings", "webhook-topics"),
    }


def test_related_resources_and_their_identifiers_agree(sdk: Any) -> None:
    newsletter = next(one for one in sdk.Lists.get_lists().data if one.attributes.name == "Newsletter")
    members = [one.id for one in sdk.Lists.get_profiles_for_list(newsletter.id).data]
    assert [one.id for one in sdk.Lists.get_profile_ids_for_list(newsletter.id).data] == members
    assert newsletter.id in [one.id for one in sdk.Profiles.get_lists_for_profile(members[0]).data]
    event = sdk.Events.get_events().data[0]
    assert sdk.Events.get_metric_for_event(event.id).data.attributes.name == "Placed Order"
    assert sdk.Events.get_profile_for_event(event.id).data.id in members


def profile(email: str, **more: str) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": {"email": email, **more}}}


def test_a_profile_is_made_once_changed_listed_tracked_and_deleted(sdk: Any) -> None:
    made = sdk.Profiles.create_profile(profile("joan@example.com", first_name="Joan")).data
    with pytest.raises(ApiException) as raised:
        sdk.Profiles.create_profile(profile("joan@example.com"))
    assert (raised.value.status, made.id in str(raised.value.body)) == (409, True)

    again = sdk.Profiles.create_or_update_profile(profile("joan@example.com", last_name="Clarke")).data
    assert (again.id, again.attributes.first_name, again.attributes.last_name) == (made.id, "Joan", "Clarke")

    target = sdk.Lists.create_list({"data": {"type": "list", "attributes": {"name": "Analysts"}}}).data
    sdk.Lists.add_profiles_to_list(target.id, {"data": [{"type": "profile", "id": made.id}]})
    assert [one.id for one in sdk.Lists.get_profiles_for_list(target.id).data] == [made.id]

    sdk.Data_Privacy.request_profile_deletion(
        {
            "data": {
                "type": "data-privacy-deletion-job",
                "attributes": {"profile": {"data": {"type": "profile", "attributes": {"email": "joan@example.com"}}}},
            }
        }
    )
    assert sdk.Lists.get_profiles_for_list(target.id).data == []
    with pytest.raises(ApiException, match="404"):
        sdk.Profiles.get_profile(made.id)


def test_an_event_is_found_under_its_metric_and_its_profile(sdk: Any) -> None:
    before = len(sdk.Events.get_events(page_size=100).data)
    sdk.Events.create_event(
        {
            "data": {
                "type": "event",
                "attributes": {
                    "properties": {"order": "A-1"},
                    "metric": {"data": {"type": "metric", "attributes": {"name": "Refunded Order"}}},
                    "profile": {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}},
                },
            }
        }
    )
    events = sdk.Events.get_events(page_size=100).data
    assert len(events) == before + 1
    assert sdk.Events.get_metric_for_event(events[-1].id).data.attributes.name == "Refunded Order"
    assert sdk.Events.get_profile_for_event(events[-1].id).data.attributes.email == "ada@example.com"


def test_pages_follow_each_other_to_the_end(sdk: Any) -> None:
    names, cursor = [], None
    while True:
        page = sdk.Profiles.get_profiles(page_size=2, page_cursor=cursor)
        names += [one.attributes.email for one in page.data]
        if not (cursor := page.links.next and httpx.URL(page.links.next).params["page[cursor]"]):
            break
    assert names == [one.attributes.email for one in sdk.Profiles.get_profiles(page_size=100).data]
    assert len(names) > 4


def test_a_filter_sparse_fields_and_a_sort_do_what_they_say(sdk: Any) -> None:
    (found,) = sdk.Profiles.get_profiles(filter='equals(email,"grace@example.com")').data
    assert found.attributes.first_name == "Grace"
    sparse = sdk.Profiles.get_profiles(fields_profile=["email"], sort="-email")
    emails = [one["attributes"] for one in sparse["data"]]
    assert {name for one in emails for name in one} == {"email"}
    assert [one["email"] for one in emails] == sorted((one["email"] for one in emails), reverse=True)


@pytest.mark.parametrize(
    "query", ["filter=greater-than(first_name,1)", "page[size]=0", "page[cursor]=x", "include=lists", "sorted=1"]
)
def test_what_the_fake_would_have_to_ignore_it_refuses(klaviyo: Server, query: str) -> None:
    headers = {"Authorization": f"Klaviyo-API-Key {klaviyo.key('profiles:read').reveal()}", "revision": "2026-10-15"}
    assert httpx.get(f"{klaviyo.url}/api/profiles?{query}", headers=headers).status_code == 400


def test_a_webhooks_secret_is_never_shown(sdk: Any) -> None:
    attributes = {"name": "orders", "endpoint_url": "https://shop.example.com/hook", "secret_key": "s" * 16}
    topic = {"type": "webhook-topic", "id": "event:klaviyo.placed_order"}
    made = sdk.Webhooks.create_webhook(
        {
            "data": {
                "type": "webhook",
                "attributes": attributes,
                "relationships": {"webhook-topics": {"data": [topic]}},
            }
        }
    ).data
    assert made.attributes.enabled is True
    assert "s" * 16 not in str(sdk.Webhooks.get_webhook(made.id))


def test_reports_are_true_and_empty(sdk: Any) -> None:
    body = {
        "data": {
            "type": "campaign-values-report",
            "attributes": {
                "statistics": ["opens"],
                "timeframe": {"key": "last_7_days"},
                "conversion_metric_id": "MtrOrd",
            },
        }
    }
    report = sdk.Reporting.query_campaign_values(body)
    assert report.data.attributes.results == []


@pytest.mark.parametrize(
    ("operation", "scopes"),
    [
        ("create_event", ("events:write",)),
        ("bulk_subscribe_profiles", ("lists:write", "profiles:write", "subscriptions:write")),
        ("get_client_ip_allowlist", ()),
    ],
)
def test_the_scopes_of_an_operation_are_those_of_its_documentation(operation: str, scopes: tuple[str, ...]) -> None:
    assert scopes_for(operation) == scopes


def test_an_unknown_operation_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="create_event"):
        scopes_for("create_evnt")
