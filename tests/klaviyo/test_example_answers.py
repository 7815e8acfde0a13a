"""The example services tell their callers that Klaviyo did not do it, and those who run them why."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from examples import fastapi_app, flask_app
from examples.login import Login
from klaviyo_access.authorization import Permissions
from klaviyo_access.authorization.fastapi import Authorization as FastApiAuthorization
from klaviyo_access.authorization.flask import Authorization as FlaskAuthorization
from klaviyo_access.errors import RequestMalformed

LOGIN = Login(b"s" * 32, clock=lambda: 1_000_000.0)
HEADERS = {"Authorization": f"Bearer {LOGIN.token('ada')}"}
ANSWER = {"error": "Klaviyo did not do it"}


def permissions(*granted: str) -> Permissions:
    descriptions = dict.fromkeys(granted, "As said")
    return Permissions(
        environment="dev", descriptions=descriptions, granted={"admin": frozenset(granted)}, lost={"admin": frozenset()}
    )


def no_session(_: str) -> Any:
    raise RequestMalformed("data.profile: ada@example.com", role="admin", operation="get_webhooks")


def test_neither_example_answers_with_klaviyos_words(caplog: pytest.LogCaptureFixture) -> None:
    access = FastApiAuthorization(permissions("read-profiles", "manage-lists"))
    with TestClient(fastapi_app.create_app(LOGIN, access, no_session)) as client:
        told = client.get("/klaviyo/profiles", headers=HEADERS)
    assert (told.status_code, told.json()) == (502, ANSWER)
    flask_access = FlaskAuthorization(permissions("manage-webhooks", "delete-profiles"))
    app = flask_app.create_app(LOGIN, flask_access, no_session)
    answer = app.test_client().get("/klaviyo/webhooks", headers=HEADERS)
    assert (answer.status_code, answer.get_json()) == (502, ANSWER)
    assert caplog.text.count("ada@example.com") == 2
