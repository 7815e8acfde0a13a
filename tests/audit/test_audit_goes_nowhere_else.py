"""Audit entries never go to Klaviyo, and a service that keeps them needs nothing more than the standard library."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MODULES = sorted((PROJECT / "klaviyo_access/audit").glob("*.py"))

OURS = {
    "klaviyo_access.errors",
    "klaviyo_access.hidden",
    "klaviyo_access.keys.secret",
    "klaviyo_access.moments",
}
AWS = {f"klaviyo_access.aws.{name}" for name in ("answers", "client", "settings")}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_module_of_the_audit_can_speak_with_klaviyo(module: Path) -> None:
    text = module.read_text("utf-8")
    imported = {
        name
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    project = {name for name in imported if name.startswith("klaviyo_access")}
    asks_aws = module.name == "cloudwatch_logs.py"
    allowed = OURS | (AWS if asks_aws else set())
    assert {name for name in project if not name.startswith("klaviyo_access.audit")} <= allowed
    others = {name.partition(".")[0] for name in imported - project} - set(sys.stdlib_module_names)
    assert others <= ({"botocore"} if asks_aws else set())
    assert not {"socket", "ssl", "http", "urllib"} & {name.partition(".")[0] for name in imported}
    assert not re.search(r"klaviyo\.com", text)


def test_importing_the_audit_imports_the_standard_library_alone() -> None:
    script = "import sys; import klaviyo_access.audit; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert not tops & {"pydantic", "httpx", "botocore", "boto3", "klaviyo_api", "ruamel", "requests", "urllib3"}
