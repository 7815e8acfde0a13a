"""docs/sessions.md says what is so; its Python blocks run with those of all pages on a deployed sandbox."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.errors import KlaviyoError

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/sessions.md").read_text("utf-8")


def test_the_table_names_every_error_of_a_session() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [
        kind.__name__ for kind in KlaviyoError.__subclasses__()
    ]


def test_the_roles_for_a_missing_scope_come_out_of_the_commands_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "klaviyo_access", "scopes", "--stack", "prod", "--json"]
    answer = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    (tmp_path / "scopes.json").write_text(answer)
    monkeypatch.chdir(tmp_path)
    handed_over: dict[str, Any] = {}
    (block,) = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(block, {"session_for_role": lambda role, roles: handed_over.update({role: roles})})  # noqa: S102 - our own page
    declared = AccessModel.load(PROJECT / "access.yaml").in_environment("prod").roles
    roles = handed_over["event-tracker"]
    assert {name for name, role in declared.items() if set(role.scopes) <= set(roles[name])} == set(roles)
