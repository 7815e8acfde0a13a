"""The order of tests, and what they tell at the end.

Those that deploy an environment take longest: they come first, so that no worker ends late.
"""

from typing import Any

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put end-to-end tests before all others, which keep their order."""
    items.sort(key=lambda item: item.get_closest_marker("end_to_end") is None)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests recorded with ``record_property``, whichever process they ran in."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    told = [f"{name}: {value}" for report in reports for name, value in report.user_properties]
    if told:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(told))
