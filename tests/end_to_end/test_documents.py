"""README, CONTRIBUTING and the pages of docs/: what they show is run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from klaviyo_access.access_model import AccessModel
from tests.end_to_end.deployed import PROJECT, Deployed

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
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
    shown = {page.name: set(re.findall(r"\bmake ([a-z]+)\b(?=[`\n])", page.read_text("utf-8"))) for page in PAGES}
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    in_ci = set(re.findall(r"make ([a-z]+)", (PROJECT / ".ci/run").read_text()))
    assert set().union(*shown.values()) <= targets
    assert {"up", "test", "down"} <= shown["README.md"] <= in_ci


def test_every_path_of_the_contributors_tables_exists() -> None:
    rows = [line for line in (PROJECT / "CONTRIBUTING.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    named = {path for row in rows for path in re.findall(r"`([\w/]+(?:/|\.\w+))`", row)}
    assert len(named) > 30
    assert sorted(path for path in named if not (PROJECT / path).exists()) == []


def test_every_block_is_of_a_kind_that_some_test_reads() -> None:
    """`sh`, `python` and `console` run here; `py`, `yaml`, `json` and `text` in the test of their page."""
    kinds = {
        kind for page in PAGES for kind in re.findall(r"^ *```(\w*)\n.*?^ *```$", page.read_text("utf-8"), re.M | re.S)
    }
    assert kinds <= {"sh", "python", "console", "py", "yaml", "json", "text", "mermaid"}


def test_every_link_to_a_file_or_a_heading_leads_somewhere() -> None:
    broken = [
        f"{page.name}: {target}{heading}"
        for page in PAGES
        for target, heading in re.findall(r"\]\((?!https?://)([^)#]*)(#[^)]+)?\)", page.read_text("utf-8"))
        if not leads_somewhere(page.parent / target if target else page, heading.removeprefix("#"))
    ]
    assert broken == []


def leads_somewhere(path: Path, heading: str) -> bool:
    """Whether the file exists, and has the heading if one is named."""
    if not heading or not path.is_file():
        return path.exists() and not heading
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.end_to_end
def test_the_readme_names_the_tables_that_the_tour_shows(deployed: Deployed) -> None:
    section = (PROJECT / "README.md").read_text("utf-8").partition("## What you see")[2].partition("\n## ")[0]
    titles = re.findall(r"^\| ([A-Z][^|]+) \|", section, re.MULTILINE)
    assert len(titles) == 5
    assert [title for title in titles if title not in deployed.said] == []


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
            stdin=subprocess.DEVNULL,
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
    for command in commands:
        stdin = new_spares(deployed) if "keys stage" in command else None
        environ = deployed.signed_in("operator")
        done = deployed.run("-m", "klaviyo_access", *command.split()[1:], environ=environ, stdin=stdin)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def new_spares(deployed: Deployed) -> str:
    """A new key for each role, as `keys stage --all` reads them."""
    roles = AccessModel.load(PROJECT / "access.yaml").in_environment("local").roles
    return "".join(f"{name} {deployed.new_key(','.join(role.scopes))}\n" for name, role in roles.items())
