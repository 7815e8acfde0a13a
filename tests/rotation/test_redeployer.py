"""A deployment is started for a service that the settings name, and whatever else is asked for is refused."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from rotation import redeployer
from rotation.errors import EventRefusedError, SettingsError
from rotation.redeployer import RedeploymentError, handler
from tests.rotation.test_handler import Context

SERVICES = json.dumps({"console": {"cluster": "apps", "service": "console-1"}})
EVENT = {"action": "redeploy", "service": "console"}


class Ecs:
    """What boto3's client is to the redeployer."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.failure = failure

    def update_service(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(parameters)
        if self.failure:
            raise self.failure
        return {}


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Ecs:
    ecs = Ecs()
    monkeypatch.setattr(redeployer, "container_service", lambda: ecs)
    monkeypatch.setenv("ECS_SERVICES", SERVICES)
    return ecs


def test_the_named_service_gets_new_tasks_of_the_same_definition(ecs: Ecs) -> None:
    assert handler(EVENT, Context()) == {"action": "redeploy", "outcome": "started", "service": "console"}
    assert ecs.asked == [{"cluster": "apps", "service": "console-1", "forceNewDeployment": True}]


@pytest.mark.parametrize(
    "event",
    [None, [], {}, {"action": "redeploy"}, EVENT | {"more": 1}, EVENT | {"service": "other"}, EVENT | {"service": []}],
    ids=str,
)
def test_another_event_is_refused(ecs: Ecs, event: object) -> None:
    with pytest.raises(EventRefusedError):
        handler(event, Context())
    assert ecs.asked == []


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ClientError({"Error": {"Code": "ServiceNotActiveException", "Message": ""}}, "UpdateService"), "NotActive"),
        (EndpointConnectionError(endpoint_url="https://ecs"), "EndpointConnectionError"),
    ],
)
def test_a_failure_leaves_as_an_error_so_that_lambda_tries_again(ecs: Ecs, failure: Exception, code: str) -> None:
    ecs.failure = failure
    with pytest.raises(RedeploymentError, match=code):
        handler(EVENT, Context())


@pytest.mark.parametrize("text", ["", "x", "[]", '{"a": {}}', '{"a": {"cluster": "a b", "service": "c"}}'])
def test_settings_of_another_form_are_refused(ecs: Ecs, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ECS_SERVICES", text)
    with pytest.raises(SettingsError):
        handler(EVENT, Context())
    assert ecs.asked == []
