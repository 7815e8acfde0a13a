"""Requests are named as the SDK names its operations."""

import pytest
from klaviyo_api import KlaviyoAPI  # type: ignore[import-untyped] # the SDK ships no types

from klaviyo_access.access_model.catalog import REVISION as CATALOG_REVISION
from klaviyo_access.klaviyo.operations import REVISION, operation_name, operations


def test_every_request_that_has_an_operation_gets_its_name() -> None:
    for operation in operations():
        path = operation.path.replace("{id}", "Xy12").replace("{", "").replace("}", "")
        assert operation_name(operation.method, path) == operation.name


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/lists/", "get_lists"),
        ("PUT", "/api/lists", "PUT /api/lists"),
        ("GET", "/api/none/1", "GET /api/none/1"),
    ],
)
def test_other_requests_are_named_by_method_and_path(method: str, path: str, name: str) -> None:
    assert operation_name(method, path) == name


def test_the_revision_is_the_one_of_the_sdk_and_of_the_catalog() -> None:
    assert REVISION == KlaviyoAPI._REVISION == CATALOG_REVISION
