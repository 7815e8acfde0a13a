"""The official SDK, unmodified, calls every one of its operations once; what the fake refuses is named."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI  # type: ignore[import-untyped] # the SDK ships no types
from openapi_client.exceptions import ApiException

from klaviyo_access.access_model.catalog import GA_SCOPES
from klaviyo_access.klaviyo.operations import Operation, operations
from sandbox.klaviyo.refused import REFUSED
from tests.klaviyo.klaviyo_server import clock_that_outruns_limits, klaviyo_server
from tests.sandbox.sdk_arguments import arguments

# What only a refused operation, Klaviyo itself or a customer could make: by path, each with its 404.
ABSENT = (
    "/api/billing-usage/",
    "/api/brand-email-defaults/",
    "/api/brand-voice/",
    "/api/campaign-message-schedule/",
    "/api/campaign-recipient-estimation-jobs/",
    "/api/campaign-recipient-estimations/",
    "/api/campaign-send-jobs/",
    "/api/form-versions/",
    "/api/forms/",
    "/api/images/",
    "/api/object-records/",
    "/api/object-schemas/",
    "/api/object-types/",
    "/api/source-mappings/",
    "/api/text-messaging-configurations/",
    "/api/text-messaging-sender-registrations/",
    "/api/text-messaging-senders/",
)
UNRELATED = {
    "get_conversation_for_profile",
    "get_conversation_id_for_profile",
    "get_custom_metric_for_mapped_metric",
    "get_custom_metric_id_for_mapped_metric",
    *("get_image_for_campaign_message", "get_image_id_for_campaign_message", "update_image_for_campaign_message"),
    *("get_image_for_campaign_variation", "get_image_id_for_campaign_variation"),
    *("get_template_for_campaign_message", "get_template_id_for_campaign_message"),
    *("get_campaign_variation_for_translation", "get_campaign_variation_id_for_translation"),
    *("get_flow_message_for_translation", "get_flow_message_id_for_translation"),
    *("get_template_for_translation", "get_template_id_for_translation"),
    "get_template_universal_content_for_translation",
    "get_template_universal_content_id_for_translation",
    "get_translation_for_campaign_variation",
    "get_translation_id_for_campaign_variation",
}

FIXED = {
    "coupon": "text",
    "flow-action": "10001",
    "flow-message": "MsgWel",
    "ip-allowlist": "integration-egress",
    "metric-property": "MtrOrdValue",
    "profile-merge": "01KPRF00000000000000000002",
}


@dataclass
class Caller:
    """Calls operations with the smallest arguments and keeps what each came to: 200, or the status of its refusal."""

    methods: dict[str, Callable[..., Any]]
    known: dict[str, str] = field(default_factory=lambda: dict(FIXED))
    statuses: dict[str, int] = field(default_factory=dict)

    def call(self, operation: Operation) -> None:
        method = self.methods[operation.name]
        try:
            answer = method(*arguments(operation, method, self.known))
        except ApiException as refused:
            self.statuses[operation.name] = refused.status
            return
        self.statuses[operation.name] = 200
        data = getattr(answer, "data", None) or []
        for one in data if isinstance(data, list) else [data]:
            if identifier := getattr(one, "id", None):
                self.known.setdefault(getattr(one.type, "value", one.type), identifier)


def step_of(operation: Operation) -> int:
    """Jobs that delete what is not there yet, making, jobs that make more, reading, changing, and deleting last."""
    parts = len(operation.path.split("/"))
    if operation.method == "POST":
        return (
            0
            if "bulk-delete" in operation.path
            else 2
            if "bulk" in operation.path
            else 6
            if "merge" in operation.path
            else 1
        )
    return {"GET": 3, "PATCH": 4, "DELETE": 5 if parts > 5 else 6}[operation.method]


@pytest.fixture(scope="module")
def statuses() -> dict[str, int]:
    """What one call of every operation came to; what found nothing to link to was called again."""
    with klaviyo_server(clock_that_outruns_limits()) as server:
        sdk = KlaviyoAPI(server.key(*GA_SCOPES).reveal(), test_host=server.url, max_retries=1)
        names = {operation.name for operation in operations()}
        apis = [getattr(sdk, name) for name, value in vars(KlaviyoAPI).items() if isinstance(value, property)]
        methods = {name: getattr(type(api), name).__get__(api) for api in apis for name in dir(api) if name in names}
        caller = Caller(methods)
        collections = [one for one in operations() if one.method == "GET" and one.path.count("/") == 2]
        making = [one for one in operations() if step_of(one) == 1]
        for operation in [*collections, *sorted(operations(), key=step_of)]:
            caller.call(operation)
            if operation == making[-1]:
                for again in [*making, *making]:
                    if caller.statuses[again.name] == 404:
                        caller.call(again)
        return caller.statuses


def test_every_operation_of_the_sdk_is_called(statuses: dict[str, int]) -> None:
    assert sorted(statuses) == sorted(operation.name for operation in operations())


def test_the_operations_that_the_fake_refuses_are_those_it_names(statuses: dict[str, int]) -> None:
    assert {name for name, status in statuses.items() if status == 501} == set(REFUSED)


def test_every_other_operation_succeeds_or_says_that_there_is_no_such_resource(statuses: dict[str, int]) -> None:
    assert {status for name, status in statuses.items() if name not in REFUSED} == {200, 404}
    absent = {one.name for one in operations() if one.path.startswith(ABSENT)} - set(REFUSED)
    assert {name for name, status in statuses.items() if status == 404} == absent | UNRELATED
