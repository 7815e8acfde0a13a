"""Puts CloudTrail's records on ministack's EventBridge, as AWS does.

ministack's PutEvents refuses ``aws.`` sources to its callers and knows no rule state but ENABLED, so this module
reaches into it for both: its version is pinned, and a test holds what is relied on.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ministack.core.responses import request_scope  # type: ignore[import-untyped]  # ministack has no types
from ministack.services import eventbridge  # type: ignore[import-untyped]  # the same

from sandbox.aws.calls import Json

_ALL_MANAGEMENT_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
_DETAIL_TYPES = {
    "AwsApiCall": "AWS API Call via CloudTrail",
    "AwsServiceEvent": "AWS Service Event via CloudTrail",
}


def publish(record: Json) -> None:
    """Offer a record to the rules of the default bus, in the record's account and region.

    Read-only management events reach only the rules that ask for all of them.
    """
    account, region = record["recipientAccountId"], record["awsRegion"]
    event = {
        "EventId": record["eventID"],
        "Source": f"aws.{record['eventSource'].partition('.')[0]}",
        "DetailType": _DETAIL_TYPES[record["eventType"]],
        "Detail": json.dumps(record),
        "EventBusName": "default",
        "Time": record["eventTime"],
        "Resources": [],
        "Account": account,
        "Region": region,
    }
    with request_scope(account, region):
        view = eventbridge._pattern_event_view(event)  # noqa: SLF001 - see the module's docstring
        for key, rule in list(eventbridge._rules.items()):  # noqa: SLF001 - the same
            if _listens(rule, record) and eventbridge._matches_pattern_view(rule["EventPattern"], view, key):  # noqa: SLF001 - the same
                for target in list(eventbridge._targets.get(key, [])):  # noqa: SLF001 - the same
                    eventbridge._invoke_target(target, event, rule, view)  # noqa: SLF001 - the same


def _listens(rule: Mapping[str, Any], record: Json) -> bool:
    if rule.get("EventBusName", "default") != "default" or not rule.get("EventPattern"):
        return False
    names = _event_names(rule["EventPattern"])
    if names is not None and record["eventName"] not in names:
        return False
    everything = rule.get("State") == _ALL_MANAGEMENT_EVENTS
    return everything or (rule.get("State") == "ENABLED" and not record["readOnly"])


@lru_cache(maxsize=4096)
def _event_names(pattern: str) -> frozenset[str] | None:
    """The only names of events that a pattern can match; None where it does not list them.

    Most rules want one or two of all calls, and an account has hundreds of rules: matching each call against each
    pattern would make a call cost as much as there are rules.
    """
    names: set[str] = set()
    for alternative in eventbridge._compiled_pattern(pattern) or ():  # noqa: SLF001 - see the module's docstring
        detail = alternative.get("detail")
        wanted = detail.get("eventName") if isinstance(detail, dict) else None
        if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
            return None
        names.update(wanted)
    return frozenset(names)
