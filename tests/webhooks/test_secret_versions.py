"""Reading the versions of a webhook's secret: all that Klaviyo may be signing with, and what stands against it."""

from collections.abc import Mapping
from typing import Any

import pytest

from klaviyo_access.aws.answers import Kind, Refusal
from klaviyo_access.errors import WebhookSecretsNotConfigured, WebhookSecretsUnavailable
from klaviyo_access.webhooks.labels import offered, signing_versions, superseded
from klaviyo_access.webhooks.secrets_manager import SecretPlace, SecretsManagerVersions
from tests.webhooks.webhook_world import WebhookWorld

OLD, NEW = "OFFERED:20261101T030000Z", "OFFERED:20261201T030000Z"


@pytest.mark.parametrize(
    ("stages", "counted"),
    [
        ({}, ()),
        ({"a": ["AWSCURRENT"]}, ("a",)),
        ({"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT", NEW], "c": ["AWSPENDING"]}, ("b", "a", "c")),
        ({"a": ["AWSCURRENT"], "b": [OLD]}, ("a", "b")),
        ({"a": ["AWSCURRENT"], "b": []}, ("a",)),
        ({"a": ["AWSCURRENT"], "b": ["OFFERED:yesterday", "offered:20261101T030000Z", "SPARE"]}, ("a",)),
    ],
)
def test_the_versions_that_count_by_their_labels(stages: dict[str, list[str]], counted: tuple[str, ...]) -> None:
    assert signing_versions(stages) == counted


@pytest.mark.parametrize(
    ("stages", "ended"),
    [
        ({"a": ["AWSPREVIOUS", OLD], "b": ["AWSCURRENT", NEW]}, (("a", OLD),)),
        ({"a": ["AWSCURRENT", OLD], "b": [NEW]}, ()),
        ({"a": ["AWSCURRENT"], "b": [OLD]}, ()),
        ({"b": [OLD]}, ()),
    ],
)
def test_the_labels_that_a_later_current_secret_ends(
    stages: dict[str, list[str]], ended: tuple[tuple[str, str], ...]
) -> None:
    assert superseded(stages) == ended


def test_the_newest_of_several_labels_counts() -> None:
    assert (offered([OLD, NEW, "AWSCURRENT"]), offered(["AWSCURRENT"])) == (NEW, None)


def test_a_version_that_has_no_value_yet_is_passed_over() -> None:
    world = WebhookWorld()
    world.rotate()
    world.announce()
    assert len(signing_versions({version.id: list(map(str, version.labels)) for version in world.labels()})) == 2
    assert [secret.reveal() for secret in world.versions.fetch()] == [world.klaviyo.secret]


def test_before_the_first_rotation_the_error_says_what_to_do() -> None:
    with pytest.raises(WebhookSecretsUnavailable, match="have it rotated once"):
        WebhookWorld().versions.fetch()


def denied(_: str, parameters: Mapping[str, Any]) -> Refusal:
    message = f"not authorized on {parameters['SecretId']}"
    return Refusal(Kind.ANSWERED, message, code="AccessDeniedException", status=400, cause=ValueError("below"))


def test_a_refusal_by_aws_names_the_secret_and_awss_reason() -> None:
    versions = SecretsManagerVersions(SecretPlace(secret_id="klaviyo/dev/orders/webhook"), ask=denied)
    with pytest.raises(WebhookSecretsUnavailable, match=r"klaviyo/dev/orders/webhook.*AccessDeniedException") as raised:
        versions.fetch()
    assert isinstance(raised.value.__cause__, ValueError)


def test_without_a_region_it_is_the_settings_that_lack_it() -> None:
    place = SecretPlace(secret_id="klaviyo/dev/orders/webhook")
    with pytest.raises(WebhookSecretsNotConfigured, match="set AWS_REGION"):
        SecretsManagerVersions(place, environ={"AWS_CONFIG_FILE": "/nonexistent"}).fetch()


def test_without_credentials_it_says_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    place = SecretPlace(secret_id="klaviyo/dev/orders/webhook", region="eu-west-1")
    nowhere = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    with pytest.raises(WebhookSecretsUnavailable, match="run as the service's IAM role"):
        SecretsManagerVersions(place, environ=nowhere).fetch()
