"""The order of tests: those that deploy an environment take longest. They come first, so that no worker ends late."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put end-to-end tests before all others, which keep their order."""
    items.sort(key=lambda item: item.get_closest_marker("end_to_end") is None)
