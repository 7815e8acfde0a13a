"""The table of who may do what: made from access.yaml or from its export, never from another environment's."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.authorization import Permissions
from klaviyo_access.errors import PermissionsUnusable, UnknownPermission, UnknownRole
from tests.authorization.people import PERMISSIONS

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model() -> AccessModel:
    """The project's own access model."""
    return AccessModel.load(PROJECT / "access.yaml")


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """The permissions as a deployment ships them."""
    path = tmp_path / "permissions.json"
    path.write_text(json.dumps(PERMISSIONS.document()))
    return path


def test_the_export_read_again_is_the_same(shipped: Path) -> None:
    assert Permissions.load(shipped, environ={}) == PERMISSIONS
    assert Permissions.load(environ={"KLAVIYO_ACCESS_PERMISSIONS": str(shipped)}) == PERMISSIONS


@pytest.mark.parametrize("environment", ["local", "dev", "staging", "prod"])
def test_the_table_is_the_access_models_in_its_environment(model: AccessModel, environment: str) -> None:
    permissions = Permissions.of(model, environment=environment)
    for name, role in model.in_environment(environment).roles.items():
        allowed = {permission for permission in model.permissions if permissions.allows(name, permission)}
        assert allowed == set(role.permissions)
        assert permissions.lost[name] == set(role.lost_permissions)


def test_an_environments_ceiling_counts(model: AccessModel) -> None:
    allowed = {
        name: Permissions.of(model, environment=name).allows("marketer", "send-campaigns") for name in ("dev", "prod")
    }
    assert allowed == {"dev": False, "prod": True}


@pytest.mark.parametrize("role", [None, "", "owner", "Marketer", "marketer "])
def test_who_has_no_known_role_may_nothing(role: str | None) -> None:
    assert [PERMISSIONS.allows(role, permission) for permission in PERMISSIONS.descriptions] == [False, False]


def test_an_unknown_permission_is_an_error_that_names_the_nearest() -> None:
    for ask in (lambda: PERMISSIONS.allows("viewer", "send-campaign"), lambda: PERMISSIONS.holders("send-campaign")):
        with pytest.raises(UnknownPermission, match="'send-campaign' is none: did you mean 'send-campaigns'"):
            ask()


ROLES_NAMED = {
    "a role that access.yaml does not have": (["marketeer"], "did you mean 'marketer'"),
    "a role that has the permission nowhere": (["marketer", "viewer"], "'viewer' does not have 'send-campaigns'"),
    "a word taken for a list": ("marketer", "is none"),
}


@pytest.mark.parametrize(("roles", "message"), ROLES_NAMED.values(), ids=ROLES_NAMED)
def test_naming_a_role_that_cannot_pass_is_an_error(roles: list[str], message: str) -> None:
    with pytest.raises(UnknownRole, match=message):
        PERMISSIONS.holders("send-campaigns", among=roles)


def test_a_role_that_lost_the_permission_here_may_be_named() -> None:
    assert PERMISSIONS.holders("send-campaigns", among=["marketer", "developer"]) == {"marketer"}


def test_another_environments_permissions_are_refused(shipped: Path) -> None:
    for same in ("dev", ""):
        assert Permissions.load(shipped, environ={"KLAVIYO_ACCESS_ENVIRONMENT": same}) == PERMISSIONS
    with pytest.raises(PermissionsUnusable, match="are of 'dev', and KLAVIYO_ACCESS_ENVIRONMENT says 'prod'"):
        Permissions.load(shipped, environ={"KLAVIYO_ACCESS_ENVIRONMENT": "prod"})


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.pop(name)


SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    "no environment": without("environment"),
    "no permissions": without("permissions"),
    "no roles": without("roles"),
    "a role that is a list": lambda document: document["roles"].update(viewer=[]),
    "a text where names belong": lambda document: document["roles"]["viewer"].update(permissions="read-profiles"),
    "a permission that is not declared": lambda document: document["roles"]["viewer"].update(permissions=["fly"]),
    "lost permissions left out": lambda document: document["roles"]["viewer"].pop("lost_permissions"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_document_of_another_form_is_refused(spoil: Callable[[dict[str, Any]], object]) -> None:
    document = PERMISSIONS.document()
    spoil(document)
    with pytest.raises(PermissionsUnusable, match="klaviyo-access permissions --stack"):
        Permissions.read(document)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_document_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "permissions.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PermissionsUnusable, match="klaviyo-access permissions --stack"):
        Permissions.load(path, environ={})


def test_without_a_file_the_variable_to_set_is_named() -> None:
    with pytest.raises(PermissionsUnusable, match="KLAVIYO_ACCESS_PERMISSIONS names none"):
        Permissions.load(environ={})


def test_importing_it_imports_the_standard_library_alone() -> None:
    script = "import sys; import klaviyo_access.authorization, klaviyo_access.authorization.wsgi; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(
        {"pydantic", "ruamel", "botocore", "boto3", "httpx", "fastapi", "starlette", "flask", "werkzeug"}
    )
