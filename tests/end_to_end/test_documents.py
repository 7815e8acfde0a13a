"""The README and the pages of docs/: what they show is run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from klaviyo_access.access_model import AccessModel
from tests.end_to_end.deployed import PROJECT, Deployed

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language on all pages."""
    return [
        re.sub(r"^ {3}", "", body, flags=re.MULTILINE) if body.startswith("   ") else body
        for page in PAGES
        for kind, body in FENCE.findall(page.read_text("utf-8"))
        if kind == language
    ]


def test_the_makefile_has_every_target_that_is_shown_and_ci_runs_those_of_the_readme() -> None:
    shown = {match for page in PAGES for match in re.findall(r"\bmake ([a-z]+)\b(?=[`\n])", page.read_text("utf-8"))}
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    in_ci = set(re.findall(r"make ([a-z]+)", (PROJECT / ".ci/run").read_text()))
    assert {"up", "test", "down"} <= shown <= targets
    assert shown <= in_ci


def test_every_link_to_a_file_leads_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.end_to_end
def test_every_shell_block_runs_as_it_stands(deployed: Deployed) -> None:
    ran = 0
    for block in blocks("sh"):
        if block.startswith("make "):
            continue  # what CI runs around the tests
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],  # noqa: S607 - the shell of the reader
            cwd=PROJECT,
            env=deployed.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        ran += 1
    assert ran


@pytest.mark.end_to_end
def test_every_python_block_runs_as_a_service(deployed: Deployed) -> None:
    snippets = blocks("python")
    assert snippets
    for snippet in snippets:
        environ = {**deployed.environ, **deployed.as_service("event-tracker")}
        done = subprocess.run(
            [sys.executable, "-c", snippet], cwd=Path("/"), env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{snippet}\n{done.stderr}"


@pytest.mark.end_to_end
def test_the_operators_commands_for_a_real_account_run_on_the_sandbox_too(deployed: Deployed) -> None:
    lines = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    commands = [line.replace("--stack dev", "--stack local") for line in lines if line.startswith("klaviyo-access ")]
    assert commands
    spares = [f"{role} {deployed.new_key(scopes)}\n" for role, scopes in scopes_of_roles().items()]
    for command in commands:
        stdin = "".join(spares) if "keys stage" in command else None
        environ = deployed.signed_in("operator")
        done = deployed.run("-m", "klaviyo_access", *command.split()[1:], environ=environ, stdin=stdin)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def scopes_of_roles() -> dict[str, str]:
    """The scopes of each role's key in the sandbox."""
    roles = AccessModel.load(PROJECT / "access.yaml").in_environment("local").roles
    return {name: ",".join(role.scopes) for name, role in roles.items()}
