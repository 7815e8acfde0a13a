"""README, CONTRIBUTING and the pages of docs/: what they show is run."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from klaviyo_access.access_model import AccessModel
from tests.end_to_end.deployed import PROJECT, Deployed
from tests.end_to_end.shown_commands import INLINE, aws_problems, console_commands
from tests.end_to_end.small_project import small_project

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(*languages: str) -> list[tuple[str, str]]:
    """The fenced blocks of these languages on all pages, each with its language."""
    return [
        (kind, re.sub(r"^ {3}", "", body, flags=re.MULTILINE) if body.startswith("   ") else body)
        for page in PAGES
        for kind, body in FENCE.findall(page.read_text("utf-8"))
        if kind in languages
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
def test_every_block_runs_as_it_stands_after_those_before_it(deployed: Deployed) -> None:
    """A shell's as the reader, and Python's as a service; what CI runs around the tests is left out."""
    shown = [(kind, body) for kind, body in blocks("sh", "python") if not body.startswith("make ")]
    assert {kind for kind, _ in shown} == {"sh", "python"}
    deployed.done("keys", "stage", "--all", stdin=new_spares(deployed))  # which tests before may have used up
    for kind, body in shown:
        done = as_reader(deployed, body) if kind == "sh" else as_service(deployed, body)
        assert done.returncode == 0, f"{body}\n{done.stdout}{done.stderr}"


def as_reader(deployed: Deployed, block: str) -> subprocess.CompletedProcess[str]:
    """Run lines of a shell in the checkout."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],  # noqa: S607 - the shell of the reader
        cwd=PROJECT,
        env=deployed.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def as_service(deployed: Deployed, snippet: str) -> subprocess.CompletedProcess[str]:
    """Run Python as the service that tracks events does."""
    environ = {**deployed.environ, **deployed.as_service("event-tracker")}
    return subprocess.run(
        [sys.executable, "-c", snippet], cwd=Path("/"), env=environ, capture_output=True, text=True, check=False
    )


def test_every_console_line_is_of_a_kind_that_a_test_here_runs_or_holds() -> None:
    kinds = ("klaviyo-access ", "pulumi ", "aws ", "python3 -m venv ", ".venv/bin/pip install ")
    assert [command for command in console_commands(PAGES) if not command.startswith(kinds)] == []


def test_what_the_readme_installs_is_what_the_makefile_installs_for_ci() -> None:
    recipe = re.sub(r" --quiet| --disable-pip-version-check", "", (PROJECT / "Makefile").read_text("utf-8"))
    recipe = recipe.replace("$(PYTHON)", "python3").replace("$(BIN)", ".venv/bin")
    made = re.findall(r"^\t(python3 -m venv .+|\.venv/bin/pip install .+)$", recipe, re.MULTILINE)
    shown = [one for one in console_commands(PAGES) if one.startswith(("python3 -m venv ", ".venv/bin/pip "))]
    assert len(made) == 3
    assert shown == made


def test_every_command_of_the_aws_cli_is_one_that_aws_knows() -> None:
    shown = [command for command in console_commands(PAGES) if command.startswith("aws ")]
    mentioned = [re.sub(r"\s+", " ", one) for page in PAGES for one in INLINE.findall(page.read_text("utf-8"))]
    assert shown
    assert mentioned
    problems = {one: aws_problems(one) for one in shown} | {one: aws_problems(one, whole=False) for one in mentioned}
    assert {one: found for one, found in problems.items() if found} == {}


def test_the_deployers_role_is_taken_by_one_environment_of_one_repository_alone() -> None:
    [trust] = [json.loads(one) for _, one in blocks("json") if "token.actions.githubusercontent.com:sub" in one]
    [statement] = trust["Statement"]
    account, issuer = "333333333333", "token.actions.githubusercontent.com"
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::{account}:oidc-provider/{issuer}"}
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": "repo:example/klaviyo-access:environment:prod",
        }
    }


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("aws iam attach-role --role-name a", "iam has no attach-role"),
        ("aws imam get-role --role-name a", "imam has no get-role"),
        ("aws iam get-role --name a --role-name a", "get-role has no --name"),
        ("aws iam get-role", "get-role lacks --role-name"),
        ("aws kms create-key --key-usage SIGN", "create-key --key-usage is none of"),
    ],
)
def test_a_command_that_aws_does_not_know_is_noticed(command: str, problem: str) -> None:
    assert [found for found in aws_problems(command) if found.startswith(problem)] != []


@pytest.mark.end_to_end
def test_the_commands_of_pulumi_run_on_the_embedded_engine(deployed: Deployed) -> None:
    """Where state is kept is the sandbox's matter: `login` and `stack init` have no equal there."""
    shown = {command_of_pulumi(one) for one in console_commands(PAGES) if one.startswith("pulumi ")}
    assert shown == {"login", "stack init", "preview", "up"}
    for command in ("preview", "up"):
        done = deployed.run("-m", "sandbox.engine", command, "--stack", "local", environ=deployed.signed_in("deployer"))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.cli
@pytest.mark.end_to_end
@pytest.mark.skipif(shutil.which("pulumi") is None, reason="there is no pulumi on PATH")
def test_the_commands_of_pulumi_run_under_its_cli(tmp_path: Path) -> None:
    """With the sandbox's backend and a passphrase in the place of the bucket and the key of KMS."""
    with small_project("pulumi", tmp_path) as project:
        for number, line in enumerate(one for one in console_commands(PAGES) if one.startswith("pulumi ")):
            command = command_of_pulumi(line)
            options = [re.sub(r"^awskms:.*", "passphrase", one) for one in shlex.split(line)[1:]]
            if command == "login":
                options = ["login", project.signed_in["deployer"]["PULUMI_BACKEND_URL"]]
            elif command == "stack init":
                options[2] = f"shown-{number}"
                options.append("--no-select")
            else:
                options += ["--stack", "local", *(["--yes"] if command == "up" else [])]
            done = project.run("pulumi", *options, "--non-interactive")
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def command_of_pulumi(line: str) -> str:
    """`stack init` of `pulumi stack init dev`, `up` of `pulumi up`."""
    words = shlex.split(line)
    return " ".join(words[1 : 3 if words[1] == "stack" else 2])


@pytest.mark.end_to_end
def test_the_operators_commands_for_a_real_account_run_on_the_sandbox_too(deployed: Deployed) -> None:
    lines = console_commands(PAGES)
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
