"""Physical names: explicit, and shortened by hash where AWS sets a limit."""

import pytest

from components.names import BUCKET_LIMIT, IAM_ROLE_LIMIT, AuditNames, physical_name, shorten
from klaviyo_access.access_model.environment import Environment

HERE = Environment(name="prod", region="ap-southeast-2", account_id="111111111111", prefix="klaviyo")


def test_a_name_within_the_limit_is_left_as_it_is() -> None:
    assert physical_name(HERE, "viewer", "rotator", limit=IAM_ROLE_LIMIT) == "klaviyo-prod-viewer-rotator"


@pytest.mark.parametrize("limit", [20, 63, 64])
def test_a_name_over_the_limit_keeps_its_start_and_stays_unique(limit: int) -> None:
    names = {shorten("x" * 70 + str(number), limit) for number in range(50)}
    assert len(names) == 50
    assert {len(name) for name in names} == {limit}


def test_a_shortened_name_never_has_two_hyphens_where_it_was_cut() -> None:
    assert "--" not in shorten("klaviyo-prod-----------------and-so-on", 22)


def test_a_bucket_keeps_account_and_region_in_its_name_however_long() -> None:
    longest = Environment(name="e" * 20, region="ap-southeast-2", account_id="1" * 12, prefix="p" * 20)
    assert AuditNames.of(longest).bucket.endswith("-audit-111111111111-ap-southeast-2")
    assert len(AuditNames.of(longest).bucket) > BUCKET_LIMIT


def test_the_operators_role_is_known_by_its_arn_before_it_exists() -> None:
    name = physical_name(HERE, "key-operator", limit=IAM_ROLE_LIMIT)
    assert HERE.operator_role_arn == f"arn:aws:iam::111111111111:role/klaviyo/prod/{name}"
