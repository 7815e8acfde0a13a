"""The account's own trail, as the whole of an environment is built upon it."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.record import existing_trail
from components.settings import parse_settings
from tests.components.recording import record, whole
from tests.components.test_refusals import TRAIL, changed

TYPE = "aws:cloudtrail/trail:Trail"
SELECTOR = {"includeManagementEvents": True, "readWriteType": "WriteOnly"}
FOUND = {"isMultiRegionTrail": False, "enableLogging": False, "eventSelectors": [SELECTOR]}


def test_an_environment_is_built_upon_a_trail_only_once_that_is_looked_at_where_it_is_at_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[tuple[str, Mapping[str, Any]]] = []
    monkeypatch.setattr(existing_trail, "refuse_deaf_trail", lambda arn, found: looked_at.append((arn, found)))
    settings = parse_settings("dev", changed("dev", {"audit": TRAIL}))
    made = record(lambda: whole("dev", settings=settings), there={TYPE: FOUND})
    ((arn, found),) = looked_at
    assert arn == TRAIL["trailArn"]
    assert (found["is_multi_region_trail"], found["enable_logging"]) == (False, False)
    assert found["event_selectors"][0]["read_write_type"] == "WriteOnly"
    (trail,) = made.of_type(TYPE).values()
    assert trail.inputs["region"] == "us-east-1"
