"""Every stack that ships, rendered as it would be deployed."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.policies.statements import REASONS_FOR_EVERY_RESOURCE
from klaviyo_access.access_model.environment import stacks_in
from sandbox.provider.schema import undeclared
from sandbox.render import render
from tests.components.recording import PROJECT_DIR

STACKS = stacks_in(PROJECT_DIR)
KEY = re.compile(r"pk_(?:[A-Za-z0-9]{6}_)?[0-9a-f]{34}")
KEPT = {
    "aws:secretsmanager/secret:Secret": 18,
    "aws:kms/key:Key": 3,
    "aws:cloudwatch/logGroup:LogGroup": 1,
    "aws:s3/bucket:Bucket": 1,
    "aws:cloudtrail/trail:Trail": 1,
}

KEPT_EVERYWHERE = {"aws:secretsmanager/secret:Secret": 18, "aws:kms/key:Key": 1}


@cache
def resources(stack: str) -> tuple[dict[str, Any], ...]:
    return tuple(render(stack, project_dir=PROJECT_DIR)["deployment"]["resources"])


def statements(stack: str) -> list[dict[str, Any]]:
    return [
        statement
        for resource in resources(stack)
        for field in ("policy", "assumeRolePolicy")
        if isinstance(text := resource.get("inputs", {}).get(field), str)
        for statement in json.loads(text)["Statement"]
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_a_statement_on_every_resource_has_its_written_reason(stack: str) -> None:
    everywhere = [statement for statement in statements(stack) if statement.get("Resource") in ("*", ["*"])]
    assert everywhere
    assert {statement["Sid"] for statement in everywhere} <= REASONS_FOR_EVERY_RESOURCE.keys()


@pytest.mark.parametrize("stack", STACKS)
def test_no_key_material_is_rendered(stack: str) -> None:
    assert not KEY.search(json.dumps(resources(stack)))


@pytest.mark.parametrize("stack", STACKS)
def test_only_properties_that_pulumi_aws_declares_are_used(stack: str) -> None:
    used = [resource for resource in resources(stack) if resource["type"].startswith("aws:")]
    assert len(used) > 150
    assert [path for resource in used for path in undeclared(resource["type"], resource["inputs"])] == []


@pytest.mark.parametrize("stack", STACKS)
def test_secrets_are_protected_unless_all_may_go_at_once_and_in_prod_all_that_is_kept(
    stack: str,
) -> None:
    protected: dict[str, int] = {}
    for resource in resources(stack):
        if resource.get("protect"):
            protected[resource["type"]] = protected.get(resource["type"], 0) + 1
    assert protected == {"local": {}, "prod": KEPT}.get(stack, KEPT_EVERYWHERE)


def test_a_secret_that_the_settings_let_go_is_protected_no_more(tmp_path: Path) -> None:
    for path in PROJECT_DIR.iterdir():
        if path.name != "Pulumi.dev.yaml":
            (tmp_path / path.name).symlink_to(path)
    text = (PROJECT_DIR / "Pulumi.dev.yaml").read_text("utf-8")
    named = "config:\n  klaviyo-access:removedSecrets: [klaviyo/dev/viewer/key]\n"
    (tmp_path / "Pulumi.dev.yaml").write_text(text.replace("config:\n", named, 1), "utf-8")
    rendered = render("dev", project_dir=tmp_path)["deployment"]["resources"]
    secrets = [it for it in rendered if it["type"] == "aws:secretsmanager/secret:Secret"]
    assert [it["inputs"]["name"] for it in secrets if not it.get("protect")] == ["klaviyo/dev/viewer/key"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_rotation_is_scheduled_only_once_permission_and_policies_stand(stack: str) -> None:
    rotations = [it for it in resources(stack) if it["type"] == "aws:secretsmanager/secretRotation:SecretRotation"]
    assert len(rotations) == 9
    for rotation in rotations:
        role = rotation["urn"].rpartition("::klaviyo-")[2].removesuffix("-rotation-schedule")
        needed = {dependency.rpartition("::")[2] for dependency in rotation["dependencies"]}
        assert {
            f"klaviyo-{role}-rotation-permission",
            f"klaviyo-{role}-rotation-policy",
            f"klaviyo/{stack}/{role}/key-policy",
            f"klaviyo/{stack}/{role}/reserve-policy",
        } <= needed


@pytest.mark.parametrize("stack", STACKS)
def test_every_component_registers_its_outputs_and_every_child_its_parent(stack: str) -> None:
    components = [it for it in resources(stack) if it["type"].startswith("klaviyo-access:index:")]
    assert {it["type"].rpartition(":")[2] for it in components} == {
        "KlaviyoAccess",
        "EncryptionKey",
        "RoleKey",
        "KeyRotation",
        "ServiceAccess",
        "KeyOperators",
        "ApplicationAudit",
        "SuspicionAlarm",
        "KeyAuditor",
        "AuditTrail",
        "AuditBucket",
        "Alerts",
        *(["FarWatch"] if stack != "local" else []),
    }
    assert [it["urn"] for it in components if not it.get("outputs")] == []
    parents = {it["urn"]: it["parent"] for it in resources(stack) if it["type"].startswith("aws:")}
    assert [urn for urn, parent in parents.items() if "klaviyo-access:index:" not in parent] == []


def test_rendering_twice_gives_the_same_text() -> None:
    assert json.dumps(render("dev", project_dir=PROJECT_DIR)) == json.dumps(render("dev", project_dir=PROJECT_DIR))


@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_exports_keys_roles_and_the_lines_to_paste(stack: str) -> None:
    (whole,) = [it for it in resources(stack) if it["type"] == "pulumi:pulumi:Stack"]
    outputs = whole["outputs"]
    assert set(outputs) >= {"keyArns", "serviceRoleArns", "operatorRoleArn", "snippets"}
    assert set(outputs["keyArns"]) == set(outputs["snippets"])
    assert set(outputs["serviceRoleArns"]) == {"profile-sync", "event-tracker", "reporting", "admin-console", "app-api"}
    assert outputs["operatorRoleArn"].endswith(f":role/klaviyo/{stack}/klaviyo-{stack}-key-operator")
