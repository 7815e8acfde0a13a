"""Reading the versions of a webhook's secret: all that Klaviyo may be signing with, and what stands against it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from klaviyo_access.errors import WebhookSecretsUnavailable
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


class Denied:
    """A Secrets Manager that lets this principal do nothing."""

    def describe_secret(self, **parameters: Any) -> dict[str, Any]:
        error = {"Code": "AccessDeniedException", "Message": f"not authorized on {parameters['SecretId']}"}
        raise ClientError({"Error": error}, "DescribeSecret")  # type: ignore[typeddict-item] # the stubs want more

    def get_secret_value(self, **parameters: Any) -> dict[str, Any]:
        raise AssertionError(parameters)


def test_a_refusal_by_aws_names_the_secret_and_awss_reason() -> None:
    versions = SecretsManagerVersions(SecretPlace(secret_id="klaviyo/dev/orders/webhook"), connect=Denied)
    with pytest.raises(WebhookSecretsUnavailable, match=r"klaviyo/dev/orders/webhook.*AccessDeniedException") as denied:
        versions.fetch()
    assert isinstance(denied.value.__cause__, ClientError)


def test_without_a_region_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(WebhookSecretsUnavailable, match="region"):
        SecretsManagerVersions(SecretPlace(secret_id="klaviyo/dev/orders/webhook")).fetch()
