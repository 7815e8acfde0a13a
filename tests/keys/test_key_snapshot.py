"""Where a role's secret is, and what its value may be."""

import json
from typing import Any

import pytest

from klaviyo_access.access_model.environment import Environment
from klaviyo_access.errors import KeyStoreNotConfigured
from klaviyo_access.keys.location import SecretLocation, locate
from klaviyo_access.keys.snapshot import KeySnapshot, read_value

KEY = "pk_" + "ab" * 17
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:klaviyo/prod/viewer/key-AbCdEf"


@pytest.mark.parametrize(
    ("arguments", "environ", "secret_id", "region"),
    [
        ({}, {"KLAVIYO_ACCESS_ENVIRONMENT": "dev"}, "klaviyo/dev/viewer/key", ""),
        ({}, {"KLAVIYO_ACCESS_ENVIRONMENT": "dev", "KLAVIYO_ACCESS_PREFIX": "shop"}, "shop/dev/viewer/key", ""),
        ({}, {"KLAVIYO_ACCESS_ENVIRONMENT": "dev", "AWS_DEFAULT_REGION": "b"}, "klaviyo/dev/viewer/key", "b"),
        (
            {},
            {"KLAVIYO_ACCESS_ENVIRONMENT": "dev", "AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"},
            "klaviyo/dev/viewer/key",
            "a",
        ),
        ({"secret_id": ARN}, {"AWS_REGION": "a"}, ARN, "eu-west-1"),
        ({"secret_id": "mine", "region": "c"}, {"KLAVIYO_ACCESS_ENVIRONMENT": "dev", "AWS_REGION": "a"}, "mine", "c"),
    ],
)
def test_a_secret_is_found_by_arguments_then_by_the_environment(
    arguments: dict[str, str], environ: dict[str, str], secret_id: str, region: str
) -> None:
    found = locate("viewer", **arguments, environ=environ)
    assert found == SecretLocation(role="viewer", secret_id=secret_id, region=region)


def test_the_name_is_the_one_that_the_program_gives_the_secret() -> None:
    environment = Environment(name="prod", region="eu-west-1", account_id="111122223333", prefix="shop")
    environ = {"KLAVIYO_ACCESS_ENVIRONMENT": "prod", "KLAVIYO_ACCESS_PREFIX": "shop"}
    assert locate("viewer", environ=environ).secret_id == environment.secret_name("viewer", "key")


def test_the_role_may_come_from_the_environment() -> None:
    environ = {"KLAVIYO_ACCESS_ROLE": "reporting", "KLAVIYO_ACCESS_ENVIRONMENT": "dev"}
    assert locate(environ=environ).role == "reporting"


@pytest.mark.parametrize(("role", "named"), [(None, "KLAVIYO_ACCESS_ROLE"), ("viewer", "KLAVIYO_ACCESS_ENVIRONMENT")])
def test_what_is_missing_is_named(role: str | None, named: str) -> None:
    with pytest.raises(KeyStoreNotConfigured, match=named):
        locate(role, environ={})


def read(value: Any) -> KeySnapshot | str:
    text = value if isinstance(value, str) else json.dumps(value)
    return read_value(text, role="viewer", version_id="v1", fetched_at=5.0)


def test_a_snapshot_holds_what_the_rotator_wrote() -> None:
    value = {
        "apiKey": KEY,
        "provider": "klaviyo",
        "endpoint": "http://127.0.0.1:4567/",
        "role": "viewer",
        "scopes": ["lists:read", "accounts:read"],
    }
    found = read(value)
    assert isinstance(found, KeySnapshot)
    assert found.key.reveal() == KEY
    assert (found.endpoint, found.scopes) == ("http://127.0.0.1:4567", ("accounts:read", "lists:read"))
    assert (found.role, found.version_id, found.fetched_at) == ("viewer", "v1", 5.0)


@pytest.mark.parametrize(
    "endpoint", ["https://a.klaviyo.com", "http://localhost:1", "http://127.8.0.1", "http://[::1]:1"]
)
def test_an_endpoint_is_https_or_on_this_machine(endpoint: str) -> None:
    found = read({"apiKey": KEY, "endpoint": endpoint})
    assert isinstance(found, KeySnapshot)
    assert found.endpoint == endpoint


def test_a_value_without_an_endpoint_is_meant_for_klaviyo_itself() -> None:
    found = read({"apiKey": KEY})
    assert isinstance(found, KeySnapshot)
    assert found.endpoint == "https://a.klaviyo.com"


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (KEY, "no JSON object"),
        (f'{{"apiKey": "{KEY}"', "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ([KEY], "no JSON object"),
        ({}, "no 'apiKey'"),
        ({"tombstone": True}, "no 'apiKey'"),
        ({"apiKey": f"{KEY}\n"}, "no 'apiKey'"),
        ({"apiKey": 7}, "no 'apiKey'"),
        ({"apiKey": KEY, "role": "admin"}, "the key of role 'admin'"),
        ({"apiKey": KEY, "endpoint": "http://a.klaviyo.com"}, "an endpoint"),
        ({"apiKey": KEY, "endpoint": "http://127.0.0.1.example.com"}, "an endpoint"),
        ({"apiKey": KEY, "endpoint": "http://localhost@example.com"}, "an endpoint"),
        ({"apiKey": KEY, "endpoint": "a.klaviyo.com"}, "an endpoint"),
    ],
)
def test_a_value_that_no_rotator_wrote_is_said_to_be_so_and_never_quoted(value: Any, wrong: str) -> None:
    found = read(value)
    assert isinstance(found, str)
    assert wrong in found
    assert KEY not in found
