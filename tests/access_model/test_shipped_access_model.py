"""access.yaml as it ships: who holds what, stated here a second time and literally."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from klaviyo_access.access_model import AccessModel
from klaviyo_access.access_model.catalog import GA_SCOPES

ROOT = Path(__file__).parents[2]

REPORTS = {"campaigns:read", "flows:read", "forms:read", "metrics:read", "segments:read"}

PERMISSIONS = {
    "read-profiles": {"profiles:read"},
    "write-profiles": {"profiles:write"},
    "delete-profiles": {"data-privacy:write"},
    "send-campaigns": {"campaigns:read", "campaigns:write"},
    "manage-lists": {"lists:read", "lists:write"},
    "track-events": {"events:write"},
    "view-reports": REPORTS,
    "manage-webhooks": {"webhooks:read", "webhooks:write"},
}

HELD = {
    "admin": set(PERMISSIONS),
    "marketer": {"read-profiles", "send-campaigns", "manage-lists", "view-reports"},
    "developer": {
        "read-profiles",
        "write-profiles",
        "manage-lists",
        "track-events",
        "view-reports",
        "manage-webhooks",
    },
    "viewer": {"read-profiles", "view-reports"},
    "service": {"read-profiles", "write-profiles", "track-events"},
    "profile-sync": set(),
    "event-tracker": set(),
    "reporting": set(),
    "custodian": set(),
}

DECLARED = {
    "admin": set(GA_SCOPES),
    "marketer": {"campaigns:read", "campaigns:write", "lists:read", "lists:write", "profiles:read", "segments:read"}
    | {"flows:read", "forms:read", "metrics:read"},
    "developer": {
        f"{family}:{access}"
        for family in ("profiles", "events", "lists", "webhooks", "templates")
        for access in ("read", "write")
    }
    | REPORTS,
    "viewer": {scope for scope in GA_SCOPES if scope.endswith(":read")},
    "service": {"events:write", "profiles:read", "profiles:write"},
    "profile-sync": {"profiles:read", "profiles:write", "lists:read", "lists:write"},
    "event-tracker": {"events:write", "profiles:read", "profiles:write"},
    "reporting": {"campaigns:read", "metrics:read", "segments:read", "profiles:read"},
    "custodian": {"credentials:read", "credentials:write"},
}

READ_BY = {
    "admin": ("admin-console", "app-api"),
    "marketer": ("app-api",),
    "developer": ("app-api",),
    "viewer": ("app-api",),
    "service": ("app-api",),
    "profile-sync": ("profile-sync",),
    "event-tracker": ("event-tracker",),
    "reporting": ("reporting",),
    "custodian": (),
}

NEEDED_IN_PROD = {
    "admin": {scope for scopes in PERMISSIONS.values() for scope in scopes},
    "marketer": DECLARED["marketer"],
    "developer": DECLARED["developer"] - {"events:read", "templates:read", "templates:write"},
    "viewer": {"profiles:read"} | REPORTS,
    "service": DECLARED["service"],
    "profile-sync": DECLARED["profile-sync"],
    "event-tracker": DECLARED["event-tracker"],
    "reporting": DECLARED["reporting"],
    "custodian": DECLARED["custodian"],
}

STAGING_WRITES = {"profiles:write", "lists:write", "events:write", "credentials:write"}


@pytest.fixture(scope="module")
def model() -> AccessModel:
    return AccessModel.load(ROOT / "access.yaml")


def test_each_permission_needs_the_scopes_that_klaviyo_asks_for(model: AccessModel) -> None:
    assert {name: set(permission.scopes) for name, permission in model.permissions.items()} == PERMISSIONS


def test_each_role_holds_its_permissions(model: AccessModel) -> None:
    assert {name: set(role.permissions) for name, role in model.roles.items()} == HELD


def test_each_role_has_its_scopes_and_the_proof_of_its_account(model: AccessModel) -> None:
    assert {name: set(role.declared) for name, role in model.roles.items()} == {
        name: scopes | {"accounts:read"} for name, scopes in DECLARED.items()
    }


def test_each_role_is_read_by_its_services(model: AccessModel) -> None:
    assert {name: role.services for name, role in model.in_environment("prod").roles.items()} == READ_BY


def test_only_the_api_that_serves_all_people_reads_several_keys(model: AccessModel) -> None:
    assert [name for name, service in model.services.items() if len(service.role_names) > 1] == ["app-api"]
    assert model.services["app-api"].role_names == ("admin", "marketer", "developer", "viewer", "service")
    assert model.services["app-api"].reason


def test_the_custodian_alone_may_list_and_disable_keys(model: AccessModel) -> None:
    holders = [name for name, role in model.roles.items() if "credentials:write" in role.declared]

    assert holders == [name for name, role in model.in_environment("prod").roles.items() if role.is_custodian]
    assert holders == ["custodian"]


@pytest.mark.parametrize("environment", ["prod", "local"])
def test_where_the_ceiling_is_what_is_required_no_key_has_more(model: AccessModel, environment: str) -> None:
    grants = model.in_environment(environment)

    assert {name: set(role.scopes) for name, role in grants.roles.items()} == {
        name: scopes | {"accounts:read"} for name, scopes in NEEDED_IN_PROD.items()
    }
    assert [role.excess for role in grants.roles.values() if role.excess] == []
    assert [role.lost_permissions for role in grants.roles.values() if role.lost_permissions] == []
    assert [service.unmet for service in grants.services.values() if service.unmet] == []


def test_nothing_can_be_written_from_dev(model: AccessModel) -> None:
    grants = model.in_environment("dev")

    assert {scope for role in grants.roles.values() for scope in role.scopes if not scope.endswith(":read")} == set()
    assert grants.roles["marketer"].lost_permissions == ("send-campaigns", "manage-lists")
    assert grants.roles["custodian"].taken_away == ("credentials:write",)


def test_staging_writes_what_synchronising_and_rotation_need(model: AccessModel) -> None:
    grants = model.in_environment("staging")

    writes = {scope for role in grants.roles.values() for scope in role.scopes if scope.endswith(":write")}
    assert writes == STAGING_WRITES
    assert grants.roles["marketer"].lost_permissions == ("send-campaigns",)
    assert [name for name, service in grants.services.items() if service.unmet] == ["admin-console", "app-api"]
    assert grants.services["admin-console"].unmet == ("campaigns:write", "data-privacy:write", "webhooks:write")


def test_a_service_that_keeps_all_it_needs_of_a_role_is_not_lost_to_that_role(model: AccessModel) -> None:
    grants = model.in_environment("staging")

    assert grants.roles["admin"].lost_services == ("admin-console", "app-api")
    assert grants.roles["service"].lost_services == ()


def test_every_excess_scope_comes_with_its_reason(model: AccessModel) -> None:
    for environment in model.environments:
        for role in model.in_environment(environment).roles.values():
            assert tuple(role.reasons) == role.excess
            assert all(role.reasons.values())


def test_an_excess_scope_has_the_reason_that_speaks_of_it_most_closely(model: AccessModel) -> None:
    developer = model.in_environment("dev").roles["developer"]

    assert developer.excess == ("events:read", "templates:read")
    assert developer.reasons["events:read"] == model.roles["developer"].reasons["events:read"]
    assert developer.reasons["templates:read"] == model.roles["developer"].reasons["templates:*"]


def test_the_values_handed_down_cannot_be_changed(model: AccessModel) -> None:
    grants = model.in_environment("prod")

    with pytest.raises(TypeError):
        grants.roles["marketer"] = grants.roles["admin"]  # type: ignore[index]  # the mapping has no such operation
    with pytest.raises(TypeError):
        model.roles["marketer"] = model.roles["admin"]  # type: ignore[index]  # the mapping has no such operation
    with pytest.raises(ValueError, match="frozen"):
        model.roles["marketer"].owner = "intruder"  # type: ignore[misc]  # the attribute is read-only
    with pytest.raises(AttributeError):
        grants.roles["marketer"].scopes = ()  # type: ignore[misc]  # the attribute is read-only


def test_the_model_itself_cannot_be_changed(model: AccessModel) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(model, "roles", {})  # noqa: B010 - what a type checker refuses, too


def test_the_oauth_app_asks_for_three_scopes_and_for_less_where_nothing_is_changed(model: AccessModel) -> None:
    prod, dev = (model.in_environment(name).oauth_app for name in ("prod", "dev"))
    assert prod is not None
    assert dev is not None
    assert prod.scopes == ("accounts:read", "events:write", "profiles:read")
    assert (dev.scopes, dev.lost_permissions) == (("accounts:read", "profiles:read"), ("track-events",))
