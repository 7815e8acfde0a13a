"""One sandbox for all tests of a run; each test makes its own names in it."""

from collections.abc import Iterator

import pytest

from tests.sandbox.running_sandbox import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox: ``.endpoint``, ``.klaviyo_url``, ``.client(service, role_arn=None)``."""
    with running_sandbox() as running:
        yield running
