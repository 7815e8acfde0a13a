"""Whole environments, recorded once."""

from collections.abc import Iterator

import pytest
from pulumi.runtime import settings

from tests.components.recording import Build, Recorder, far, record, whole


@pytest.fixture
def build() -> Iterator[Build]:
    """Records programs of components, and leaves Pulumi's settings as they were."""
    yield record
    settings.reset_options()


@pytest.fixture(scope="session")
def dev() -> Recorder:
    """The whole of `dev`."""
    return record(lambda: whole("dev") and None)


@pytest.fixture(scope="session")
def prod() -> Recorder:
    """The whole of `prod`."""
    return record(lambda: whole("prod") and None)


@pytest.fixture(scope="session")
def far_prod() -> Recorder:
    """The whole of `prod`, with a reader of another account, and with replicas in another region."""
    policies: dict[str, str] = {}
    recorder = record(lambda: whole("prod", settings=far("prod")).foreign_policies.apply(policies.update) and None)
    recorder.foreign_policies = policies
    return recorder
